"""Start a wave, unless something holds it; say what, or where its servers are."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability.task_handler import logger, task
from recovery.runs import wave_lifecycle
from recovery.store import executions


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave}`; return `{gate, round, targets: [{accountId, region, batches}], timeoutSeconds}`."""
    execution = executions.get_execution(event["executionId"])
    start = wave_lifecycle.start_wave(execution, event["wave"])
    logger.info("wave judged", extra={"gate": start.gate, "targets": len(start.targets)})
    return start.to_state()
