"""Take the instances of a chunk that are gone out of the cache, and keep which are not."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws.caught_errors import CaughtError
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a chunk and the `error` that ended it, if any; return `{terminated, failed, follow}`, a job or null."""
    chunk, follow = terminate.settle_chunk(ChunkRef.from_event(event), CaughtError.from_state(event["error"]))
    done = {"terminated": len(chunk.gone), "failed": len(chunk.failed), "follow": follow.to_state() if follow else None}
    logger.info("instances forgotten", extra={"chunk": chunk.ref.key, **done})
    return done
