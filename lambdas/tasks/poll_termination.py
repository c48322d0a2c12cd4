"""Look once at the DRS job that terminates a chunk."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a chunk and its `jobId`; return `{jobId, finished, waitSeconds}`."""
    ref = ChunkRef.from_event(event)
    look = terminate.poll_chunk(ref, event["jobId"])
    logger.info("job polled", extra={"chunk": ref.key, "job": look.job_id, "finished": look.finished})
    return look.to_state()
