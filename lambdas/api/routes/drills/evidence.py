"""The evidence of runs: what is in the bucket, and URLs to read it."""

from api.http.parameters import PAGE, page_parameters, parse_offset
from api.http.request import require_id
from api.router import Router
from api.schemas.responses.drills.evidence import (
    EvidenceOfExecution,
    EvidencePage,
    build_downloads,
    build_evidence,
)
from recovery import clock
from recovery.aws import s3
from recovery.catalog.plans import get_plan
from recovery.errors import ExecutionNotFound, PlanNotFound
from recovery.store import executions
from recovery.store.drills import evidence_rows

router = Router("Evidence")

URL_SECONDS = 300
# Evidence is written within a quarter of an hour after the end of a run, as a rule.
LATE_SECONDS = 3_600


@router.operation("GET", "/executions/{executionId}/evidence", errors=(ExecutionNotFound,))
def read_evidence(execution_id: str) -> EvidenceOfExecution:
    """Returns the evidence of a run on each occasion, with URLs that read its files for five minutes.

    `due` is true until the evidence of its end is written, which begins with its end, and `late` if
    that has not been done in an hour.
    """
    run = executions.get_run(require_id(execution_id, ExecutionNotFound, "execution"))
    # A row that is written between these two reads is then shown as due and there, never as neither.
    due = evidence_rows.is_due(run.execution_id)
    shown = []
    for row in evidence_rows.list_of_run(run.plan_id, run.execution_id):
        urls = {
            file["name"]: s3.presign(row["bucket"], row["prefix"] + file["name"], file["versionId"], URL_SECONDS)
            for file in row["files"]
        }
        shown.append(build_downloads(row, urls))
    is_late = due and run.ended_at is not None and clock.now() - clock.parse_iso(run.ended_at) > LATE_SECONDS
    return {"executionId": run.execution_id, "due": due, "late": is_late, "evidence": shown}


@router.operation("GET", "/recovery-plans/{planId}/evidence", parameters=PAGE, errors=(PlanNotFound,))
def list_evidence_of_plan(plan_id: str) -> EvidencePage:
    """Lists the evidence of all runs of a plan, newest first, also of a plan that is deleted."""
    plan_id = require_id(plan_id, PlanNotFound, "recovery plan")
    limit, token = page_parameters(router.current_event)
    begin = parse_offset(token)
    rows = evidence_rows.list_of_plan(plan_id)
    if not rows:
        get_plan(plan_id)
    end = begin + limit
    return {
        "evidence": [build_evidence(row) for row in rows[begin:end]],
        "nextToken": str(end) if end < len(rows) else None,
    }
