"""Notify operators that a batch, or a wave's part in a target, is still waiting after all retries."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.observability import retries_exhausted
from recovery.observability.retries_exhausted import WaitingPlace
from recovery.observability.task_handler import task
from recovery.runs.watch import outages
from tasks.states import NotifyOperatorsInput


@task
def handler(event: NotifyOperatorsInput, context: LambdaContext) -> dict[str, Any]:
    """Note in the record that the target does not answer. The wait continues, whether or not the message is sent."""
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    target = Target.from_state(event)
    if number := event.get("batch"):
        outages.note_outage(BatchRef(event["executionId"], event["wave"], target, int(number)), error)
    plan = outages.read_plan_name(event["executionId"])
    place = WaitingPlace(event["executionId"], event["wave"], target, number, plan)
    retries_exhausted.notify_retries_exhausted(
        place, event["task"], error, event.get("attempts"), event.get("waitSeconds")
    )
    return {}
