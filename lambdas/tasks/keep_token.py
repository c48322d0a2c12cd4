"""Save the task token by which a wave, a batch of it, or an action waits at a gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.actions import waits
from recovery.domain.verdicts import WaveGate
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from tasks.states import KeepTokenInput
from tasks.step_states import KeepActionTokenInput


@task
def handler(event: KeepTokenInput | KeepActionTokenInput, context: LambdaContext) -> dict[str, Any]:
    """If there is nothing to wait for, answer the token at once. StartWave or StartAction then judges it again."""
    gate, execution_id, token = WaveGate(event["gate"]), event["executionId"], event["taskToken"]
    if place := event.get("place"):
        is_waiting = waits.save_token(execution_id, event["wave"], ActionPlace(str(place)), gate, token)
    else:
        is_waiting = wave_lifecycle.save_gate_token(execution_id, str(event["wave"]), gate, token)
    logger.info("waiting" if is_waiting else "nothing to wait for", extra={"gate": gate})
    return {}
