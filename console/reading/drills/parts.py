"""Parts of a page without which the page is still of use."""

from collections.abc import Callable
from typing import Any

from cli.refusal import ApiRefused


def read_part(what: str, read: Callable[[], Any]) -> dict[str, Any]:
    """The `value` that `read` returns, or None and the `problem` in words if the API refuses it.

    One part must not hide the others: a role may read plans and not compliance. Raise ApiUnreachable,
    CredentialsExpired.
    """
    try:
        return {"value": read(), "problem": None}
    except ApiRefused as error:
        return {"value": None, "problem": f"{what} cannot be read: {error}"}
