"""Mark a wave as started and say where its servers are."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave}`; return `{targets: [{accountId, region, batches}]}`."""
    execution = store.get_execution(event["executionId"])
    targets = waves.start(execution, event["wave"])
    logger.info("wave started", extra={"wave": event["wave"], "targets": len(targets)})
    return {"targets": targets}
