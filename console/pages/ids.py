"""The ids in the console's own paths."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from console.deployment import ID


def require_id(request: Request, name: str, text: str | None = None) -> str:
    """The id in the path of the request, or this text. Raise HTTPException for what can be no id."""
    found = request.path_params[name] if text is None else text
    if not ID.fullmatch(found):
        raise HTTPException(404, "There is no such page: the address has an id that no plan and no run can have.")
    return str(found)
