"""Reserve the capacity that a run launches in one target."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.target import Target
from recovery.launch_settings import reserving
from recovery.observability.task_handler import logger, task
from tasks.target_states import ReserveCapacityInput, ReserveCapacityOutput


@task
def handler(event: ReserveCapacityInput, context: LambdaContext) -> ReserveCapacityOutput:
    """Return how many reservations there are, and how many could not be made."""
    made = reserving.reserve_capacity(event["executionId"], Target.from_state(event))
    refused = sum(each.reservation_id is None for each in made)
    logger.info("capacity reserved", extra={"reservations": len(made) - refused, "refused": refused})
    return {"reserved": len(made) - refused, "refused": refused}
