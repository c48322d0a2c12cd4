"""The end of a run that died: what its jobs came to is kept, its leases go back, its record and its plan are closed."""

from aws_lambda_powertools import Logger

from recovery import batches, capacity, launch, store, tokens, waves
from recovery.batch import Batch
from recovery.errors import DrsWavesError, ExecutionNotFound
from recovery.execution import Execution, Mode

logger = Logger(child=True)


def close(execution_id: str, why: str) -> bool:
    """Close the run if nobody has; False when it was closed already, or is none of ours.

    First nothing more may start, for a child machine may still run; then batches are settled, waves and run judged.
    """
    try:
        execution = store.get_execution(execution_id)
    except ExecutionNotFound:
        logger.warning("no such run", extra={"executionId": execution_id})
        return False
    was_open = not execution.run.status.is_final
    if was_open:
        store.let_die(execution_id, why)
    settle_left(execution, why)
    if was_open:
        waves.finish(execution, why)
    tokens.release(execution_id)
    return was_open


def settle_left(execution: Execution, why: str) -> None:
    """Settle the batches that nobody follows any more, as after a target that broke, and give their leases back."""
    for batch in batches.of(execution.execution_id):
        if batch.status in ("STARTING", "LAUNCHING"):
            _settle(batch, execution.run.mode, why)
        if batch.status != "SETTLED":
            capacity.give_back(batch, batch.lease_attempt)


def _settle(batch: Batch, mode: Mode, why: str) -> None:
    """Keep what the batch's job came to, if it has ended. One that still runs goes on in DRS, unfollowed.

    The run is about to end, and nobody looks at its batches after that: what cannot be known now is kept as such.
    """
    job_id = batch.job_id
    try:
        settlement = launch.settle(batch.ref, mode, launch.End(job_id, f"RunHalted: {why}", 0))
    except DrsWavesError as error:  # whatever it is, the run has to be closed
        unknown = f"{why}; DRS could not be asked what became of its servers: {error.message}"
        batches.skip(batches.get(batch.ref), unknown)
        logger.warning("batch not settled", extra={"batch": batch.ref.key, "reason": error.message})
        return
    if settlement.follow:
        job = f"{settlement.follow.job_id} goes on in DRS and is no longer followed"
        batches.skip(batches.get(batch.ref), f"{why}; {job}")
        logger.warning("job left alone", extra={"batch": batch.ref.key, "job": settlement.follow.job_id})
