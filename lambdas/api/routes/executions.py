"""Runs: starting them, and reading their records."""

from typing import Any

from api.http.parameters import (
    IDEMPOTENCY_KEY,
    PAGE,
    Parameter,
    id_parameter,
    idempotency_key,
    page_parameters,
    parse_offset,
    plan_id_filter,
    query_parameters,
)
from api.http.request import caller, invalid_field, name_caller, require_id
from api.router import Router
from api.routes.errors import DRS_ERRORS
from api.schemas.requests.executions import ContinueRequest, StartDrillRequest, StartRecoveryRequest, StartRequest
from api.schemas.responses import executions as responses
from api.schemas.responses.base import build_from_row
from api.schemas.responses.batches import Batches, build_batch
from api.schemas.responses.events import Events, JobLog, JobLogItem, collect_events
from api.schemas.responses.executions import Execution, Executions, ExecutionSummary
from api.schemas.responses.groups import ProtectionGroups, build_group
from api.schemas.responses.plans import PlanContent, build_plan_as_run
from recovery import clock
from recovery.aws import step_functions
from recovery.domain.execution import ExecutionStatus, Mode
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.errors import (
    AlreadyContinued,
    CleanupRunning,
    ExecutionNotFound,
    IdempotencyConflict,
    JobNotFound,
    NothingToContinue,
    PlanAlreadyRunning,
    PlanNotFound,
    StartFailed,
)
from recovery.runs import job_log, start
from recovery.runs.start import RunRequest
from recovery.store import execution_record, executions
from recovery.store.idempotency_keys import RequestKey
from recovery.store.launches.findings import list_findings, list_looks

router = Router("Runs")

START_ERRORS = (IdempotencyConflict, PlanAlreadyRunning, PlanNotFound, StartFailed)


# --- starts -----------------------------------------------------------------------------------------------------
@router.operation(
    "POST",
    "/recovery-plans/{planId}/readiness",
    status=202,
    location="/executions/{executionId}",
    parameters=(IDEMPOTENCY_KEY,),
    errors=START_ERRORS,
)
def start_readiness(plan_id: str, body: StartRequest) -> ExecutionSummary:
    """Starts a readiness check. It checks what a run would do and what would prevent it, and launches nothing."""
    return _start(plan_id, Mode.READINESS, body)


@router.operation(
    "POST",
    "/recovery-plans/{planId}/drills",
    status=202,
    location="/executions/{executionId}",
    parameters=(IDEMPOTENCY_KEY,),
    errors=START_ERRORS,
)
def start_drill(plan_id: str, body: StartDrillRequest) -> ExecutionSummary:
    """Starts a drill. Answers 409, naming the run, while the plan runs.

    The run is refused if it would replace a live recovery instance, unless the body has `replaceExisting`.
    """
    return _start(
        plan_id,
        Mode.DRILL,
        body,
        actions=body.actions or ActionsOption.RUN,
        profiles=body.launch_profiles or ProfileOption.APPLY,
        reserves_capacity=bool(body.reserve_capacity),
    )


@router.operation(
    "POST",
    "/recovery-plans/{planId}/recoveries",
    status=202,
    location="/executions/{executionId}",
    parameters=(IDEMPOTENCY_KEY,),
    errors=START_ERRORS,
)
def start_recovery(plan_id: str, body: StartRecoveryRequest) -> ExecutionSummary:
    """Starts a recovery. It has its own path, so that an IAM policy can allow drills but not recoveries."""
    profiles = body.launch_profiles or ProfileOption.APPLY
    return _start(plan_id, Mode.RECOVERY, body, profiles=profiles, reserves_capacity=bool(body.reserve_capacity))


def _start(plan_id: str, mode: Mode, body: StartRequest, **options: Any) -> ExecutionSummary:
    """Start the run; `options` are fields of RunRequest."""
    plan_id = require_id(plan_id, PlanNotFound, "recovery plan")
    moment = clock.iso(body.point_in_time.timestamp()) if body.point_in_time else None
    key = _key(f"{plan_id}/{mode.value}", body)
    by, replaces = name_caller(router.current_event), bool(body.replace_existing)
    request = RunRequest(mode, by, moment, key, replaces, **options)
    return build_from_row(ExecutionSummary, start.start_run(plan_id, request).to_item())


@router.operation(
    "POST",
    "/executions/{executionId}/continue",
    status=202,
    location="/executions/{executionId}",
    parameters=(IDEMPOTENCY_KEY,),
    errors=(*START_ERRORS, AlreadyContinued, CleanupRunning, ExecutionNotFound, NothingToContinue),
)
def continue_execution(execution_id: str, body: ContinueRequest) -> ExecutionSummary:
    """Starts a new run that recovers those servers of this one that are not up now.

    A run is continued once: answers 409, naming the last run of the chain, if it has been continued. Answers 409 if
    nothing is left to recover, and while its instances are being terminated.
    """
    key = _key(f"{execution_id}/continue", body)
    run = start.continue_run(
        _require_id(execution_id),
        name_caller(router.current_event),
        key,
        replace_existing=bool(body.replace_existing),
        profiles=body.launch_profiles,
        reserves_capacity=body.reserve_capacity,
    )
    return build_from_row(ExecutionSummary, run.to_item())


