"""What pages share: ids in their paths, what stands in the place of a part, and what closes a dialog."""

import json

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.deployment import ID
from console.refusals import describe_error
from console.render import render


def require_id(request: Request, name: str, text: str | None = None) -> str:
    """The id in the path of the request, or this text. Raise HTTPException for what can be no id."""
    found = request.path_params[name] if text is None else text
    if not ID.fullmatch(found):
        raise HTTPException(404, "There is no such page: the address has an id that no plan and no run can have.")
    return str(found)


def read_number(request: Request, name: str, default: int) -> int:
    """The whole number in the query, or the default for what is none, or has more digits than rows can need."""
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else default


def show_error_in_place(request: Request, error: Exception) -> Response:
    """The words of an error in the place of a part, without which the rest is of use."""
    shown = describe_error(error)
    return render(request, "missing_part.html.j2", "", status=shown.status, error=shown)


def answer_done(text: str) -> Response:
    """Close the dialog and tell the page what was done. What the API said stays in one line of ASCII, for a header."""
    return Response(headers={"HX-Trigger": json.dumps({"notice": {"text": text}})})
