"""Look once at the action that runs."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.actions import advance
from recovery.actions.steps import ActionStepState
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability.task_handler import logger, task
from tasks.step_states import ActionsInput


@task
def handler(event: ActionsInput, context: LambdaContext) -> ActionStepState:
    """Return whether to wait for it longer. One whose time is up is stopped."""
    step = advance.poll(event["executionId"], event["wave"], ActionPlace(event["place"]), event["turn"])
    logger.info("action polled", extra={"next": step.next, "seconds": step.seconds})
    return step.to_state()
