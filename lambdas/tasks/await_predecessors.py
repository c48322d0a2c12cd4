"""Keep the token by which the waves before this one release it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, taskToken}`. The token is answered with `{decision: START | SKIP}`, here or later."""
    execution = store.get_execution(event["executionId"])
    go = waves.wait_or_go(execution, event["wave"], event["taskToken"])
    logger.info("wave waits" if go is None else "wave released", extra={"wave": event["wave"]})
    return {}
