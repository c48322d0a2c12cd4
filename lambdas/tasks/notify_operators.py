"""Notify operators that a batch, a wave's part in a target, or an action is still waiting after all retries."""

from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.observability import retries_exhausted
from recovery.observability.retries_exhausted import WaitingPlace
from recovery.observability.task_handler import logger, task
from recovery.runs.watch import outages
from tasks.states import NotifyOperatorsInput
from tasks.step_states import NotifyOfActionInput


@task
def handler(event: NotifyOperatorsInput | NotifyOfActionInput, context: LambdaContext) -> dict[str, Any]:
    """Note in the record that the target does not answer. The wait continues, whether or not the message is sent."""
    error = CaughtError.from_state(event["error"]) or CaughtError("unknown error", "")
    if "place" in event:
        _notify_of_action(cast("NotifyOfActionInput", event), error)
        return {}
    target = Target.from_state(event)
    if number := event.get("batch"):
        outages.note_outage(BatchRef(event["executionId"], event["wave"], target, int(number)), error)
    plan = outages.read_plan_name(event["executionId"])
    place = WaitingPlace(event["executionId"], event["wave"], target, number, plan)
    retries_exhausted.notify_retries_exhausted(
        place, event["task"], error, event.get("attempts"), event.get("waitSeconds")
    )
    return {}


def _notify_of_action(event: NotifyOfActionInput, error: CaughtError) -> None:
    """The action that waits is in the record; before it is, an outage of ours has no target to name."""
    execution_id, wave = event["executionId"], event["wave"]
    found = outages.find_open_action(execution_id, wave, ActionPlace(event["place"]))
    if found is None:
        logger.warning("actions wait", extra={"place": event["place"], "reason": str(error)})
        return
    name, target = found
    place = WaitingPlace(execution_id, wave or "", target, None, outages.read_plan_name(execution_id), name)
    retries_exhausted.notify_retries_exhausted(
        place, event["task"], error, event.get("attempts"), event.get("waitSeconds")
    )
