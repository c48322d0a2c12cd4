"""Parts of pages and dialogs that are read when they are seen, and what stands in their place after an error."""

from starlette.requests import Request
from starlette.responses import Response

from console.refusals import describe_error
from console.render import render


def show_error_in_place(request: Request, error: Exception) -> Response:
    """The words of an error in the place of a part, without which the rest is of use."""
    shown = describe_error(error)
    return render(request, "missing_part.html.j2", "", status=shown.status, error=shown)
