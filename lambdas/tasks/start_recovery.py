"""Start the DRS job that recovers one batch."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.execution import Mode
from recovery.observability.task_handler import logger, task
from recovery.runs import launch


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch, the mode and the attempt; return the job and when to look at it. Raise ServerBusy, ..."""
    ref = BatchRef.from_event(event)
    look = launch.start_batch(ref, Mode(event["mode"]), event["attempt"])
    logger.info("recovery started", extra={"batch": ref.key, "job": look.job_id})
    return look.to_state()
