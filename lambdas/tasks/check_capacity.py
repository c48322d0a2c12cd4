"""Take a job slot and room for the servers of a batch, if DRS's quotas leave any."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import capacity, store
from recovery.batch import BatchRef
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch; return `{granted, waitSeconds}`. Raise CapacityTimeout when nothing moves."""
    batch = store.get_batch(BatchRef.from_event(event))
    granted = capacity.lease(batch)
    logger.info("capacity granted" if granted else "no capacity yet", extra={"batch": batch.ref.key})
    return {"granted": granted, "waitSeconds": capacity.WAIT_SECONDS}
