"""Settle a chunk: mark its terminated instances as gone, and record why the others are not terminated."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.cleanup import terminate
from recovery.domain.caught_errors import CaughtError
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.observability.task_handler import logger, task
from tasks.states import ForgetInstancesInput, ForgetInstancesOutput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: ForgetInstancesInput, context: LambdaContext) -> ForgetInstancesOutput:
    """Return a job to follow if the chunk's job is still running, and whether instances wait for their own job."""
    chunk, poll = terminate.settle_chunk(ChunkRef.from_event(event), CaughtError.from_state(event["error"]))
    terminated, failed, follow = len(chunk.gone), len(chunk.failed), poll.to_state() if poll else None
    logger.info("instances forgotten", extra={"chunk": chunk.ref.key, "terminated": terminated, "failed": failed})
    return {"terminated": terminated, "failed": failed, "follow": follow, "waits": chunk.waits}
