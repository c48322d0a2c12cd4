"""Stop what the actions at a place run, because their machine has broken."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.actions import closing
from recovery.domain.caught_errors import CaughtError
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability.task_handler import logger, task
from tasks.step_states import StopActionInput, StopActionOutput


@task
def handler(event: StopActionInput, context: LambdaContext) -> StopActionOutput:
    """Record those that have not ended as failed. Calling it twice changes nothing."""
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    place = ActionPlace(event["place"])
    left = closing.close_place(event["executionId"], event["wave"], place, event["turn"], f"its machine broke: {error}")
    logger.error("actions stopped", extra={"reason": str(error), "left": left})
    return {"left": left}
