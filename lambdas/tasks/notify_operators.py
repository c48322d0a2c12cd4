"""Notify operators that a batch is still waiting after all retries."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.observability import retries_exhausted
from recovery.observability.task_handler import task
from tasks.states import NotifyOperatorsInput


@task
def handler(event: NotifyOperatorsInput, context: LambdaContext) -> dict[str, Any]:
    """The batch continues to wait, whether or not the message can be sent."""
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    retries_exhausted.notify_retries_exhausted(BatchRef.from_event(event), event["task"], error, event.get("attempts"))
    return {}
