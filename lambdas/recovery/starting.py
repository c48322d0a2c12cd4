"""Starting a run: its record, the plan's lock and the state machine, in an order that survives being cut off."""

import json
import secrets
import time

from botocore.exceptions import ClientError

from recovery import aws, catalog, clock, store, waves
from recovery.decide import ExecutionVerdict
from recovery.errors import AwsUnavailable, ExecutionNotFound, InvalidRequest, PlanAlreadyRunning, StartFailed
from recovery.execution import Execution, ExecutionStatus, Mode, Tally
from recovery.plan import ProtectionGroup
from recovery.settings import settings
from recovery.waves import step_functions

# A start takes a second; a lock held this long by a run that Step Functions does not know is a start cut off.
START_GRACE_SECONDS = 120
# The lock may be freed and taken between two looks; more often than this it is somebody's business.
RECORD_TRIES = 3


def start(plan_id: str, mode: Mode, requested_by: str) -> Execution:
    """Record the run and lock its plan, then start recover-plan under the execution's id.

    Raise PlanNotFound, PlanAlreadyRunning, InvalidRequest when a group of the plan is gone, StartFailed.
    """
    plan = catalog.get_plan(plan_id)
    groups = catalog.find_groups(plan.group_ids)
    if gone := [group_id for group_id in plan.group_ids if group_id not in groups]:
        problem = {"field": "planId", "message": f"the plan uses protection groups that are gone: {', '.join(gone)}"}
        raise InvalidRequest("The plan cannot be run.", [problem])
    execution = Execution(
        execution_id=_new_execution_id(mode),
        mode=mode,
        status=ExecutionStatus.PENDING,
        plan=plan,
        requested_at=clock.iso(),
        requested_by=requested_by,
    )
    _record(execution, list(groups.values()))
    try:
        with aws.unavailable("StartExecution"):
            step_functions().start_execution(
                stateMachineArn=_machine_arn(),
                name=execution.execution_id,
                input=json.dumps({"executionId": execution.execution_id}),
            )
    except AwsUnavailable as error:
        # The run may be on. Its record stays; should it not be on, the next start of the plan closes it.
        raise StartFailed(
            f"Step Functions did not answer; see whether execution {execution.execution_id} runs"
        ) from error
    except ClientError as error:
        _close(execution, f"the state machine could not be started: {error}")
        raise StartFailed(f"the state machine could not be started: {error}") from error
    return execution


def _record(execution: Execution, groups: list[ProtectionGroup]) -> None:
    """Write the record. A lock whose run is over, whoever failed to free it, is freed first."""
    for _ in range(RECORD_TRIES):
        try:
            store.create_execution(execution, groups)
            return
        except PlanAlreadyRunning as running:
            if not _is_over(execution.plan.plan_id, running.facts["executionId"]):
                raise
    raise AwsUnavailable(f"plan {execution.plan.name!r} is being started and ended by others; try again")


def _new_execution_id(mode: Mode) -> str:
    """`drill-20261122-081530-4f1c09`: sorts by time, says what it is, and is a legal execution name."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{mode.value.lower()}-{moment}-{secrets.token_hex(3)}"


def _machine_arn() -> str:
    arn = settings().recover_plan_arn
    if not arn:
        raise KeyError("RECOVER_PLAN_ARN")
    return arn


def _is_over(plan_id: str, execution_id: str | None) -> bool:
    """Is the run that holds the plan's lock over? If so its record is closed and the plan freed."""
    if execution_id is None:  # freed between our write and our look
        return True
    try:
        execution = store.get_execution(execution_id)
    except ExecutionNotFound:
        store.free_plan(plan_id, execution_id)
        return True
    if execution.status.is_final:
        store.free_plan(plan_id, execution_id)
        return True
    if clock.now() - clock.parse_iso(execution.requested_at) < START_GRACE_SECONDS:
        return False
    arn = _machine_arn().replace(":stateMachine:", ":execution:") + f":{execution_id}"
    try:
        with aws.unavailable("DescribeExecution"):
            status = step_functions().describe_execution(executionArn=arn)["status"]
    except step_functions().exceptions.ExecutionDoesNotExist:
        waves.finish(execution, "the start was cut off before the state machine ran")
        return True
    if status in ("RUNNING", "PENDING_REDRIVE"):
        return False
    waves.finish(execution, f"the state machine ended as {status} without closing the record")
    return True


def _close(execution: Execution, reason: str) -> None:
    store.finish_execution(execution, ExecutionVerdict(ExecutionStatus.FAILED, reason), Tally())
