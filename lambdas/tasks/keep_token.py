"""Keep the token by which other waves, or people, let a wave or a batch go on."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.verdicts import WaveGate
from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, gate, taskToken}`. The token is answered, now or later, with: look again."""
    waits = wave_lifecycle.wait_at_gate(
        event["executionId"], event["wave"], WaveGate(event["gate"]), event["taskToken"]
    )
    logger.info("waiting" if waits else "nothing to wait for", extra={"gate": event["gate"]})
    return {}
