"""Ends a run whose state machine died: records its jobs' results, releases its leases and closes its record."""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import closing
from recovery.aws import step_functions
from recovery.call_shares import CallShare, use_share
from recovery.domain.execution import Execution, Run
from recovery.errors import ExecutionNotFound
from recovery.observability import operator_messages
from recovery.runs import finish
from recovery.store import executions, task_tokens

logger = Logger(child=True)

# A start takes a second. If Step Functions does not know the run after this long, its start was interrupted.
START_GRACE_SECONDS = 120


def release_plan_if_over(plan_id: str, execution_id: str | None) -> bool:
    """Release the plan if the run that has its lock is over, and end an abandoned run; return whether it is over."""
    if execution_id is None:  # released between our write and our read
        return True
    try:
        run = executions.get_run(execution_id)
    except ExecutionNotFound:
        executions.release_plan(plan_id, execution_id)
        return True
    if run.status.is_final:
        executions.release_plan(plan_id, execution_id)
        return True
    return end_if_abandoned(run)


def end_if_abandoned(run: Run) -> bool:
    """End an open run whose state machine never ran, or ended without closing it; return whether it was abandoned.

    Raise AwsUnavailable when Step Functions does not answer.
    """
    if clock.now() - clock.parse_iso(run.requested_at) < START_GRACE_SECONDS:
        return False
    status = step_functions.get_status(step_functions.recover_plan_arn(), run.execution_id)
    if status in step_functions.RUNNING_STATUSES:
        return False
    reason = "the start was interrupted before the state machine ran"
    if status:
        reason = f"{describe_end(status)} without closing the record"
    # This reads the run again, because its machine may have closed it since.
    execution, was_open = end_run_without_machine(run.execution_id, reason)
    if execution and was_open:
        # A function of the API may not create schedules, so an operator has to start the clean-up.
        operator_messages.send_cleanup_not_scheduled(execution, reason)
    return True


def describe_end(status: str) -> str:
    """Why a run has ended whose state machine ended with this status of Step Functions."""
    by_whom = "the run was stopped from outside drs-waves: " if status == "ABORTED" else ""
    return f"{by_whom}the state machine ended as {status}"


@use_share(CallShare.RUN)  # a request that meets such a run ends it, and the results must not depend on other requests
def end_run_without_machine(execution_id: str, reason: str) -> tuple[Execution | None, bool]:
    """End a run whose state machine has ended; return the run, and whether it was open until now.

    Mark it as aborted first: a child machine may still run, and must start nothing more. Then settle its batches, and
    judge its waves and the run; a run that had ended is judged again if results of its servers came since. Return None
    for a state machine execution that is no run.
    """
    try:
        execution = executions.get_execution(execution_id)
    except ExecutionNotFound:
        logger.warning("no such run", extra={"executionId": execution_id})
        return None, False
    was_open = not execution.run.status.is_final
    if was_open:
        executions.record_abort(execution_id, reason)
    closing.close_run(execution, reason)
    left_running = finish.settle_open_batches(execution, reason)
    if was_open:
        finish.judge_and_end(execution, reason, left_running)
    else:
        finish.correct_end(execution)
    task_tokens.release_tokens(execution_id)
    return execution, was_open
