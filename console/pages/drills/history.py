"""Who changed a plan, a protection group or a target account: also of what has been deleted."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.deployment import Deployment
from console.pages.parts import require_id, show_error_in_place
from console.pages.run_list import MAX_TOKEN_LENGTH
from console.reading.drills import history
from console.render import render

# How old the newest versions may be, in real seconds. The part names the version that the plan has, so that a change
# is read at once.
MAX_AGE = 60.0


def show_history(request: Request) -> Response:
    """A page of the versions of a plan, a group or an account, newest first."""
    deployment: Deployment = request.app.state.deployment
    kind, subject = require_id(request, "subject"), require_id(request, "subject_id")
    if kind not in history.SUBJECTS:
        raise HTTPException(404, "There is a history of a plan, a group and an account.")
    token = request.query_params.get("page") or None
    if token and len(token) > MAX_TOKEN_LENGTH:
        raise HTTPException(400, "The list has no such page. Open its first page.")
    found = history.read(deployment.api, kind, subject, token)
    return render(
        request,
        "history.html.j2",
        f"History of {subject}",
        kind=kind,
        what=history.SUBJECTS[kind][1],
        subject=subject,
        versions=history.list_versions(found),
        is_first=token is None,
        following=found["nextToken"],
    )


def show_newest(request: Request) -> Response:
    """The newest versions of a plan: a part of its page."""
    deployment: Deployment = request.app.state.deployment
    plan_id, version = require_id(request, "plan_id"), request.query_params.get("version", "")[:20]
    try:
        found = deployment.snapshot(
            f"history/{plan_id}/{version}",
            lambda api: history.read(api, "plan", plan_id, rows=history.ROWS_OF_PLAN),
            MAX_AGE,
        ).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(
        request,
        "newest_history.html.j2",
        "",
        versions=history.list_versions(found),
        subject=plan_id,
        is_all=not found["nextToken"],
    )


ROUTES = [
    Route("/history/{subject}/{subject_id}", show_history),
    Route("/plans/{plan_id}/newest-history", show_newest),
]
