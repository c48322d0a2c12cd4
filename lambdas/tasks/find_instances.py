"""Find the instances that a drill and its chain have left, and divide them into chunks, each within one target."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.cleanup import cleanup
from recovery.observability.task_handler import logger, task
from tasks.states import FindInstancesInput, FindInstancesOutput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: FindInstancesInput, context: LambdaContext) -> FindInstancesOutput:
    """Raise NotADrill, ExecutionStillRunning, CleanupRunning, LateMessage."""
    search = cleanup.open_and_search(event["executionId"], event["machine"], is_last_try=event["isLastTry"])
    logger.info("instances found", extra={"instances": sum(len(chunk.instances) for chunk in search.chunks)})
    return {
        "executionId": search.execution_id,
        "run": search.run,
        "chunks": [{**chunk.ref.target.to_state(), "chunk": chunk.ref.number} for chunk in search.chunks],
        "isIncomplete": search.is_incomplete,
    }
