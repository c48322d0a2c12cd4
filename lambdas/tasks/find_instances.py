"""Find the instances that a drill launched, in the cache, and cut them into chunks of one target."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import cleanup
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, machine}`; return `{run, chunks: [{accountId, region, chunk}]}`. Raise NotADrill, ..."""
    run, chunks = cleanup.find_chunks(event["executionId"], event["machine"])
    logger.info("instances found", extra={"instances": sum(len(chunk.instances) for chunk in chunks)})
    return {"run": run, "chunks": [{**chunk.ref.target.to_state(), "chunk": chunk.ref.number} for chunk in chunks]}
