"""The dialogs about a run that has ended: continue it, and clean up after a drill."""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiClient
from cli.run_preview import LaunchChoice, find_overlaps, find_replaced, preview_rest
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.launch_form import NOTHING, LaunchForm
from console.pages.parts import answer_done
from console.pages.runs import RunPage, forget_run
from console.reading import instances
from console.reading.decisions.choices import can_be_continued
from console.refusals import ShownError
from console.render import render
from console.sending import NotDone, require_key, submit
from report.run_record import Record

# How old a preview may be, in real seconds: the dialog is rendered anew after a refusal.
MAX_AGE_OF_PREVIEW = 15.0
# The choice of launch profiles that a continuation has unless another is made.
AS_BEFORE = ""
_OTHER_INSTANCES = ShownError(
    "The instances are others than this dialog has shown",
    (
        "Nothing was sent now. Look at what there is: another person may have cleaned up, or continued the drill; "
        "an answer that was lost may have been of a clean-up that began.",
    ),
    409,
)


# --- continue ---------------------------------------------------------------------------------------------------
def show_continue(request: Request) -> Response:
    """The dialog of a continuation, without its preview, which takes longer."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    record = RunPage.read(request).record
    return _show_continue(request, record, LaunchForm.from_form({}, AS_BEFORE), repeat.make_key())


def show_rest(request: Request) -> Response:
    """What the continuation would launch and replace, as a part of its dialog."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    record = RunPage.read(request).record
    key = f"rest/{record['executionId']}"
    preview = deployment.snapshot(key, lambda api: _preview_rest(api, record), MAX_AGE_OF_PREVIEW).value
    facts = [("environment", [deployment.environment]), *preview["facts"]]
    return render(request, "continue_preview.html.j2", "", preview={**preview, "facts": facts})


def _preview_rest(api: ApiClient, record: Record) -> dict[str, Any]:
    skips = record.get("profilesOption") == "skip"
    launch = LaunchChoice(record["mode"].lower(), skips, bool(record.get("reserveCapacity")))
    found = preview_rest(api, record, launch)
    overlaps = find_overlaps(api, found.servers, record["planName"])
    facts = [*found.facts(), *((name, [line]) for name, line in overlaps)]
    replaced = find_replaced(api, found.servers)
    if replaced.unknown:
        facts.append(("unknown", [replaced.unknown]))
    return {"facts": facts, "replaced": asdict(replaced), "is_nothing_left": found.is_nothing_left}


async def continue_run(request: Request) -> Response:
    """Start the run that continues this one, and go to its page."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    record = (await run_in_threadpool(RunPage.read, request)).record
    run_id, key = record["executionId"], fields.get("key", "")
    typed, mode = LaunchForm.from_form(fields, AS_BEFORE), record["mode"].lower()
    if mistake := typed.find_mistake(mode, record["planName"], "continue"):
        error = ShownError("That is not what was asked for", (f"{mistake}. {NOTHING}",), 422)
        return await run_in_threadpool(_show_continue, request, record, typed, key, error)
    lost = "It may have been started. The same button sends it again, and starts it once."
    try:
        after = await submit(deployment.api, f"/executions/{run_id}/continue", typed.to_body(mode), key, lost)
    except NotDone as failed:
        return await run_in_threadpool(_show_continue, request, record, typed, failed.key, failed.shown)
    finally:
        forget_run(deployment, run_id)
    return Response(headers={"HX-Redirect": f"/runs/{after['executionId']}"})


def _show_continue(
    request: Request, record: Record, typed: LaunchForm, key: str, error: ShownError | None = None
) -> Response:
    return render(
        request,
        "continue.html.j2",
        "",
        status=error.status if error else 200,
        record=record,
        typed=typed,
        key=key,
        error=error,
        is_open=can_be_continued(record),
        cleanup=RunPage.read(request).snapshot.value["cleanup"],
    )


# --- clean up ---------------------------------------------------------------------------------------------------
def show_cleanup(request: Request) -> Response:
    """The dialog of a clean-up. Its form comes with the list of what it terminates."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    return render(request, "cleanup.html.j2", "", record=_read_drill(request), error=None)


def show_instances(request: Request) -> Response:
    """The instances that the clean-up terminates, and the form that starts it."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    return _show_instances(request, _read_drill(request), repeat.make_key())


async def clean_up(request: Request) -> Response:
    """Start the clean-up; the page of the run shows how far it is."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    record = await run_in_threadpool(_read_drill, request)
    run_id, key = record["executionId"], fields.get("key", "")
    require_key(key)
    deployment.snapshots.forget(f"instances/{run_id}")
    found = await run_in_threadpool(_read_instances, deployment, run_id)
    if fields.get("seen") != found["mark"]:
        return await run_in_threadpool(_show_instances, request, record, key, _OTHER_INSTANCES)
    lost = "It may have begun. The same button sends it again, and it begins once."
    try:
        await submit(deployment.api, f"/executions/{run_id}/cleanup", None, key, lost)
    except NotDone as failed:
        return await run_in_threadpool(_show_instances, request, record, failed.key, failed.shown)
    finally:
        forget_run(deployment, run_id)
    return answer_done("the clean-up has begun; the page of the run shows how far it is")


def _read_drill(request: Request) -> Record:
    record = RunPage.read(request).record
    if record["mode"] != "DRILL":
        raise HTTPException(404, "Only drills are cleaned up: the instances of a recovery stay.")
    return record


def _show_instances(request: Request, record: Record, key: str, error: ShownError | None = None) -> Response:
    deployment: Deployment = request.app.state.deployment
    run_id = record["executionId"]
    found = _read_instances(deployment, run_id)
    return render(
        request,
        "cleanup_instances.html.j2",
        "",
        status=error.status if error else 200,
        record=record,
        preview=found,
        key=key,
        error=error,
    )


def _read_instances(deployment: Deployment, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = deployment.snapshot(
        f"instances/{run_id}", lambda api: instances.preview(api, run_id), MAX_AGE_OF_PREVIEW
    ).value
    return found


ROUTES = [
    Route("/runs/{run_id}/continue", show_continue),
    Route("/runs/{run_id}/continue", continue_run, methods=["POST"]),
    Route("/runs/{run_id}/continue/preview", show_rest),
    Route("/runs/{run_id}/cleanup", show_cleanup),
    Route("/runs/{run_id}/cleanup", clean_up, methods=["POST"]),
    Route("/runs/{run_id}/cleanup/preview", show_instances),
]
