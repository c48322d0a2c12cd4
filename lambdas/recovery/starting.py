"""Starting a run: its record, the plan's lock and the state machine, in an order that survives being cut off."""

import json
import secrets
import time
from dataclasses import dataclass

from botocore.exceptions import ClientError

from recovery import aws, catalog, cleanup_schedule, clock, closing, idempotency, store
from recovery.decide import ExecutionVerdict
from recovery.errors import (
    AwsUnavailable,
    ExecutionNotFound,
    InvalidRequest,
    NothingToContinue,
    PlanAlreadyRunning,
    StartFailed,
)
from recovery.execution import Execution, ExecutionStatus, Mode, Run, Tally
from recovery.idempotency import RequestKey
from recovery.plan import ProtectionGroup, RecoveryPlan
from recovery.settings import settings
from recovery.tokens import step_functions

# A start takes a second; a lock held this long by a run that Step Functions does not know is a start cut off.
START_GRACE_SECONDS = 120
# The lock may be freed and taken between two looks; more often than this it is somebody's business.
RECORD_TRIES = 3


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for: by whom, in which mode, and from which point in time (ISO 8601), if not the latest.

    Requests of one `key` begin one run between them.
    """

    mode: Mode
    by: str
    point_in_time: str | None = None
    key: RequestKey | None = None


def start(plan_id: str, request: Request) -> Run:
    """Record the run and lock its plan, then start recover-plan under the execution's id.

    Raise PlanNotFound, PlanAlreadyRunning, InvalidRequest when a group of the plan is gone, StartFailed,
    IdempotencyConflict.
    """
    if begun := _begun(request.key):
        return begun
    plan = catalog.get_plan(plan_id)
    groups = catalog.find_groups(plan.group_ids)
    if gone := [group_id for group_id in plan.group_ids if group_id not in groups]:
        problem = {"field": "planId", "message": f"the plan uses protection groups that are gone: {', '.join(gone)}"}
        raise InvalidRequest("The plan cannot be run.", [problem])
    return _start(plan, list(groups.values()), request)


def continue_(execution_id: str, by: str, key: RequestKey | None = None) -> Run:
    """Start a run that recovers what this one did not launch, by the plan and the groups as they were for it.

    Raise ExecutionNotFound, NothingToContinue, and what `start` raises.
    """
    if begun := _begun(key):
        return begun
    before = store.get_execution(execution_id)
    run = before.run
    if run.mode is Mode.READINESS:
        raise NothingToContinue(f"{execution_id} only looked; it launched nothing", executionId=execution_id)
    if not run.status.is_final or run.status is ExecutionStatus.COMPLETED:
        raise NothingToContinue(f"{execution_id} is {run.status.value}", executionId=execution_id)
    groups = list(store.groups_of(execution_id).values())
    return _start(before.plan, groups, Request(run.mode, by, run.point_in_time, key), continues=execution_id)


def _begun(key: RequestKey | None) -> Run | None:
    """The run that an earlier request of the key recorded, started now if it was not; None when there is none."""
    execution_id = idempotency.find(key) if key else None
    if execution_id is None:
        return None
    try:
        run = store.get_run(execution_id)
    except ExecutionNotFound:  # cut off, or refused, between taking the key and the record
        return None
    return _set_off(run, key)


def _start(plan: RecoveryPlan, groups: list[ProtectionGroup], request: Request, continues: str | None = None) -> Run:
    execution_id = _new_execution_id(request.mode)
    run = Run(
        execution_id=idempotency.take(request.key, execution_id) if request.key else execution_id,
        plan_id=plan.plan_id,
        plan_name=plan.name,
        mode=request.mode,
        status=ExecutionStatus.PENDING,
        requested_at=clock.iso(),
        requested_by=request.by,
        point_in_time=request.point_in_time,
        continues=continues,
    )
    if not _record(Execution(run, plan), groups):
        run = store.get_run(run.execution_id)
    return _set_off(run, request.key)


def _set_off(run: Run, key: RequestKey | None) -> Run:
    """Start the machine of a recorded run, unless it is known to have run. Raise StartFailed."""
    if run.status.is_final or run.started_at:
        return run
    try:
        with aws.unavailable("StartExecution"):
            step_functions().start_execution(
                stateMachineArn=machine_arn(),
                name=run.execution_id,
                input=json.dumps({"executionId": run.execution_id}),
            )
    except step_functions().exceptions.ExecutionAlreadyExists:
        pass  # our own start, whose answer was lost, or that of another request of the key
    except AwsUnavailable as error:
        # The run may be on. Its record stays; should it not be on, the next start of the plan closes it.
        raise StartFailed(f"Step Functions did not answer; see whether execution {run.execution_id} runs") from error
    except ClientError as error:
        _close(run, f"the state machine could not be started: {error}")
        if key:  # what never ran is not what the key stands for
            idempotency.release(key, run.execution_id)
        raise StartFailed(f"the state machine could not be started: {error}") from error
    return run


def _record(execution: Execution, groups: list[ProtectionGroup]) -> bool:
    """Write the record; False when it is there. A lock whose run is over, whoever failed to free it, is freed first."""
    for _ in range(RECORD_TRIES):
        try:
            return store.create_execution(execution, groups)
        except PlanAlreadyRunning as running:
            if not _is_over(execution.run.plan_id, running.facts["executionId"]):
                raise
    raise AwsUnavailable(f"plan {execution.run.plan_name!r} is being started and ended by others; try again")


def _new_execution_id(mode: Mode) -> str:
    """`drill-20261122-081530-4f1c09`: sorts by time, says what it is, and is a legal execution name."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{mode.value.lower()}-{moment}-{secrets.token_hex(3)}"


def machine_arn() -> str:
    """Of recover-plan."""
    arn = settings().recover_plan_arn
    if not arn:
        raise KeyError("RECOVER_PLAN_ARN")
    return arn


def _is_over(plan_id: str, execution_id: str | None) -> bool:
    """Is the run that holds the plan's lock over? If so its record is closed and the plan freed."""
    if execution_id is None:  # freed between our write and our look
        return True
    try:
        run = store.get_run(execution_id)
    except ExecutionNotFound:
        store.free_plan(plan_id, execution_id)
        return True
    if run.status.is_final:
        store.free_plan(plan_id, execution_id)
        return True
    return close_if_dead(run)


def close_if_dead(run: Run) -> bool:
    """Close an open run whose state machine never ran, or ended without closing it; True when it was such a one.

    Raise AwsUnavailable when Step Functions does not say.
    """
    if clock.now() - clock.parse_iso(run.requested_at) < START_GRACE_SECONDS:
        return False
    why = "the start was cut off before the state machine ran"
    try:
        with aws.unavailable("DescribeExecution"):
            status = step_functions().describe_execution(executionArn=execution_arn(run.execution_id))["status"]
        if status in ("RUNNING", "PENDING_REDRIVE"):
            return False
        why = f"the state machine ended as {status} without closing the record"
    except step_functions().exceptions.ExecutionDoesNotExist:
        pass
    if closing.close(run.execution_id, why):
        # Schedules are made by those who end runs, which this is not.
        cleanup_schedule.tell_not_scheduled(store.get_execution(run.execution_id), why)
    return True


def execution_arn(execution_id: str) -> str:
    """Of the run's execution of recover-plan, as the console shows it."""
    return machine_arn().replace(":stateMachine:", ":execution:") + f":{execution_id}"


def _close(run: Run, reason: str) -> None:
    store.finish_execution(run, ExecutionVerdict(ExecutionStatus.FAILED, reason), Tally())
