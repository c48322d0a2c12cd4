"""The console as a Starlette application: its routes, its guard, and what a page says when something goes wrong."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console import live
from console.crashes import Crashes
from console.deployment import Deployment
from console.guard import ENTRY_PATH, Guard, name_cookie
from console.keys import is_same
from console.pages import decisions, endings, fleet, overview, plans, reports, run_list, runs, servers, starts, steps
from console.pages.drills import assessment, compliance, evidence, findings, history, schedules
from console.refusals import describe_error
from console.render import FOLDER, render
from console.topics import TopicUnknown

# The first route that matches answers.
_PAGES = (
    *(overview, run_list, starts, plans, decisions, endings, servers, steps, reports, runs, fleet),
    *(compliance, schedules, assessment, findings, evidence, history),
)


def make_app(deployment: Deployment, port: int) -> Starlette:
    """The application for this deployment, which listens on this port of 127.0.0.1."""
    app = Starlette(
        routes=[
            Route(ENTRY_PATH, _enter),
            *live.ROUTES,
            *(route for page in _PAGES for route in page.ROUTES),
            Mount("/static", StaticFiles(directory=FOLDER / "static")),
        ],
        middleware=[
            Middleware(Guard, keys=deployment.keys, port=port),
            Middleware(Crashes, deployment=deployment),
        ],
        exception_handlers={
            HTTPException: _show_error,
            ApiRefused: _show_error,
            ApiUnreachable: _show_error,
            CredentialsExpired: _show_error,
            TopicUnknown: _show_unknown,
        },
    )
    app.state.deployment, app.state.port = deployment, port
    app.state.readings, app.state.is_ending = live.Readings(deployment), lambda: False
    return app


async def _enter(request: Request) -> Response:
    """Give the browser that knows the key its cookie, and leave the key out of the address."""
    deployment = request.app.state.deployment
    if not is_same(request.query_params.get("key"), deployment.keys.entry):
        raise HTTPException(403, "The address has a wrong key. Open the one that `drs-waves console` has printed.")
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        name_cookie(request.app.state.port), deployment.keys.cookie, path="/", httponly=True, samesite="strict"
    )
    return answer


def _show_error(request: Request, error: Exception) -> Response:
    """A page that says what went wrong and what to do; for a part of a page, only the words of it."""
    shown = describe_error(error)
    is_part = request.headers.get("HX-Request") == "true"
    template = "error_part.html.j2" if is_part else "error.html.j2"
    return render(request, template, shown.title, None, shown.status, error=shown)


def _show_unknown(request: Request, error: Exception) -> Response:
    """The path has an id that none of ours can be."""
    return _show_error(request, HTTPException(404, "There is no such page."))
