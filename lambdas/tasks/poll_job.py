"""Poll the DRS job of a batch once."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.polling import JobState
from recovery.observability.task_handler import logger, task
from recovery.runs import launch
from tasks.states import PollJobInput


@task
def handler(event: PollJobInput, context: LambdaContext) -> JobState:
    """Return whether the job has ended and when to poll it again."""
    ref = BatchRef.from_event(event)
    poll = launch.poll_batch(ref, event["jobId"], event["expectedSeconds"])
    logger.info("job polled", extra={"batch": ref.key, "job": poll.job_id, "finished": poll.finished})
    return poll.to_state()
