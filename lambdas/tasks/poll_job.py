"""Look once at the DRS job of a batch."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.observability.task_handler import logger, task
from recovery.runs import launch


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch, its `jobId` and `expectedSeconds`; return whether the job has ended and when to look again."""
    ref = BatchRef.from_event(event)
    look = launch.poll_batch(ref, event["jobId"], event["expectedSeconds"])
    logger.info("job polled", extra={"batch": ref.key, "job": look.job_id, "finished": look.finished})
    return look.to_state()
