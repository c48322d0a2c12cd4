"""Take a job slot and room for the servers of a batch, if DRS's quotas leave any."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain import polling
from recovery.domain.batch import BatchRef, BatchStatus
from recovery.drs import capacity_leases
from recovery.errors import LateMessage
from recovery.observability.task_handler import logger, task
from recovery.runs import launch
from recovery.store import batches


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch and its `capacityChecks` so far; return `{granted, paused, attempt, waitSeconds, capacityChecks}`.

    Raise CapacityTimeout, and RunHalted when the run was cancelled.
    """
    batch = batches.get_batch(BatchRef.from_event(event))
    if batch.status is BatchStatus.SETTLED:
        raise LateMessage(f"{batch.ref.key} is settled already")
    paused = launch.is_paused(batch)
    granted = not paused and capacity_leases.acquire_lease(batch)
    logger.info("capacity granted" if granted else "no capacity yet", extra={"batch": batch.ref.key})
    return {
        "granted": granted,
        "paused": paused,
        "attempt": batch.lease_attempt,
        "waitSeconds": polling.seconds_to_next_capacity_check(event["capacityChecks"]),
        "capacityChecks": event["capacityChecks"] + 1,
    }
