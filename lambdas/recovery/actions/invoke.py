"""Calls the function of an action and waits for its answer. It may be called twice with the same `actionKey`."""

from dataclasses import replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import endings, places, running
from recovery.actions.running import MovedOn
from recovery.actions.steps import START, ActionStep
from recovery.domain.wave_steps.action_record import ActionRecord, ActionStatus, PartStatus
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
    action, (part,) = place.actions[record.number], record.parts
    left = (record.until or 0) - clock.now()
    try:
        if left <= 0:
            _time_out(place, action, record)
            return START
        now = int(clock.now())
        intent = replace(part, status=PartStatus.STARTING, intent_at=now, began_at=part.began_at or now)
        record = running.save(record.with_part(0, intent))
        settings = endings.settings_of(place, action, record)(part)
        seconds = max(min(round(clock.wall_seconds(left)), MAX_WAIT_SECONDS), 1)
        payload = {**settings.get("payload", {}), "actionKey": part.key}
        try:
            result = functions.invoke(part.target, settings["function"], payload, seconds)
        except AwsUnavailable:
            if clock.now() < (record.until or 0):
                raise
            _time_out(place, action, record)
            return START
        except Transient:
            raise
        except DrsWavesError as error:
            ended = replace(intent, status=PartStatus.FAILED, note=mask(error.message))
        else:
            status = PartStatus.SUCCEEDED if result.has_succeeded else PartStatus.FAILED
            note = "" if result.has_succeeded else mask(f"it failed with {result.error}: {result.output}")
            ended = replace(intent, status=status, id=settings["function"], output=mask(result.output), note=note)
        if judged := running.judge(record.with_part(0, ended)):
            endings.write_end(place, action, judged)
    except MovedOn:
        logger.info("the action has ended", extra={"action": record.name})
    return START


def _time_out(place: places.Place, action: Action, record: ActionRecord) -> None:
    """Record that the answer did not come in time. A function cannot be stopped. Raise MovedOn."""
    stopped = replace(record.parts[0], status=PartStatus.STOPPED)
    reason = f"it took longer than {action.timeout_minutes} min; what the function does goes on until it ends"
    endings.end(place, action, record.with_part(0, stopped), ActionStatus.TIMED_OUT, reason)
