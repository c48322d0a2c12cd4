"""The end of a run that died: what its jobs came to is kept, its leases go back, its record and its plan are closed."""

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import step_functions
from recovery.aws.caught_errors import CaughtError
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.execution import Execution, Mode, Run
from recovery.drs import capacity_leases
from recovery.errors import DrsWavesError, ExecutionNotFound, RunHalted
from recovery.observability import operator_messages
from recovery.runs import launch, wave_lifecycle
from recovery.runs.launch import AttemptOutcome
from recovery.store import batches, executions, task_tokens

logger = Logger(child=True)


# A start takes a second; a lock held this long by a run that Step Functions does not know is a start cut off.
START_GRACE_SECONDS = 120


def release_plan_if_over(plan_id: str, execution_id: str | None) -> bool:
    """Is the run that holds the plan's lock over? If so its record is closed and the plan freed."""
    if execution_id is None:  # freed between our write and our look
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
    """Close an open run whose state machine never ran, or ended without closing it; True when it was such a one.

    Raise AwsUnavailable when Step Functions does not say.
    """
    if clock.now() - clock.parse_iso(run.requested_at) < START_GRACE_SECONDS:
        return False
    status = step_functions.get_status(step_functions.recover_plan_arn(), run.execution_id)
    if status in step_functions.RUNNING_STATUSES:
        return False
    why = "the start was cut off before the state machine ran"
    if status:
        why = f"the state machine ended as {status} without closing the record"
    if close_run(run.execution_id, why):
        # Schedules are made by those who end runs, which this is not.
        operator_messages.send_cleanup_not_scheduled(executions.get_execution(run.execution_id), why)
    return True


def close_run(execution_id: str, why: str) -> bool:
    """Close the run if nobody has; False when it was closed already, or is none of ours.

    First nothing more may start, for a child machine may still run; then batches are settled, waves and run judged.
    """
    try:
        execution = executions.get_execution(execution_id)
    except ExecutionNotFound:
        logger.warning("no such run", extra={"executionId": execution_id})
        return False
    was_open = not execution.run.status.is_final
    if was_open:
        executions.mark_aborted(execution_id, why)
    settle_open_batches(execution, why)
    if was_open:
        wave_lifecycle.finish_run(execution, why)
    task_tokens.release_tokens(execution_id)
    return was_open


def settle_open_batches(execution: Execution, why: str) -> None:
    """Settle the batches that nobody follows any more, as after a target that broke, and give their leases back."""
    for batch in batches.list_batches(execution.execution_id):
        if batch.status.is_in_attempt:
            _settle_batch(batch, execution.run.mode, why)
        if batch.status is not BatchStatus.SETTLED:
            capacity_leases.release_lease(batch, batch.lease_attempt)


def _settle_batch(batch: Batch, mode: Mode, why: str) -> None:
    """Keep what the batch's job came to, if it has ended. One that still runs goes on in DRS, unfollowed.

    The run is about to end, and nobody looks at its batches after that: what cannot be known now is kept as such.
    """
    job_id = batch.job_id
    try:
        settlement = launch.settle_batch(
            batch.ref, mode, AttemptOutcome(job_id, CaughtError.from_error(RunHalted(why)), 0)
        )
    except DrsWavesError as error:  # whatever it is, the run has to be closed
        unknown = f"{why}; DRS could not be asked what became of its servers: {error.message}"
        batches.skip_batch(batches.get_batch(batch.ref), unknown)
        logger.warning("batch not settled", extra={"batch": batch.ref.key, "reason": error.message})
        return
    if settlement.follow:
        job = f"{settlement.follow.job_id} goes on in DRS and is no longer followed"
        batches.skip_batch(batches.get_batch(batch.ref), f"{why}; {job}")
        logger.warning("job left alone", extra={"batch": batch.ref.key, "job": settlement.follow.job_id})
