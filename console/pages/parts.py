"""What stands in the place of a part that cannot be read, and what closes a dialog."""

import json

from starlette.requests import Request
from starlette.responses import Response

from console.refusals import describe_error
from console.render import render


def show_error_in_place(request: Request, error: Exception) -> Response:
    """The words of an error in the place of a part, without which the rest is of use."""
    shown = describe_error(error)
    return render(request, "missing_part.html.j2", "", status=shown.status, error=shown)


def answer_done(text: str) -> Response:
    """Close the dialog and tell the page what was done. What the API said stays in one line of ASCII, for a header."""
    return Response(headers={"HX-Trigger": json.dumps({"notice": {"text": text}})})
