"""Calls the function of an action and waits for its answer. It may be called twice with the same `actionKey`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import endings, places, running
from recovery.actions.running import MovedOn
from recovery.actions.steps import START, ActionStep
from recovery.domain.wave_steps.action_record import ActionPart, ActionRecord, ActionStatus, PartStatus
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace
from recovery.domain.wave_steps.masking import mask
from recovery.errors import AwsUnavailable, DrsWavesError, Transient
from recovery.store.steps import actions as store
from recovery.target_services import functions

logger = Logger(child=True)

# The function has 900 seconds, of which it needs some to write the outcome.
MAX_WAIT_SECONDS = 860


def invoke(execution_id: str, wave: str | None, place_name: ActionPlace, turn: int) -> ActionStep:
    """Call the function of the action that runs, and record its answer. Raise errors that are transient."""
    place = places.load_place(execution_id, wave, place_name, turn)
    records = store.list_actions(execution_id, wave, place_name).values()
    record = next((each for each in records if each.status.is_open and each.kind is ActionKind.LAMBDA), None)
    if record is None or place.execution.run.is_halted:
        return START
    action = place.actions[record.number]
    try:
        _call(place, action, record)
    except MovedOn:
        logger.info("the action has ended", extra={"action": record.name})
    return START


def _call(place: places.Place, action: Action, record: ActionRecord) -> None:
    """Call the function within the action's time, and record the end. Raise MovedOn, and errors that are transient."""
    (part,), now = record.parts, clock.now()
    left = (record.until or 0) - now
    if left <= 0:
        _time_out(place, action, record)
        return
    intent = replace(part, status=PartStatus.STARTING, intent_at=int(now), began_at=part.began_at or int(now))
    record = running.save(record.with_part(0, intent))
    settings = endings.settings_of(place, action, record)(part)
    seconds = max(min(round(clock.wall_seconds(left)), MAX_WAIT_SECONDS), 1)
    try:
        ended = _ask(intent, settings, seconds)
    except AwsUnavailable:
        if clock.now() < (record.until or 0):
            raise
        _time_out(place, action, record)
        return
    if judged := running.judge(record.with_part(0, ended)):
        endings.write_end(place, action, judged)


def _ask(part: ActionPart, settings: Mapping[str, Any], seconds: int) -> ActionPart:
    """The part after the function's answer, or after an error that does not pass."""
    function, payload = settings["function"], {**settings.get("payload", {}), "actionKey": part.key}
    try:
        result = functions.invoke(part.target, function, payload, seconds)
    except Transient:
        raise
    except DrsWavesError as error:
        return replace(part, status=PartStatus.FAILED, note=mask(error.message))
    status = PartStatus.SUCCEEDED if result.has_succeeded else PartStatus.FAILED
    note = "" if result.has_succeeded else mask(f"it failed with {result.error}: {result.output}")
    return replace(part, status=status, id=function, output=mask(result.output), note=note)


def _time_out(place: places.Place, action: Action, record: ActionRecord) -> None:
    """Record that the answer did not come in time. A function cannot be stopped. Raise MovedOn."""
    stopped = replace(record.parts[0], status=PartStatus.STOPPED)
    reason = f"it took longer than {action.timeout_minutes} min; what the function does goes on until it ends"
    endings.end(place, action, record.with_part(0, stopped), ActionStatus.TIMED_OUT, reason)
