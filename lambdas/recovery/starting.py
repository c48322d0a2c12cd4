"""Starting a run: its record, the plan's lock and the state machine, in an order that survives being cut off."""

import json
import secrets
import time

from botocore.exceptions import BotoCoreError, ClientError

from recovery import catalog, clock, store
from recovery.decide import ExecutionVerdict
from recovery.errors import InvalidRequest, PlanAlreadyRunning, StartFailed
from recovery.execution import Execution, ExecutionStatus, Mode, Tally
from recovery.settings import settings
from recovery.waves import step_functions

# A start takes a second; a lock held this long by a run that Step Functions does not know is a start cut off.
START_GRACE_SECONDS = 120


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
        groups=groups,
        requested_at=clock.iso(),
        requested_by=requested_by,
    )
    try:
        store.create_execution(execution)
    except PlanAlreadyRunning as running:
        if not _close_if_never_started(running.facts["executionId"]):
            raise
        store.create_execution(execution)
    try:
        step_functions().start_execution(
            stateMachineArn=_machine_arn(),
            name=execution.execution_id,
            input=json.dumps({"executionId": execution.execution_id}),
        )
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            _close(execution, f"the state machine could not be started: {error}")
            raise StartFailed(f"the state machine could not be started: {error}") from error
        raise _unsure(execution) from error
    except BotoCoreError as error:
        raise _unsure(execution) from error
    return execution


def _unsure(execution: Execution) -> StartFailed:
    # The answer is lost and the run may be on. Its record stays; should it not be on, the next start closes it.
    return StartFailed(f"Step Functions did not answer; see whether execution {execution.execution_id} runs")


def _new_execution_id(mode: Mode) -> str:
    """`drill-20261122-081530-4f1c09`: sorts by time, says what it is, and is a legal execution name."""
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(clock.now()))
    return f"{mode.value.lower()}-{moment}-{secrets.token_hex(3)}"


def _machine_arn() -> str:
    arn = settings().recover_plan_arn
    if not arn:
        raise KeyError("RECOVER_PLAN_ARN")
    return arn


def _close_if_never_started(execution_id: str) -> bool:
    """Close the record of a start that was cut off before Step Functions knew of it, and free its plan."""
    execution = store.get_execution(execution_id)
    age = clock.now() - clock.parse_iso(execution.requested_at)
    if execution.status is not ExecutionStatus.PENDING or age < START_GRACE_SECONDS:
        return False
    arn = _machine_arn().replace(":stateMachine:", ":execution:") + f":{execution_id}"
    try:
        step_functions().describe_execution(executionArn=arn)
        return False
    except step_functions().exceptions.ExecutionDoesNotExist:
        _close(execution, "the start was cut off before the state machine ran")
        return True


def _close(execution: Execution, reason: str) -> None:
    store.finish_execution(execution, ExecutionVerdict(ExecutionStatus.FAILED, reason), Tally())
