"""Cleans up after a run whose state machine died: records its jobs' results, releases its capacity leases, and closes
the record.
"""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import step_functions
from recovery.aws.caught_errors import CaughtError
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.execution import Execution, Mode, Run
from recovery.drs import capacity_leases
from recovery.errors import DrsWavesError, ExecutionNotFound, RunHalted
from recovery.observability import operator_messages
from recovery.runs import finish, launch
from recovery.runs.launch import AttemptOutcome
from recovery.store import batches, executions, task_tokens

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
    execution = Execution(run, executions.get_plan(run.execution_id))
    if close_run(execution, reason):
        # Only the tasks that end a run can schedule its clean-up, so operators have to start it.
        operator_messages.send_cleanup_not_scheduled(execution, reason)
    return True


def close_run(execution: Execution, reason: str) -> bool:
    """Close the run if it is open; return False when it was closed already.

    Mark it as aborted first: a child machine may still run, and must start nothing more. Then settle the batches, and
    judge the waves and the run.
    """
    was_open = not execution.run.status.is_final
    if was_open:
        execution = abort_run(execution, reason)
    settle_open_batches(execution, reason)
    if was_open:
        finish.finish_run(execution, reason)
    task_tokens.release_tokens(execution.execution_id)
    return was_open


def abort_run(execution: Execution, reason: str) -> Execution:
    """Mark the run as aborted, so that no child machine launches anything more; return it as it is then."""
    executions.mark_aborted(execution.execution_id, reason)
    return executions.reload_run(execution)


def settle_open_batches(execution: Execution, reason: str) -> None:
    """Settle the batches that no machine polls any more and release their leases."""
    for batch in batches.list_batches(execution.execution_id):
        if batch.status.is_in_attempt:
            _settle_batch(batch, execution.run.mode, reason)
        if batch.status is not BatchStatus.SETTLED:
            capacity_leases.release_lease(batch, batch.lease_attempt)


def _settle_batch(batch: Batch, mode: Mode, reason: str) -> None:
    """Record the results of the batch's job if it has ended. A job that still runs continues in DRS.

    The run is about to end and its batches are not polled again, so what cannot be known now is recorded as such.
    """
    outcome = AttemptOutcome(batch.job_id, CaughtError.from_error(RunHalted(reason)), launch_attempts=0)
    try:
        settlement = launch.settle_batch(batch.ref, mode, outcome)
    except DrsWavesError as error:  # the run has to be closed, whatever the error is
        unknown = f"{reason}; DRS could not be asked what became of its servers: {error.message}"
        batches.skip_batch(batches.get_batch(batch.ref), unknown)
        logger.warning("batch not settled", extra={"batch": batch.ref.key, "reason": error.message})
        return
    if settlement.follow:
        job = f"{settlement.follow.job_id} continues in DRS and is no longer followed"
        batches.skip_batch(batches.get_batch(batch.ref), f"{reason}; {job}")
        logger.warning("job left running", extra={"batch": batch.ref.key, "job": settlement.follow.job_id})
