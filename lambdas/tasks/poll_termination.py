"""Poll the DRS job that terminates a chunk once."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.domain.polling import JobState
from recovery.observability.task_handler import logger, task
from tasks.states import PollTerminationInput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: PollTerminationInput, context: LambdaContext) -> JobState:
    """Return whether the job has ended and when to poll it again."""
    ref = ChunkRef.from_event(event)
    poll = terminate.poll_chunk(ref, event["jobId"])
    logger.info("job polled", extra={"chunk": ref.key, "job": poll.job_id, "finished": poll.finished})
    return poll.to_state()
