"""Start the DRS job that terminates the instances of one chunk."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a chunk; return `{jobId, finished, waitSeconds}`, without a job when nothing is left. Raise ServerBusy."""
    ref = ChunkRef.from_event(event)
    look = terminate.terminate_chunk(ref)
    logger.info("termination started", extra={"chunk": ref.key, "job": look.job_id})
    return look.to_state()
