"""Take the instances of a chunk that are gone out of the cache, and keep which are not."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import chunks, problem
from recovery.chunks import ChunkRef
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a chunk and the `error` that ended it, if any; return `{terminated, failed, follow}`, a job or null."""
    chunk, follow = chunks.settle(ChunkRef.from_event(event), problem.describe(event["error"]))
    done = {"terminated": len(chunk.gone), "failed": len(chunk.failed), "follow": follow.to_state() if follow else None}
    logger.info("instances forgotten", extra={"chunk": chunk.ref.key, **done})
    return done
