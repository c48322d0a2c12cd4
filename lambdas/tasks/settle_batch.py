"""Keep the result of every server of a batch and give its capacity back."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws.caught_errors import CaughtError
from recovery.domain.batch import BatchRef
from recovery.domain.execution import Mode
from recovery.observability.task_handler import logger, task
from recovery.runs import launch
from recovery.runs.launch import AttemptOutcome


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch, the `jobId` followed and the `error` that ended it, if any; return `{serversToRetry, follow}`."""
    ref = BatchRef.from_event(event)
    end = AttemptOutcome(event["jobId"], CaughtError.from_state(event["error"]), event["launchAttempts"])
    settlement = launch.settle_batch(ref, Mode(event["mode"]), end)
    logger.info("batch settled", extra={"batch": ref.key, **settlement.to_state()})
    return settlement.to_state()
