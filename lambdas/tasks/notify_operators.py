"""Tell people that DRS has kept a batch waiting for longer than retries last."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws.caught_errors import CaughtError
from recovery.domain.batch import BatchRef
from recovery.observability import retries_exhausted
from recovery.observability.task_handler import task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch, the `task` that was put off, the `error` and, if known, the `attempts` made.

    The batch goes on waiting whatever comes of this.
    """
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    retries_exhausted.notify_retries_exhausted(BatchRef.from_event(event), event["task"], error, event.get("attempts"))
    return {}
