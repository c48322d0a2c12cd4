"""Start the DRS job that recovers one batch."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.polling import JobState
from recovery.observability.task_handler import logger, task
from recovery.runs import launch
from tasks.states import StartRecoveryInput


@task
def handler(event: StartRecoveryInput, context: LambdaContext) -> JobState:
    """Raise LateMessage, RunHalted, RunPaused, ServerBusy, and what else DRS raises."""
    ref = BatchRef.from_event(event)
    poll = launch.start_batch(ref, event["attempt"])
    logger.info("recovery started", extra={"batch": ref.key, "job": poll.job_id})
    return poll.to_state()
