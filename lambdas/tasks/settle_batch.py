"""Keep the result of every server of a batch and give its capacity back."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import launch, problem
from recovery.batch import BatchRef
from recovery.execution import Mode
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch, the `jobId` followed and the `error` that ended it, if any; return `{serversToRetry, follow}`."""
    ref = BatchRef.from_event(event)
    end = launch.End(event["jobId"], problem.describe(event["error"]), event["launchAttempts"])
    settlement = launch.settle(ref, Mode(event["mode"]), end)
    logger.info("batch settled", extra={"batch": ref.key, **settlement.to_state()})
    return settlement.to_state()
