"""Judge the actions at a place, and start or resume the next one."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.actions import advance
from recovery.actions.steps import ActionStepState
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability.task_handler import logger, task
from tasks.step_states import ActionsInput


@task
def handler(event: ActionsInput, context: LambdaContext) -> ActionStepState:
    """Return what the machine waits for. A repeated call starts nothing twice."""
    step = advance.start_next(event["executionId"], event["wave"], ActionPlace(event["place"]), event["turn"])
    logger.info("actions judged", extra={"next": step.next, "seconds": step.seconds})
    return step.to_state()
