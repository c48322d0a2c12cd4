"""The dialogs that start readiness checks, drills and recoveries of a plan."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.listings.cells import show_age
from cli.refusal import ApiRefused
from cli.run_client import start_path
from cli.run_preview import MAX_LINES, LaunchChoice, find_overlaps, find_replaced, preview_plan
from console.deployment import ID, Deployment
from console.forms import read_form, require_writable
from console.pages.launch_form import NOTHING, LaunchForm
from console.pages.parts import require_id, show_error_in_place
from console.reading.plan import RUNS_SHOWN, read_groups
from console.reading.starting import describe_findings, describe_people, describe_time, find_obstacles, leave_out
from console.refusals import ShownError
from console.render import render
from console.sending import NotDone, submit
from console.snapshots import make_version
from recovery.wording import first_of
from report.plan.profiles import describe_groups

MODES = ("readiness", "drill", "recovery")
# How old a preview may be: the dialog is opened anew after a refusal. In real seconds.
MAX_AGE_OF_PREVIEW = 15.0
_LOST_BEFORE = "That is of this press. The one before, whose answer was lost, may have started a run."
UNKNOWN = "unknown"


def show_start(request: Request) -> Response:
    """The dialog of a start, without its preview, which takes longer."""
    deployment: Deployment = request.app.state.deployment
    plan_id, mode = _read_path(request)
    require_writable(deployment)
    plan = deployment.api.get(f"/recovery-plans/{plan_id}")
    return _show(request, plan, mode, LaunchForm(), repeat.make_key(), _mark_groups(deployment, plan))


def show_preview(request: Request) -> Response:
    """What the start would launch and replace, as a part of its dialog."""
    deployment: Deployment = request.app.state.deployment
    plan_id, mode = _read_path(request)
    if mode == "readiness":
        raise HTTPException(404, "A readiness check launches nothing.")
    try:
        plan = deployment.api.get(f"/recovery-plans/{plan_id}")
        groups = read_groups(deployment.api, plan)
        key = f"preview/{plan_id}/{plan['version']}/{_digest(groups)}/{mode}"
        preview = deployment.snapshot(key, lambda api: _preview(api, plan, mode), MAX_AGE_OF_PREVIEW).value
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:  # the form is of use without a preview
        return show_error_in_place(request, error)
    skipped = [("if skipped", lines)] if (lines := describe_groups(groups, mode, skips=True)) else []
    facts = [("environment", [deployment.environment]), *preview["facts"], *skipped]
    return render(request, "start_preview.html.j2", "", mode=mode, preview={**preview, "facts": facts})


def _preview(api: ApiClient, plan: Mapping[str, Any], mode: str) -> dict[str, Any]:
    found = preview_plan(api, plan, LaunchChoice(mode))
    replaced = find_replaced(api, found.servers)
    launches, *others = leave_out(found, replaced.left_out).facts()
    facts = [launches, *_list_facts("people", describe_people(plan, mode))]
    unknown = [("unknown", [replaced.unknown])] if replaced.unknown else []
    readiness: dict[str, Any] = {"status": None}
    try:
        readiness = api.get(f"/recovery-plans/{plan['planId']}/readiness")
    except (ApiRefused, ApiUnreachable) as error:
        unknown.append(("unknown", [f"its readiness: {str(error).splitlines()[0]}"]))
    try:
        runs = api.get("/executions", planId=plan["planId"], limit=RUNS_SHOWN)["executions"]
        facts += _list_facts("time", describe_time(plan, runs))
    except (ApiRefused, ApiUnreachable) as error:
        unknown.append(("unknown", [f"how long the last run took: {str(error).splitlines()[0]}"]))
    facts += [*others, *((name, [line]) for name, line in find_overlaps(api, found.servers, plan["name"])), *unknown]
    age = show_age(readiness["ageSeconds"]) if readiness["status"] else ""
    return {
        "facts": facts,
        "replaced": asdict(replaced),
        "readiness": readiness,
        "findings": describe_findings(readiness),
        "age": age,
        "obstacles": asdict(find_obstacles(plan, found, replaced.left_out, readiness, age)),
    }


def _list_facts(name: str, lines: Iterable[str]) -> list[tuple[str, list[str]]]:
    return [(name, listed)] if (listed := first_of([*lines], MAX_LINES)) else []


async def start(request: Request) -> Response:
    """Start the run, and go to its page."""
    fields = await read_form(request)
    plan_id, mode = _read_path(request)
    deployment: Deployment = request.app.state.deployment
    typed, key = LaunchForm.from_form(fields), fields.get("key", "")
    plan = await run_in_threadpool(deployment.api.get, f"/recovery-plans/{plan_id}")
    groups = await run_in_threadpool(_mark_groups, deployment, plan)
    was_lost = fields.get("lost") == "yes"  # an earlier press, which may have started a run
    if refusal := _find_refusal(plan, groups, mode, typed, fields):
        return _show(request, plan, mode, typed, key, groups, _add_loss(refusal, was_lost), is_lost=was_lost)
    lost = "It may have been started. The same button sends it again, and starts it once."
    try:
        run = await submit(deployment.api, start_path(plan_id, mode), typed.to_body(mode), key, lost)
    except NotDone as failed:
        # A refusal settles what became of earlier presses; the form then has a new key.
        is_unsure = failed.shown.is_lost or (was_lost and failed.key == key)
        shown = _add_loss(failed.shown, is_unsure and not failed.shown.is_lost)
        return _show(request, plan, mode, typed, failed.key, groups, shown, is_lost=is_unsure)
    finally:
        for topic in ("overview", f"plan/{plan_id}"):
            deployment.snapshots.forget(topic)
    return Response(headers={"HX-Redirect": f"/runs/{run['executionId']}"})


def _add_loss(shown: ShownError, was_lost: bool) -> ShownError:
    return replace(shown, lines=(*shown.lines, _LOST_BEFORE)) if was_lost else shown


def _mark_groups(deployment: Deployment, plan: Mapping[str, Any]) -> str:
    """A text that changes when a group of the plan does, and with it the servers that a start launches.

    `UNKNOWN` if the groups cannot be read, which is no reason not to recover.
    """
    try:
        return _digest(read_groups(deployment.api, plan))
    except (ApiRefused, ApiUnreachable):
        return UNKNOWN


def _digest(groups: Sequence[Mapping[str, Any]]) -> str:
    return make_version([[group["groupId"], group["version"]] for group in groups])


def _find_refusal(
    plan: Mapping[str, Any], groups: str, mode: str, typed: LaunchForm, fields: Mapping[str, str]
) -> ShownError | None:
    """What the console itself refuses before it asks the API."""
    changed = "The plan" if fields.get("version") != str(plan["version"]) else ""
    if not changed and fields.get("groups") != groups and UNKNOWN not in (groups, fields.get("groups")):
        changed = "A group of the plan"
    if changed:
        title = f"{changed} has been changed since this dialog was opened"
        return ShownError(title, (f"{NOTHING} Look at what it launches now.",), 409)
    if mistake := typed.find_mistake(mode, plan["name"]):
        return ShownError("That is not what was asked for", (f"{mistake}. {NOTHING}",), 422)
    return None


def _show(
    request: Request,
    plan: Mapping[str, Any],
    mode: str,
    typed: LaunchForm,
    key: str,
    groups: str,
    error: ShownError | None = None,
    *,
    is_lost: bool = False,
) -> Response:
    return render(
        request,
        "start.html.j2",
        "",
        status=error.status if error else 200,
        plan=plan,
        mode=mode,
        typed=typed,
        key=key,
        groups=groups,
        error=error,
        is_lost=is_lost,
        running=error.run_id if error and ID.fullmatch(error.run_id) else None,
    )


def _read_path(request: Request) -> tuple[str, str]:
    """The id of the plan and the mode. Raise HTTPException for others."""
    mode = request.path_params["mode"]
    if mode not in MODES:
        raise HTTPException(404, f"There is no start of {mode!r}.")
    return require_id(request, "plan_id"), mode


ROUTES = [
    Route("/plans/{plan_id}/start/{mode}", show_start),
    Route("/plans/{plan_id}/start/{mode}", start, methods=["POST"]),
    Route("/plans/{plan_id}/start/{mode}/preview", show_preview),
]
