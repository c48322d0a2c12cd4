"""Findings of runs: what an inspection found in each account and Region, and how isolated the networks are."""

from api.http.request import require_id
from api.router import Router
from api.schemas.responses.readiness.findings import Findings, build_findings
from recovery.errors import ExecutionNotFound
from recovery.store import executions
from recovery.store.launches import findings

router = Router("Runs")


@router.operation("GET", "/executions/{executionId}/findings", errors=(ExecutionNotFound,))
def list_findings(execution_id: str) -> Findings:
    """Lists what the inspection of a run found that would prevent launches, or that operators should know.

    The blocking ones come first. `isolation` says of each place that drills launch into whether it is isolated.
    `looks` has the later answers: before each start of a drill whose profiles require isolation, the networks are
    read again.
    """
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    executions.get_run(execution_id)
    return build_findings(findings.list_findings(execution_id), findings.list_looks(execution_id))
