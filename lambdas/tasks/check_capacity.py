"""Take a job slot and room for the servers of a batch, if DRS's quotas leave any."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import batches, capacity, decide, launch
from recovery.batch import BatchRef
from recovery.errors import LateMessage
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch and how often it `asked`; return `{granted, paused, attempt, waitSeconds, asked}`.

    Raise CapacityTimeout, and RunHalted when the run was cancelled.
    """
    batch = batches.get(BatchRef.from_event(event))
    if batch.status == "SETTLED":
        raise LateMessage(f"{batch.ref.key} is settled already")
    paused = launch.is_held(batch)
    granted = not paused and capacity.lease(batch)
    logger.info("capacity granted" if granted else "no capacity yet", extra={"batch": batch.ref.key})
    return {
        "granted": granted,
        "paused": paused,
        "attempt": batch.lease_attempt,
        "waitSeconds": decide.seconds_to_next_capacity_check(event["asked"]),
        "asked": event["asked"] + 1,
    }
