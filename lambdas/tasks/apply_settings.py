"""Change the launch settings of a batch's servers to what their launch profiles ask for."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.launch_settings import apply
from recovery.launch_settings.apply import AppliedState
from recovery.observability.task_handler import logger, task
from tasks.states import BatchInput


@task
def handler(event: BatchInput, context: LambdaContext) -> AppliedState:
    """Raise LateMessage, RunHalted, RunPaused, ServerBusy, and what else DRS and EC2 raise."""
    ref = BatchRef.from_event(event)
    state = apply.apply_settings(ref).to_state()
    logger.info("launch profiles applied", extra={"batch": ref.key, "left": state["left"]})
    return state
