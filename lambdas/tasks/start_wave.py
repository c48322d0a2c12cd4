"""Start a wave, unless something holds it; say what, or where its servers are."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave}`; return `{hold, round, targets: [{accountId, region, batches}], timeoutSeconds}`."""
    execution = store.get_execution(event["executionId"])
    answer = waves.start(execution, event["wave"])
    logger.info("wave looked at", extra={"hold": answer["hold"], "targets": len(answer["targets"])})
    return answer
