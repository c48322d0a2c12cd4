"""Start the DRS job that terminates the instances of one chunk."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.domain.polling import JobState
from recovery.observability.task_handler import logger, task
from tasks.states import ChunkInput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: ChunkInput, context: LambdaContext) -> JobState:
    """Return no job when no instance is left. Raise LateMessage, ServerBusy, and what else DRS raises."""
    ref = ChunkRef.from_event(event)
    poll = terminate.terminate_chunk(ref)
    logger.info("termination started", extra={"chunk": ref.key, "job": poll.job_id})
    return poll.to_state()
