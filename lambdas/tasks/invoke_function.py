"""Call the function of an action, and wait for its answer."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.actions import invoke
from recovery.actions.steps import ActionStepState
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability.task_handler import logger, task
from tasks.step_states import ActionsInput


@task
def handler(event: ActionsInput, context: LambdaContext) -> ActionStepState:
    """A repeated call may call the function again, with the same key."""
    step = invoke.invoke(event["executionId"], event["wave"], ActionPlace(event["place"]), event["turn"])
    logger.info("function called", extra={"next": step.next})
    return step.to_state()
