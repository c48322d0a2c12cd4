"""The dialogs about drill findings: open one, close it, reopen it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.drills.assessment import forget_assessment
from console.pages.parts import answer_done, require_id
from console.pages.runs import RunPage
from console.reading.drills.findings import MAX_OWNER, MAX_TEXT, MAX_TITLE, find_finding, mark_finding
from console.refusals import ShownError
from console.render import render
from console.sending import NotDone, require_key, submit

_FIELDS = ("title", "description", "owner", "due")
_LOST = "It may have been recorded. The same button sends it again, and it counts once."
_CHANGED = ShownError(
    "The drill finding has changed since this dialog was opened", ("Nothing was sent now. Look at what there is.",), 409
)
_CHANGES = {"close": ("OPEN", "closed"), "reopen": ("CLOSED", "open again")}


# --- open one -------------------------------------------------------------------------------------------------------
def show_open(request: Request) -> Response:
    """The dialog that opens a finding about a run."""
    require_writable(request.app.state.deployment)
    return _show_open(request, {}, repeat.make_key())


async def open_finding(request: Request) -> Response:
    """Open the finding."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    run_id, key = require_id(request, "run_id"), fields.get("key", "")
    typed = {name: fields.get(name, "").strip() for name in _FIELDS}
    require_key(key)
    if mistake := _find_mistake(typed):
        error = ShownError("That is not what was asked for", (f"{mistake} Nothing was recorded.",), 422)
        return await run_in_threadpool(_show_open, request, typed, key, error)
    body = {name: value for name, value in typed.items() if value}
    try:
        await submit(deployment.api, f"/executions/{run_id}/drill-findings", body, key, _LOST)
    except NotDone as failed:
        return await run_in_threadpool(_show_open, request, typed, failed.key, failed.shown)
    finally:
        forget_assessment(deployment, run_id)
    return answer_done("The drill finding is recorded, and open.")


def _find_mistake(typed: Mapping[str, str]) -> str | None:
    if not typed["title"]:
        return "A drill finding needs a title."
    if not typed["owner"]:
        return "A drill finding needs an owner: who sees to it that it is mended."
    try:
        date.fromisoformat(typed["due"])
    except ValueError:
        return "A drill finding needs a due date, like 2026-12-31."
    return None


def _show_open(request: Request, typed: Mapping[str, str], key: str, error: ShownError | None = None) -> Response:
    return render(
        request,
        "finding_open.html.j2",
        "",
        status=error.status if error else 200,
        record=RunPage.read(request).record,
        typed={name: typed.get(name, "") for name in _FIELDS},
        most={"title": MAX_TITLE, "description": MAX_TEXT, "owner": MAX_OWNER},
        key=key,
        error=error,
    )


# --- close and reopen -----------------------------------------------------------------------------------------------
def show_close(request: Request) -> Response:
    """The dialog that closes a finding."""
    return _open(request, "close")


def show_reopen(request: Request) -> Response:
    """The dialog that reopens a finding."""
    return _open(request, "reopen")


async def close(request: Request) -> Response:
    """Close the finding."""
    return await _change(request, "close")


async def reopen(request: Request) -> Response:
    """Reopen the finding."""
    return await _change(request, "reopen")


def _open(request: Request, change: str) -> Response:
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    return _show(request, change, _read(request), repeat.make_key())


async def _change(request: Request, change: str) -> Response:
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    key, comment = fields.get("key", ""), fields.get("comment", "").strip()
    require_key(key)
    finding = await run_in_threadpool(_read, request)
    if fields.get("seen") != mark_finding(finding):
        return await run_in_threadpool(_show, request, change, finding, repeat.make_key(), comment, _CHANGED)
    if not comment:
        error = ShownError("A comment is needed", ("Say what was done, or why. Nothing was recorded.",), 422)
        return await run_in_threadpool(_show, request, change, finding, key, comment, error)
    plan_id = require_id(request, "plan_id")
    path = f"/recovery-plans/{plan_id}/drill-findings/{finding['findingId']}/{change}"
    try:
        await submit(deployment.api, path, {"comment": comment}, key, _LOST)
    except NotDone as failed:
        return await run_in_threadpool(_show, request, change, finding, failed.key, comment, failed.shown)
    finally:
        deployment.snapshots.forget(f"plan/{plan_id}")
        forget_assessment(deployment, finding["executionId"])
    return answer_done(f"The drill finding is {_CHANGES[change][1]}.")


def _read(request: Request) -> dict[str, Any]:
    deployment: Deployment = request.app.state.deployment
    plan_id, finding_id = require_id(request, "plan_id"), require_id(request, "finding_id")
    finding = find_finding(deployment.api, plan_id, finding_id)
    if finding is None:
        raise HTTPException(404, "The plan has no such drill finding.")
    return finding


def _show(
    request: Request,
    change: str,
    finding: dict[str, Any],
    key: str,
    comment: str = "",
    error: ShownError | None = None,
) -> Response:
    return render(
        request,
        "finding_change.html.j2",
        "",
        status=error.status if error else 200,
        change=change,
        finding=finding,
        plan_id=require_id(request, "plan_id"),
        is_open=finding["status"] == _CHANGES[change][0],
        seen=mark_finding(finding),
        key=key,
        comment=comment,
        error=error,
    )


ROUTES = [
    Route("/runs/{run_id}/drill-findings/open", show_open),
    Route("/runs/{run_id}/drill-findings/open", open_finding, methods=["POST"]),
    Route("/plans/{plan_id}/drill-findings/{finding_id}/close", show_close),
    Route("/plans/{plan_id}/drill-findings/{finding_id}/close", close, methods=["POST"]),
    Route("/plans/{plan_id}/drill-findings/{finding_id}/reopen", show_reopen),
    Route("/plans/{plan_id}/drill-findings/{finding_id}/reopen", reopen, methods=["POST"]),
]
