"""Lease a job slot and servers for a batch, if DRS's quotas have room."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.polling import CapacityState
from recovery.observability.task_handler import logger, task
from recovery.runs import launch
from tasks.states import CheckCapacityInput


@task
def handler(event: CheckCapacityInput, context: LambdaContext) -> CapacityState:
    """Raise JobTooLarge, LateMessage, and RunHalted when the run was cancelled."""
    ref = BatchRef.from_event(event)
    check = launch.check_capacity(ref, event["capacityChecks"])
    logger.info("capacity granted" if check.granted else "no capacity yet", extra={"batch": ref.key})
    return check.to_state()
