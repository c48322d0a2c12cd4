"""Start a wave, unless it has to wait or must not start."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from recovery.runs.wave_lifecycle import WaveStartState
from tasks.states import WaveInput


@task
def handler(event: WaveInput, context: LambdaContext) -> WaveStartState:
    """Return the gate that the wave is at, and its batches if it was started."""
    start = wave_lifecycle.start_wave(event["executionId"], event["wave"])
    logger.info("wave judged", extra={"gate": start.gate, "targets": len(start.targets)})
    return start.to_state()
