"""Save the task token by which a wave, or a batch of it, waits at a gate."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.verdicts import WaveGate
from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from tasks.states import KeepTokenInput


@task
def handler(event: KeepTokenInput, context: LambdaContext) -> dict[str, Any]:
    """If there is nothing to wait for, answer the token at once. StartWave then judges the gate again."""
    gate = WaveGate(event["gate"])
    is_waiting = wave_lifecycle.save_gate_token(event["executionId"], event["wave"], gate, event["taskToken"])
    logger.info("waiting" if is_waiting else "nothing to wait for", extra={"gate": gate})
    return {}
