"""Starts a run: its record, the plan's lock and its state machine, in an order that is safe if it is interrupted."""

import secrets
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.catalog import plans
from recovery.catalog.groups import find_groups
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run, Tally
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.verdicts import ExecutionVerdict
from recovery.errors import (
    AwsUnavailable,
    ExecutionNotFound,
    InvalidRequest,
    NothingToContinue,
    PlanAlreadyRunning,
    StartFailed,
)
from recovery.runs import abandoned
from recovery.store import executions, idempotency_keys
from recovery.store.idempotency_keys import RequestKey

# The lock can change hands between reads. After this many attempts, give up.
MAX_LOCK_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is requested, by whom, and from which point in time (ISO 8601), if not the latest.

    Requests with the same idempotency key start one run. With `replace_existing`, launches may replace live recovery
    instances.
    """

    mode: Mode
    by: str
    point_in_time: str | None = None
    key: RequestKey | None = None
    replace_existing: bool = False


def start_run(plan_id: str, request: RunRequest) -> Run:
    """Record the run and lock its plan, then start recover-plan under the execution's id.

    Raise PlanNotFound, PlanAlreadyRunning, InvalidRequest when the plan references deleted groups, StartFailed,
    IdempotencyConflict.
    """
    if earlier := _find_run_for_key(request.key):
        return earlier
    plan = plans.get_plan(plan_id)
    groups = find_groups(plan.group_ids)
    if gone := [group_id for group_id in plan.group_ids if group_id not in groups]:
        problem = {"field": "planId", "message": f"the plan references deleted protection groups: {', '.join(gone)}"}
        raise InvalidRequest("The plan cannot be run.", [problem])
    return _record_and_start(plan, list(groups.values()), request)


def continue_run(execution_id: str, by: str, key: RequestKey | None = None, *, replace_existing: bool = False) -> Run:
    """Start a run that recovers what this one did not launch, with the same plan and groups as it had.

    The new run replaces live recovery instances only if this request says so, whatever the first run was allowed.
    Raise ExecutionNotFound, NothingToContinue, and what `start_run` raises.
    """
    if earlier := _find_run_for_key(key):
        return earlier
    before = executions.get_execution(execution_id)
    run = before.run
    if run.mode is Mode.READINESS:
        raise NothingToContinue(f"{execution_id} is a readiness run; it launched nothing", executionId=execution_id)
    if not run.status.is_final or run.status is ExecutionStatus.COMPLETED:
        raise NothingToContinue(f"{execution_id} is {run.status.value}", executionId=execution_id)
    groups = list(executions.get_groups(execution_id).values())
    request = RunRequest(run.mode, by, run.point_in_time, key, replace_existing)
    return _record_and_start(before.plan, groups, request, continues=execution_id)


def _find_run_for_key(key: RequestKey | None) -> Run | None:
    """The run that an earlier request with this key recorded, or None. Start its state machine if it never ran."""
    execution_id = idempotency_keys.find_execution(key) if key else None
    if execution_id is None:
        return None
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:  # the earlier request claimed the key and was interrupted or refused
        return None
    return _start_state_machine(run, key)


def _record_and_start(
    plan: RecoveryPlan, groups: list[ProtectionGroup], request: RunRequest, continues: str | None = None
) -> Run:
    execution_id = _new_execution_id(request.mode)
    run = Run(
        execution_id=idempotency_keys.claim_key(request.key, execution_id) if request.key else execution_id,
        plan_id=plan.plan_id,
        plan_name=plan.name,
        mode=request.mode,
        status=ExecutionStatus.PENDING,
        requested_at=clock.iso(),
        requested_by=request.by,
        point_in_time=request.point_in_time,
        continues=continues,
        replace_existing=request.replace_existing,
    )
    if not _create_record(Execution(run, plan), groups):
        run = executions.get_run(run.execution_id)
    return _start_state_machine(run, request.key)


def _start_state_machine(run: Run, key: RequestKey | None) -> Run:
    """Start the state machine of a recorded run, unless it has run already. Raise StartFailed."""
    if run.status.is_final or run.started_at:
        return run
    try:  # if the name is taken, this request (its answer was lost) or another one with the key started the machine
        step_functions.start_once(
            step_functions.recover_plan_arn(), run.execution_id, {"executionId": run.execution_id}
        )
    except AwsUnavailable as error:
        # The run may have started, so its record stays. If it has not, the next start of the plan closes it.
        raise StartFailed(f"Step Functions did not answer; see whether execution {run.execution_id} runs") from error
    except ClientError as error:
        _end_unstarted(run, f"the state machine could not be started: {error}")
        if key:  # the next request with this key starts another run
            idempotency_keys.release_key(key, run.execution_id)
        raise StartFailed(f"the state machine could not be started: {error}") from error
    return run


def _create_record(execution: Execution, groups: list[ProtectionGroup]) -> bool:
    """Write the record; return False when it exists. Release a lock whose run is over, and try again."""
    for _ in range(MAX_LOCK_ATTEMPTS):
        try:
            return executions.create_execution(execution, groups)
        except PlanAlreadyRunning as running:
            if not abandoned.release_plan_if_over(execution.run.plan_id, running.facts["executionId"]):
                raise
    raise AwsUnavailable(f"plan {execution.run.plan_name!r} is being started and ended by other requests; try again")


def _new_execution_id(mode: Mode) -> str:
    """`drill-20261122-081530-4f1c09`: sorts by time, shows its mode, and is a legal execution name."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{mode.value.lower()}-{moment}-{secrets.token_hex(3)}"


def _end_unstarted(run: Run, reason: str) -> None:
    has_ended = executions.record_end(run, ExecutionVerdict(ExecutionStatus.FAILED, reason), Tally())
    if not has_ended and executions.get_run(run.execution_id).status.is_final:  # another request has ended it
        executions.release_plan(run.plan_id, run.execution_id)
