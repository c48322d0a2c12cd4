"""The assessment of a run: whether it counts, what people say of it, what they found, and its evidence."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import repeat
from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.deployment import Deployment
from console.forms import read_form, require_writable
from console.pages.parts import answer_done, require_id, show_error_in_place
from console.pages.runs import RunPage
from console.reading.drills import assessment
from console.reading.drills.evidence import name_occasion
from console.reading.drills.findings import list_findings
from console.refusals import ShownError
from console.render import Live, render
from console.sending import NotDone, require_key, submit_put
from console.topics import read_topic

_CHANGED = ShownError(
    "The assessment has changed since this dialog was opened",
    ("Nothing was sent now. Look at what there is: another person may have given a verdict.",),
    409,
)


def show_assessment(request: Request) -> Response:
    """Whether the run counts, its verdict, its findings and its evidence."""
    deployment: Deployment = request.app.state.deployment
    topic = f"assessment/{require_id(request, 'run_id')}"
    snapshot = read_topic(deployment, topic)
    record, parts = snapshot.value["record"], snapshot.value
    found = parts["assessment"]["value"]
    plan = record["planId"], record["planName"]
    return render(
        request,
        "assessment.html.j2",
        f"Assessment of {record['planName']}",
        Live(topic, snapshot),
        record=record,
        found=found,
        is_own=assessment.is_by_requester(found, record),
        problem=parts["assessment"]["problem"],
        opened=list_findings(found["findings"], *plan) if found else [],
        carried=list_findings(found["carried"], *plan) if found else [],
        changes=assessment.list_changes(found) if found else None,
        evidence=parts["evidence"]["value"],
        name_occasion=name_occasion,
        evidence_problem=parts["evidence"]["problem"],
    )


def show_head(request: Request) -> Response:
    """What the head of the pages of a run says of its verdict: a part of them, which may be missing."""
    run_id = require_id(request, "run_id")
    try:
        found = read_topic(request.app.state.deployment, f"assessment/{run_id}").value["assessment"]["value"]
    except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
        return show_error_in_place(request, error)
    return render(request, "run_verdict.html.j2", "", found=found, run_id=run_id) if found else Response("")


def show_verdict(request: Request) -> Response:
    """The dialog of a verdict."""
    deployment: Deployment = request.app.state.deployment
    require_writable(deployment)
    run_id, decision = require_id(request, "run_id"), _read_decision(request)
    found = deployment.api.get(f"/executions/{run_id}/assessment")
    return _show(request, decision, found, repeat.make_key())


async def give_verdict(request: Request) -> Response:
    """Send the verdict."""
    fields = await read_form(request)
    deployment: Deployment = request.app.state.deployment
    run_id, decision, key = require_id(request, "run_id"), _read_decision(request), fields.get("key", "")
    comment = fields.get("comment", "").strip()
    require_key(key)
    found = await run_in_threadpool(deployment.api.get, f"/executions/{run_id}/assessment")
    if fields.get("seen") != assessment.mark_verdict(found):
        return await run_in_threadpool(_show, request, decision, found, repeat.make_key(), comment, _CHANGED)
    if not comment and decision == "reject":
        error = ShownError("A comment is needed", ("To reject, say why. Nothing was recorded.",), 422)
        return await run_in_threadpool(_show, request, decision, found, key, comment, error)
    body = {"verdict": assessment.VERDICTS[decision], **({"comment": comment} if comment else {})}
    lost = "It may have been recorded. The same button sends the same verdict again."
    try:
        await submit_put(deployment.api, f"/executions/{run_id}/verdict", body, key, lost)
    except NotDone as failed:
        return await run_in_threadpool(_show, request, decision, found, failed.key, comment, failed.shown)
    finally:
        forget_assessment(deployment, run_id)
    return answer_done(f"The verdict is recorded: {body['verdict'].lower()}.")


def forget_assessment(deployment: Deployment, run_id: str) -> None:
    """Let the pages that show the assessment read it anew."""
    for topic in (f"assessment/{run_id}", "compliance", "open-drill-findings"):
        deployment.snapshots.forget(topic)


def _read_decision(request: Request) -> str:
    decision: str = request.path_params["verdict"]
    if decision not in assessment.VERDICTS:
        raise HTTPException(404, "A verdict is accept or reject.")
    return decision


def _show(
    request: Request,
    decision: str,
    found: dict[str, Any],
    key: str,
    comment: str = "",
    error: ShownError | None = None,
) -> Response:
    record = RunPage.read(request).record
    return render(
        request,
        "verdict.html.j2",
        "",
        status=error.status if error else 200,
        decision=decision,
        found=found,
        record=record,
        effects=list(assessment.list_effects(found, record, decision)),
        seen=assessment.mark_verdict(found),
        key=key,
        comment=comment,
        error=error,
    )


ROUTES = [
    Route("/runs/{run_id}/assessment", show_assessment),
    Route("/runs/{run_id}/verdict", show_head),
    Route("/runs/{run_id}/verdict/{verdict}", show_verdict),
    Route("/runs/{run_id}/verdict/{verdict}", give_verdict, methods=["POST"]),
]
