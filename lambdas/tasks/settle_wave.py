"""Judge a wave and release the waves that waited for it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import problem, store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, round, errors}`, the errors that broke parts of it; return `{status, final}`."""
    execution = store.get_execution(event["executionId"])
    status = waves.settle(execution, event["wave"], event["round"], problem.describe_all(event["errors"]))
    logger.info("wave settled", extra={"status": status})
    return {"status": status.value, "final": status.is_final}
