"""The dialogs by which people decide about a run and its waves and actions: what each will do, and its answer."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from cli.run_client import read_run
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.parts import answer_done, require_id
from console.pages.runs import RunPage, forget_run, read_plan_of_run
from console.reading.decisions.causes import describe_causes, read_failed_servers
from console.reading.decisions.choices import (
    Choice,
    can_be_made,
    find_choice,
    find_excluded,
    find_wait,
    mark_question,
    needs_comment,
)
from console.reading.decisions.effects import describe_effects
from console.reading.decisions.notices import describe_done, describe_earlier
from console.refusals import ShownError
from console.render import render
from console.sending import NotDone, require_key, submit
from report.run_record import Record

_ASKED_ANEW = ShownError(
    "The run has asked anew since this dialog was opened",
    ("Nothing was sent now. Look at what it asks, and what will happen: servers that failed may be others.",),
    409,
)
# Servers that are read for where a wave launches: one page of the API.
MAX_SERVERS_READ = 1000


def show_decision(request: Request) -> Response:
    """The dialog of a decision."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    record = RunPage.read(request).record
    return _show(request, record, _read_choice(request, record), repeat.make_key())


async def decide(request: Request) -> Response:
    """Send the decision, and let the page read itself anew."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    record = await run_in_threadpool(_read_record_now, request)
    choice = _read_choice(request, record)
    run_id, key = record["executionId"], fields.get("key", "")
    comment = fields.get("comment", "").strip()
    require_key(key)
    if (asked := mark_question(record, choice)) and fields.get("seen") != asked:
        # Another key: under the old one, the API would repeat its answer to what was asked before.
        return await run_in_threadpool(_show, request, record, choice, repeat.make_key(), comment, _ASKED_ANEW)
    if not comment and needs_comment(record, choice):
        error = ShownError("A comment is needed", (f"To {choice.decision}, say why. Nothing was decided.",), 422)
        return await run_in_threadpool(_show, request, record, choice, key, comment, error)
    lost = "It may have been recorded. The same button sends it again, and it counts once."
    try:
        body = {"comment": comment} if comment else None
        await submit(deployment.api, choice.api_path(run_id), body, key, lost)
    except NotDone as failed:
        if failed.shown.status == 409:  # another person was faster
            record = await run_in_threadpool(_read_record_now, request)
        return await run_in_threadpool(_show, request, record, choice, failed.key, comment, failed.shown)
    finally:
        forget_run(deployment, run_id)
    return answer_done(describe_done(choice))


def _read_record_now(request: Request) -> Record:
    """The record as it is now: what is decided must be what the dialog has shown. An API that does not answer this may
    still take the decision, and then it is compared with the last answer.
    """
    try:
        return read_run(request.app.state.deployment.api, require_id(request, "run_id"))
    except (ApiUnreachable, CredentialsExpired):
        return RunPage.read(request).record


def _read_choice(request: Request, record: Record) -> Choice:
    """The decision of the path, about what the query names. Raise HTTPException for words that are none of ours."""
    query = request.query_params
    wave, action = query.get("wave"), query.get("action")
    choice = find_choice(record, request.path_params["decision"], wave, action)
    if choice is None or set(query) - {"wave", "action"}:
        raise HTTPException(404, "There is no such decision about this run.")
    return choice


def _show(
    request: Request, record: Record, choice: Choice, key: str, comment: str = "", error: ShownError | None = None
) -> Response:
    deployment: Deployment = request.app.state.deployment
    is_open, decided = can_be_made(record, choice), _find_last(record, choice)
    return render(
        request,
        "decision.html.j2",
        choice.words,
        status=error.status if error else 200,
        record=record,
        choice=choice,
        key=key,
        seen=mark_question(record, choice),
        comment=comment,
        error=error,
        is_open=is_open,
        effects=_list_effects(deployment, record, choice) if is_open else [],
        needs_comment=needs_comment(record, choice),
        excluded=find_excluded(record, choice),
        causes=_list_causes(deployment, record, choice) if is_open else [],
        decided=decided,
        earlier=describe_earlier(choice, decided) if decided else "",
    )


def _list_effects(deployment: Deployment, record: Record, choice: Choice) -> list[str]:
    servers: list[dict[str, Any]] = []
    if choice.decision == "approve":
        query = {"wave": str(choice.wave), "limit": str(MAX_SERVERS_READ)}
        try:
            page = deployment.api.get(f"/executions/{record['executionId']}/servers", **query)
            servers = [each for each in page["servers"] if each["status"] == "PENDING"] if not page["nextToken"] else []
        except (ApiRefused, ApiUnreachable):
            servers = []  # the number of servers is in the record
    return describe_effects(record, choice, read_plan_of_run(deployment, record), servers)


def _list_causes(deployment: Deployment, record: Record, choice: Choice) -> list[str]:
    """Why the wave that this answers has failed; nothing for other questions."""
    wait = find_wait(record, choice)
    if not choice.wave or not wait or wait["for"] != "DECISION":
        return []
    try:
        servers = read_failed_servers(deployment.api, record["executionId"], choice.wave)
    except (ApiRefused, ApiUnreachable):
        servers = []  # the reason of the wave is in the record
    return list(describe_causes(record, choice.wave, servers))


def _find_last(record: Record, choice: Choice) -> dict[str, Any] | None:
    """The last decision about the same wave, action or run."""
    about = [
        each for each in record["decisions"] if (each["wave"], each.get("action")) == (choice.wave, choice.action)
    ] or [each for each in record["decisions"] if choice.action and each.get("action") == choice.action]
    return about[-1] if about else None


ROUTES = [
    Route("/runs/{run_id}/decide/{decision}", show_decision),
    Route("/runs/{run_id}/decide/{decision}", decide, methods=["POST"]),
]
