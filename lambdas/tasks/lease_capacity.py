"""Lease a job slot and servers for a chunk, if DRS's quotas have room."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.call_shares import CallShare, use_share
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import ChunkRef
from recovery.domain.polling import CapacityState
from recovery.observability.task_handler import logger, task
from tasks.states import LeaseCapacityInput


@task
@use_share(CallShare.BACKGROUND)
def handler(event: LeaseCapacityInput, context: LambdaContext) -> CapacityState:
    """Raise JobTooLarge, LateMessage."""
    ref = ChunkRef.from_event(event)
    check = terminate.check_capacity(ref, event["capacityChecks"])
    logger.info("capacity granted" if check.granted else "no capacity yet", extra={"chunk": ref.key})
    return check.to_state()