def _key(place: str, body: StartRequest | ContinueRequest) -> RequestKey | None:
    """The header Idempotency-Key, bound to its caller, the path and the body."""
    key, event = idempotency_key(router.current_event), router.current_event
    return RequestKey(caller(event), place, key, body.model_dump_json()) if key else None


# --- the record -------------------------------------------------------------------------------------------------
@router.operation(
    "GET",
    "/executions",
    parameters=(
        id_parameter("planId", "Only runs of this plan; not together with `status`."),
        Parameter(
            "status",
            "Only runs with this status.",
            {"type": "string", "enum": [status.value for status in ExecutionStatus]},
        ),
        *PAGE,
    ),
)
def list_executions() -> Executions:
    """Lists runs, newest first, page by page: all of them, those of a plan, or those with a status.

    `waitingFor` has the decisions that each run waits for.
    """
    status, plan_id = query_parameters(router.current_event).get("status"), plan_id_filter(router.current_event)
    if status is not None and status not in ExecutionStatus.__members__:
        raise invalid_field("status", f"must be one of {', '.join(ExecutionStatus)}")
    if status is not None and plan_id is not None:
        raise invalid_field("planId", "give either planId or status")
    limit, token = page_parameters(router.current_event)
    page = executions.list_executions(limit, token, plan_id, status)
    open_runs = execution_record.read_open_runs(page.items)
    listed = [responses.build_listed(*open_runs.get(row["executionId"], (row, ()))) for row in page.items]
    return {"executions": listed, "nextToken": page.next_token}


@router.operation("GET", "/executions/{executionId}", errors=(ExecutionNotFound,))
def read_execution(execution_id: str) -> Execution:
    """Returns a run with its waves and batches. Reads the record and does not call DRS."""
    return build_execution(_require_id(execution_id))


def build_execution(execution_id: str) -> Execution:
    """The run as its record has it now."""
    arn = step_functions.execution_arn(step_functions.recover_plan_arn(), execution_id)
    record = execution_record.read_record(execution_id)
    return responses.build_execution(record, arn, execution_record.read_chain(record))


@router.operation("GET", "/executions/{executionId}/batches", parameters=PAGE, errors=(ExecutionNotFound,))
def list_batches(execution_id: str) -> Batches:
    """Lists the batches of a run, page by page. The run itself has up to 500 of them."""
    limit, token = page_parameters(router.current_event)
    page = execution_record.read_batches(_require_id(execution_id), limit, token)
    return {"batches": [build_batch(row) for row in page.items], "nextToken": page.next_token}


@router.operation("GET", "/executions/{executionId}/recovery-plan", errors=(ExecutionNotFound,))
def read_plan_of_execution(execution_id: str) -> PlanContent:
    """Returns the recovery plan of a run as it was when the run was started."""
    return build_plan_as_run(execution_record.read_plan(_require_id(execution_id)))


@router.operation("GET", "/executions/{executionId}/protection-groups", parameters=PAGE, errors=(ExecutionNotFound,))
def list_groups_of_execution(execution_id: str) -> ProtectionGroups:
    """Lists the protection groups of a run as they were when it was started, page by page."""
    limit, token = page_parameters(router.current_event)
    page = execution_record.read_groups(_require_id(execution_id), limit, token)
    return {"protectionGroups": [build_group(row) for row in page.items], "nextToken": page.next_token}


@router.operation("GET", "/executions/{executionId}/events", parameters=PAGE, errors=(ExecutionNotFound,))
def list_events(execution_id: str) -> Events:
    """Lists the events of a run, oldest first, page by page: starts, decisions, isolation, jobs, verdicts."""
    limit, token = page_parameters(router.current_event)
    record = execution_record.read_record(_require_id(execution_id))
    events = collect_events(record, list_findings(execution_id), list_looks(execution_id))
    begin = parse_offset(token)
    end = begin + limit
    return {"events": events[begin:end], "nextToken": str(end) if end < len(events) else None}


@router.operation(
    "GET",
    "/executions/{executionId}/job-log",
    parameters=(
        Parameter("jobId", "A job of the run.", {"type": "string", "minLength": 1}, required=True),
        *PAGE,
    ),
    errors=(*DRS_ERRORS, ExecutionNotFound, JobNotFound),
)
def read_job_log(execution_id: str) -> JobLog:
    """Returns DRS's log of one of the run's jobs, page by page. This is the only read of a run that calls DRS."""
    job_id = query_parameters(router.current_event).get("jobId")
    if job_id is None:
        raise invalid_field("jobId", "name a job of the run; its batches list them")
    limit, token = page_parameters(router.current_event)
    items, next_token = job_log.read_job_log(_require_id(execution_id), job_id, limit, token)
    return {"jobLog": [build_from_row(JobLogItem, item) for item in items], "nextToken": next_token}


def _require_id(execution_id: str) -> str:
    return require_id(execution_id, ExecutionNotFound, "execution")
