"""Notify operators that a batch is still waiting after all retries."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.observability import retries_exhausted
from recovery.observability.task_handler import task
from recovery.runs.watch import outages
from tasks.states import NotifyOperatorsInput


@task
def handler(event: NotifyOperatorsInput, context: LambdaContext) -> dict[str, Any]:
    """Note in the record that the target does not answer. The batch waits on, whether or not the message is sent."""
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    ref = BatchRef.from_event(event)
    outages.note_outage(ref, error)
    retries_exhausted.notify_retries_exhausted(ref, event["task"], error, event.get("attempts"))
    return {}
