"""Take a job slot and room for the servers of a chunk, if DRS's quotas leave any."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain import polling
from recovery.domain.cleanup_chunk import ChunkRef, ChunkStatus
from recovery.drs import capacity_leases
from recovery.errors import LateMessage
from recovery.observability.task_handler import logger, task
from recovery.store import cleanups


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a chunk and its `capacityChecks` so far; return `{granted, waitSeconds, capacityChecks}`.

    Raise CapacityTimeout.
    """
    chunk = cleanups.get_chunk(ChunkRef.from_event(event))
    if chunk.status is ChunkStatus.SETTLED:
        raise LateMessage(f"{chunk.ref.key} is settled already")
    granted = capacity_leases.acquire_lease(chunk)
    logger.info("capacity granted" if granted else "no capacity yet", extra={"chunk": chunk.ref.key})
    return {
        "granted": granted,
        "waitSeconds": polling.seconds_to_next_capacity_check(event["capacityChecks"]),
        "capacityChecks": event["capacityChecks"] + 1,
    }
