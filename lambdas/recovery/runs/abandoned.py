"""Closes a run whose state machine died: records its jobs' results, releases its leases and closes its record."""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import step_functions
from recovery.domain.execution import Execution, Run
from recovery.errors import ExecutionNotFound
from recovery.observability import operator_messages
from recovery.runs import finish
from recovery.store import executions, task_tokens

logger = Logger(child=True)

# A start takes a second. If Step Functions does not know the run after this long, its start was cut off.
START_GRACE_SECONDS = 120


def release_plan_if_over(plan_id: str, execution_id: str | None) -> bool:
    """Free the plan if the run that has its lock is over, and close the run's record; return whether it is over."""
    if execution_id is None:  # freed between our write and our read
        return True
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:
        executions.release_plan(plan_id, execution_id)
        return True
    if run.status.is_final:
        executions.release_plan(plan_id, execution_id)
        return True
    return close_if_abandoned(run)


def close_if_abandoned(run: Run) -> bool:
    """Close an open run whose state machine never ran, or ended without closing it; return whether it was abandoned.

    Raise AwsUnavailable when Step Functions does not answer.
    """
    if clock.now() - clock.parse_iso(run.requested_at) < START_GRACE_SECONDS:
        return False
    status = step_functions.get_status(step_functions.recover_plan_arn(), run.execution_id)
    if status in step_functions.RUNNING_STATUSES:
        return False
    reason = "the start was cut off before the state machine ran"
    if status:
        reason = f"the state machine ended as {status} without closing the record"
    execution, was_open = close_ended_run(run.execution_id, reason)  # reads the run again: it may have closed itself
    if execution and was_open:
        # Only the tasks that end a run can schedule its clean-up, so operators have to start it.
        operator_messages.send_cleanup_not_scheduled(execution, reason)
    return True


def close_ended_run(execution_id: str, reason: str) -> tuple[Execution | None, bool]:
    """Close the record of a run whose state machine has ended; return the run, and whether it was open.

    Return None for a state machine execution that is no run.
    """
    try:
        execution = executions.get_execution(execution_id)
    except ExecutionNotFound:
        logger.warning("no such run", extra={"executionId": execution_id})
        return None, False
    return execution, close_run(execution, reason)


def close_run(execution: Execution, reason: str) -> bool:
    """Close the run if it is open; return False when it was closed already.

    Mark it as aborted first: a child machine may still run, and must start nothing more. Then settle the batches, and
    judge the waves and the run.
    """
    was_open = not execution.run.status.is_final
    if was_open:
        execution = finish.abort_run(execution, reason)
    finish.settle_open_batches(execution, reason)
    if was_open:
        finish.finish_run(execution, reason)
    task_tokens.release_tokens(execution.execution_id)
    return was_open
