"""Keep the token by which other waves, or people, let a wave or a batch go on."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import waves
from recovery.decide import Hold
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, wave, hold, taskToken}`. The token is answered, now or later, with: look again."""
    waits = waves.wait(event["executionId"], event["wave"], Hold(event["hold"]), event["taskToken"])
    logger.info("waiting" if waits else "nothing to wait for", extra={"hold": event["hold"]})
    return {}
