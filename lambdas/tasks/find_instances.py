"""Find the instances that a drill launched and divide them into chunks, each within one target."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import cleanup
from recovery.observability.task_handler import logger, task
from tasks.states import CleanupInput, FindInstancesOutput


@task
def handler(event: CleanupInput, context: LambdaContext) -> FindInstancesOutput:
    """Raise NotADrill, ExecutionStillRunning, CleanupRunning, LateMessage."""
    run, chunks = cleanup.open_and_list_chunks(event["executionId"], event["machine"])
    logger.info("instances found", extra={"instances": sum(len(chunk.instances) for chunk in chunks)})
    return {"run": run, "chunks": [{**chunk.ref.target.to_state(), "chunk": chunk.ref.number} for chunk in chunks]}
