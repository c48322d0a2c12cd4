"""The dialogs that pause and resume the drills of a plan's schedule."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.parts import answer_done, require_id
from console.reading.drills.schedule import mark_schedule, read, show_in_zone
from console.refusals import ShownError
from console.render import render
from console.sending import NotDone, require_key, submit

_CHANGED = ShownError(
    "The schedule has changed since this dialog was opened", ("Nothing was sent now. Look at what there is.",), 409
)
_DONE = {
    "pause": "The schedule is paused: no drill of this plan begins by itself.",
    "resume": "The schedule is resumed: the next appointment holds.",
}


def show_pause(request: Request) -> Response:
    """The dialog that pauses the schedule."""
    return _open(request, "pause")


def show_resume(request: Request) -> Response:
    """The dialog that resumes the schedule."""
    return _open(request, "resume")


async def pause(request: Request) -> Response:
    """Pause the schedule."""
    return await _change(request, "pause")


async def resume(request: Request) -> Response:
    """Resume the schedule."""
    return await _change(request, "resume")


def _open(request: Request, change: str) -> Response:
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    schedule = read(deployment.api, require_id(request, "plan_id"))
    return _show(request, change, schedule, repeat.make_key())


async def _change(request: Request, change: str) -> Response:
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    plan_id, key, comment = require_id(request, "plan_id"), fields.get("key", ""), fields.get("comment", "").strip()
    require_key(key)
    schedule = await run_in_threadpool(read, deployment.api, plan_id)
    if fields.get("seen") != mark_schedule(schedule):
        return await run_in_threadpool(_show, request, change, schedule, repeat.make_key(), comment, _CHANGED)
    lost = "It may have been recorded. The same button sends it again, and it counts once."
    path = f"/recovery-plans/{plan_id}/drill-schedule/{change}"
    body = ({"comment": comment} if comment else {}) if change == "pause" else None
    try:
        await submit(deployment.api, path, body, key, lost)
    except NotDone as failed:
        return await run_in_threadpool(_show, request, change, schedule, failed.key, comment, failed.shown)
    finally:
        for topic in (f"plan/{plan_id}", "compliance"):
            deployment.snapshots.forget(topic)
    return answer_done(_DONE[change])


def _show(
    request: Request,
    change: str,
    schedule: dict[str, Any],
    key: str,
    comment: str = "",
    error: ShownError | None = None,
) -> Response:
    zone = (schedule["policy"] or {}).get("timezone")
    return render(
        request,
        "schedule_change.html.j2",
        "",
        status=error.status if error else 200,
        change=change,
        schedule=schedule,
        coming=[(each["at"], show_in_zone(each["at"], zone)) for each in schedule["next"][:1]],
        is_open=bool(schedule["policy"]) and (change == "resume") == bool(schedule["paused"]),
        seen=mark_schedule(schedule),
        key=key,
        comment=comment,
        error=error,
    )


ROUTES = [
    Route("/plans/{plan_id}/schedule/pause", show_pause),
    Route("/plans/{plan_id}/schedule/pause", pause, methods=["POST"]),
    Route("/plans/{plan_id}/schedule/resume", show_resume),
    Route("/plans/{plan_id}/schedule/resume", resume, methods=["POST"]),
]
