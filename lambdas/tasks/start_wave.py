"""Start a wave, unless it has to wait or must not start."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from recovery.runs.wave_lifecycle import WaveStartState
from tasks.states import StartWaveInput


@task
def handler(event: StartWaveInput, context: LambdaContext) -> WaveStartState:
    """Return the gate that the wave is at, and its batches if it was started."""
    timed_out = event["approvalTimedOut"]
    start = wave_lifecycle.start_wave(event["executionId"], event["wave"], approval_timed_out=timed_out)
    logger.info("wave judged", extra={"gate": start.gate, "targets": len(start.targets)})
    return start.to_state()
