"""Judge a wave and release the waves that wait for it."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain import caught_errors
from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from recovery.runs.wave_lifecycle import WaveSettlementState
from tasks.states import SettleWaveInput


@task
def handler(event: SettleWaveInput, context: LambdaContext) -> WaveSettlementState:
    """Return the wave's status and the targets that have new recovery instances."""
    problems = caught_errors.describe_all(event["errors"])
    turn, done = event.get("turn", event["round"]), event.get("done", ())  # an older machine sends neither
    settlement = wave_lifecycle.settle_wave(event["executionId"], event["wave"], turn, problems, done)
    logger.info("wave settled", extra={"status": settlement.status, "next": settlement.next})
    return settlement.to_state()
