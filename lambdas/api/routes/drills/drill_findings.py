"""What people have found in drills and recoveries: opened about a run, kept by its plan until they are closed."""

from api.http.parameters import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    PAGE,
    Parameter,
    idempotency_key,
    page_parameters,
    parse_offset,
    query_parameters,
    require_version,
)
from api.http.request import caller, invalid_field, name_caller, require_id
from api.http.response import new_id
from api.router import Router
from api.schemas.requests.base import RequestModel
from api.schemas.requests.drills.verdicts import DrillFindingRequest, DrillFindingUpdate, FindingDecision
from api.schemas.responses.drills.verdicts import DrillFinding, DrillFindings, build_finding, build_summary
from recovery import clock
from recovery.domain.drills.drill_findings import DrillFinding as StoredFinding
from recovery.domain.drills.drill_findings import FindingStatus
from recovery.drill_errors import DrillFindingNotFound, DrillFindingRefused
from recovery.drills import drill_findings
from recovery.errors import ExecutionNotFound, PlanNotFound, VersionConflict
from recovery.runs.decisions import Operator
from recovery.store.idempotency_keys import RequestKey

router = Router("Drills")

_ONE = "/recovery-plans/{planId}/drill-findings/{findingId}"


@router.operation(
    "POST",
    "/executions/{executionId}/drill-findings",
    status=201,
    location="/recovery-plans/{planId}/drill-findings/{findingId}",
    parameters=(IDEMPOTENCY_KEY,),
    errors=(DrillFindingRefused, ExecutionNotFound),
)
def open_drill_finding(execution_id: str, body: DrillFindingRequest) -> DrillFinding:
    """Opens a finding about a drill or a recovery, running or ended.

    It stays open until a person closes it, and the report of every later run of the plan has it until then. Answers 409
    for a readiness run.
    """
    execution_id = require_id(execution_id, ExecutionNotFound, "execution")
    operator = _operator(f"{execution_id}/drill-findings", body)
    finding_id = f"df-{operator.request[:12]}" if operator.request else new_id("df")
    return _answer(drill_findings.open_finding(execution_id, finding_id, body.to_text(), operator))


@router.operation(
    "GET",
    "/recovery-plans/{planId}/drill-findings",
    parameters=(
        Parameter(
            "status",
            "Only findings with this status.",
            {"type": "string", "enum": [status.value for status in FindingStatus]},
        ),
        Parameter("overdue", "With `true`, only findings that are overdue.", {"type": "string", "enum": ["true"]}),
        *PAGE,
    ),
    errors=(PlanNotFound,),
)
def list_drill_findings(plan_id: str) -> DrillFindings:
    """Lists the findings about runs of a plan, page by page: open ones by their due date, then closed ones.

    `changes` are in the answer about a single one. A plan that is deleted keeps its findings.
    """
    plan_id, parameters, now = _require_plan(plan_id), query_parameters(router.current_event), clock.now()
    status, overdue = parameters.get("status"), parameters.get("overdue")
    if status is not None and status not in FindingStatus.__members__:
        raise invalid_field("status", f"must be one of {', '.join(FindingStatus)}")
    if overdue not in (None, "true"):
        raise invalid_field("overdue", "must be true, or be left out")
    limit, token = page_parameters(router.current_event)
    found = drill_findings.list_of_plan(
        plan_id, lambda each: status in (None, each.status) and (not overdue or each.is_overdue(now))
    )
    begin = parse_offset(token)
    end = begin + limit
    listed = [build_summary(each, now) for each in found[begin:end]]
    return {"drillFindings": listed, "nextToken": str(end) if end < len(found) else None}


@router.operation("GET", _ONE, errors=(DrillFindingNotFound,))
def read_drill_finding(plan_id: str, finding_id: str) -> DrillFinding:
    """Returns a finding with what was done to it."""
    return _answer(drill_findings.get_finding(*_require_ids(plan_id, finding_id)))


@router.operation(
    "POST",
    f"{_ONE}/amend",
    parameters=(IF_MATCH,),
    errors=(DrillFindingNotFound, DrillFindingRefused, VersionConflict),
)
def amend_drill_finding(plan_id: str, finding_id: str, body: DrillFindingUpdate) -> DrillFinding:
    """Replaces the text of a finding: its owner, its due date. What it said before stays on record.

    Answers 409 if the finding has changed since it was read.
    """
    plan_id, finding_id = _require_ids(plan_id, finding_id)
    version = require_version(router.current_event, body.version)
    operator = Operator(name_caller(router.current_event))
    return _answer(drill_findings.change_finding(plan_id, finding_id, body.to_text(), version, operator))


@router.operation(
    "POST", f"{_ONE}/close", parameters=(IDEMPOTENCY_KEY,), errors=(DrillFindingNotFound, DrillFindingRefused)
)
def close_drill_finding(plan_id: str, finding_id: str, body: FindingDecision) -> DrillFinding:
    """Closes a finding, with what was done about it. Answers 409 if it is closed."""
    plan_id, finding_id = _require_ids(plan_id, finding_id)
    operator = _operator(f"{plan_id}/{finding_id}/close", body, body.comment)
    return _answer(drill_findings.close_finding(plan_id, finding_id, operator))


@router.operation(
    "POST", f"{_ONE}/reopen", parameters=(IDEMPOTENCY_KEY,), errors=(DrillFindingNotFound, DrillFindingRefused)
)
def reopen_drill_finding(plan_id: str, finding_id: str, body: FindingDecision) -> DrillFinding:
    """Opens a closed finding again, with the reason. Answers 409 if it is open."""
    plan_id, finding_id = _require_ids(plan_id, finding_id)
    operator = _operator(f"{plan_id}/{finding_id}/reopen", body, body.comment)
    return _answer(drill_findings.reopen_finding(plan_id, finding_id, operator))


def _operator(place: str, body: RequestModel, comment: str = "") -> Operator:
    """The caller, with the request that its Idempotency-Key names."""
    event = router.current_event
    key = idempotency_key(event)
    request = RequestKey(caller(event), place, key, body.model_dump_json()).digest if key else None
    return Operator(name_caller(event), comment, request)


def _answer(finding: StoredFinding) -> DrillFinding:
    return build_finding(finding, clock.now())


def _require_plan(plan_id: str) -> str:
    return require_id(plan_id, PlanNotFound, "recovery plan")


def _require_ids(plan_id: str, finding_id: str) -> tuple[str, str]:
    """The ids of a plan and of a finding from the path. Raise DrillFindingNotFound."""
    kind = "drill finding"
    return require_id(plan_id, DrillFindingNotFound, kind), require_id(finding_id, DrillFindingNotFound, kind)
