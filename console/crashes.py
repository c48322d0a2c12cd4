"""What happens when the console itself fails: a page with an id, and the trace in the terminal without secrets."""

import logging
import secrets
import traceback

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.deployment import Deployment
from console.refusals import ShownError
from console.render import render
from console.snapshots import troubles
from recovery.free_text import clean

_log = logging.getLogger("console")
_HIDDEN = "(hidden)"


class Crashes:
    """Answers requests that raise an error which no page expects."""

    def __init__(self, app: ASGIApp, deployment: Deployment) -> None:
        self._app, self._deployment = app, deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_started = False
        troubles.set([])

        async def send_noted(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # the page says so, and the terminal has the trace
            crash_id = report_crash(self._deployment, error)
            if not has_started:  # otherwise the server closes the connection in the middle of the answer
                await _make_page(Request(scope), crash_id)(scope, receive, send)


def report_crash(deployment: Deployment, error: BaseException) -> str:
    """Write the trace of an error to the terminal, and return the id that its first line has."""
    crash_id = secrets.token_hex(4)
    trace = clean("".join(traceback.format_exception(error)), keep="\n")
    for secret in (*deployment.keys.list(), *deployment.api.list_secrets()):
        trace = trace.replace(secret, _HIDDEN)
    _log.error("The console has failed (%s):\n%s", crash_id, trace)
    return crash_id


def _make_page(request: Request, crash_id: str) -> Response:
    shown = ShownError(
        "The console has failed",
        (
            "This is a fault of the console; runs continue. If you have sent a decision, see whether the run has it.",
            f"The terminal of `drs-waves console` has the trace, under {crash_id}.",
        ),
        500,
    )
    is_part = request.headers.get("HX-Request") == "true"
    try:
        return render(
            request, "error_part.html.j2" if is_part else "error.html.j2", shown.title, None, 500, error=shown
        )
    except Exception:  # noqa: BLE001  # what every page has may be what fails
        return PlainTextResponse("\n".join((shown.title, *shown.lines)), 500)
