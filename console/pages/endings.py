"""The dialogs about a run that has ended: continue it, and clean up after a drill."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from cli.repeat import AnswerLost
from cli.run_client import start_body
from cli.run_preview import LaunchChoice, find_overlaps, find_replaced, preview_cleanup, preview_rest
from cli.run_record import Record
from console.deployment import Deployment
from console.forms import read_form
from console.pages.decisions import answer_done, choose_key, describe_loss, forget_run, read_record, require_writable
from console.reading.decisions.choices import can_be_continued
from console.refusals import ShownError, describe_error
from console.render import render
from console.sending import require_key, send
from console.snapshots import make_version
from recovery.free_text import flatten
from recovery.wording import name_first, plural

# How old a preview may be, in real seconds: the dialog is rendered anew after a refusal.
MAX_AGE_OF_PREVIEW = 15.0
MAX_PLACES, MAX_INSTANCES = 8, 50
PROFILES = ("apply", "skip")
_NOTHING = "Nothing was started."
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
    record = read_record(deployment, request)
    return _show_continue(request, record, {}, repeat.make_key())


def show_rest(request: Request) -> Response:
    """What the continuation would launch and replace, as a part of its dialog."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    record = read_record(deployment, request)
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
    record = await run_in_threadpool(read_record, deployment, request)
    run_id, key = record["executionId"], fields.get("key", "")
    if fields.get("launchProfiles", "") not in ("", *PROFILES):
        raise HTTPException(400, f"The form has a choice that there is not. {_NOTHING}")
    if mistake := _find_mistake(record, fields):
        error = ShownError("That is not what was asked for", (f"{mistake}. {_NOTHING}",), 422)
        return await run_in_threadpool(_show_continue, request, record, fields, key, error)
    body = start_body(
        None,
        fields.get("replaceExisting") == "yes",
        None,
        fields.get("launchProfiles") or None,
        fields.get("reserveCapacity") == "yes",
    )
    try:
        after = await send(deployment.api, f"/executions/{run_id}/continue", body, key)
    except AnswerLost as lost:
        error = describe_loss(lost, "It may have been started. The same button sends it again, and starts it once.")
        return await run_in_threadpool(_show_continue, request, record, fields, key, error)
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as refused:
        error = describe_error(refused)
        return await run_in_threadpool(_show_continue, request, record, fields, choose_key(key, refused), error)
    finally:
        forget_run(deployment, run_id)
    return Response(headers={"HX-Redirect": f"/runs/{after['executionId']}"})


def _find_mistake(record: Record, fields: Mapping[str, str]) -> str | None:
    """What is wrong with the words that were typed. A name is shown as one line, so it is compared as one."""
    typed, name = flatten(fields.get("words", "")), flatten(record["planName"])
    if fields.get("replaceExisting") == "yes":
        return None if typed == f"replace {name}" else f"To replace existing instances, type exactly: replace {name}"
    if record["mode"] == "RECOVERY" and typed != name:
        return f"To continue the recovery, type the plan's name exactly: {name}"
    return None


def _show_continue(
    request: Request, record: Record, typed: Mapping[str, str], key: str, error: ShownError | None = None
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
        is_lost=error is not None and error.status == 504,
    )


# --- clean up ---------------------------------------------------------------------------------------------------
def show_cleanup(request: Request) -> Response:
    """The dialog of a clean-up. Its form comes with the list of what it terminates."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    return render(request, "cleanup.html.j2", "", record=_read_drill(deployment, request), error=None)


def show_instances(request: Request) -> Response:
    """The instances that the clean-up terminates, and the form that starts it."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    return _show_instances(request, _read_drill(deployment, request), repeat.make_key())


async def clean_up(request: Request) -> Response:
    """Start the clean-up; the page of the run shows how far it is."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    record = await run_in_threadpool(_read_drill, deployment, request)
    run_id, key = record["executionId"], fields.get("key", "")
    require_key(key)
    deployment.snapshots.forget(f"instances/{run_id}")
    found = await run_in_threadpool(_read_instances, deployment, run_id)
    if fields.get("seen") != found["mark"]:
        return await run_in_threadpool(_show_instances, request, record, key, _OTHER_INSTANCES)
    try:
        await send(deployment.api, f"/executions/{run_id}/cleanup", None, key)
    except AnswerLost as lost:
        error = describe_loss(lost, "It may have begun. The same button sends it again, and it begins once.")
        return await run_in_threadpool(_show_instances, request, record, key, error)
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as refused:
        key = choose_key(key, refused)
        return await run_in_threadpool(_show_instances, request, record, key, describe_error(refused))
    finally:
        forget_run(deployment, run_id)
    return answer_done("the clean-up has begun; this page shows how far it is")


def _read_drill(deployment: Deployment, request: Request) -> Record:
    record = read_record(deployment, request)
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
        f"instances/{run_id}", lambda api: _preview_cleanup(api, run_id), MAX_AGE_OF_PREVIEW
    ).value
    return found


def _preview_cleanup(api: ApiClient, run_id: str) -> dict[str, Any]:
    found = preview_cleanup(api, run_id)
    servers = list(found.servers.values())
    places = Counter(f"{each['accountId']}/{each['region']}" for each in servers)
    waves = Counter(each["wave"] for each in servers)
    return {
        "count": len(servers),
        "chain": found.chain,
        "where": name_first([f"{count} in {place}" for place, count in sorted(places.items())], MAX_PLACES),
        "waves": name_first([f"{wave} {count}" for wave, count in waves.items()], MAX_PLACES),
        "instances": servers[:MAX_INSTANCES],
        "left_out": plural(max(len(servers) - MAX_INSTANCES, 0), "more instance"),
        "unknown": found.unknown,
        "mark": make_version([found.chain, sorted(found.servers)]),
    }


ROUTES = [
    Route("/runs/{run_id}/continue", show_continue),
    Route("/runs/{run_id}/continue", continue_run, methods=["POST"]),
    Route("/runs/{run_id}/continue/preview", show_rest),
    Route("/runs/{run_id}/cleanup", show_cleanup),
    Route("/runs/{run_id}/cleanup", clean_up, methods=["POST"]),
    Route("/runs/{run_id}/cleanup/preview", show_instances),
]
