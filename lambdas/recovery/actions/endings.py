"""Ends the attempts of actions: stops what runs, writes the outcome, and then reports it to operators."""

from dataclasses import replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import places, running
from recovery.actions.places import Place
from recovery.domain.wave_steps.action_record import ActionPart, ActionRecord, ActionStatus, AwaitedAnswer, PartStatus
from recovery.domain.wave_steps.actions import Action, OnActionFailure
from recovery.errors import DrsWavesError, Transient
from recovery.observability import step_messages

logger = Logger(child=True)


def order_of(place: Place) -> int:
    """The number of the wave in the plan, from 1; 0 for the plan's own actions."""
    if place.wave is None:
        return 0
    return [wave.name for wave in place.execution.plan.waves].index(place.wave.name) + 1


def settings_of(place: Place, action: Action, record: ActionRecord) -> running.Settings:
    """The settings of the attempt, with facts in place of the names in braces."""

    def fill_in(part: ActionPart) -> dict[str, object]:
        return places.fill_in(place, action, record, part.target, part.key)

    return fill_in


def write_end(place: Place, action: Action, record: ActionRecord) -> ActionRecord:
    """Write a record whose attempt has ended, and report a failure. Raise MovedOn.

    One that failed and asks waits for its answer from this write on.
    """
    failed = record.status in (ActionStatus.FAILED, ActionStatus.TIMED_OUT)
    if failed and action.on_failure is OnActionFailure.ASK:
        record = replace(record, waiting_for=AwaitedAnswer.DECISION, waiting_since=clock.iso())
    saved = running.save(record)
    _send_ended(place, action, saved)
    send_waits(place, saved)
    return saved


def end(
    place: Place, action: Action, record: ActionRecord, status: ActionStatus, reason: str, output: str | None = None
) -> ActionRecord:
    """End the attempt. Raise MovedOn."""
    return write_end(place, action, record.end(status, clock.iso(), reason, output))


def cancel(place: Place, action: Action, record: ActionRecord, reason: str) -> ActionRecord:
    """Stop what an action runs, and record it as CANCELLED. Raise MovedOn, and errors that are transient."""
    stopped = stop_or_note(place, action, record, reason)
    return end(place, action, stopped, ActionStatus.CANCELLED, note_unknown(stopped, reason))


def time_out(place: Place, action: Action, record: ActionRecord) -> ActionRecord:
    """Stop what an action runs, because its time is up. Raise MovedOn, and errors that are transient."""
    reason = f"it took longer than {action.timeout_minutes} min and was stopped"
    notes = "; ".join(part.note for part in record.parts if part.note and not part.status.has_ended)
    stopped = stop_or_note(place, action, record, reason)
    whole = note_unknown(stopped, f"{reason}; {notes}" if notes else reason)
    return end(place, action, stopped, ActionStatus.TIMED_OUT, whole)


def stop_or_note(place: Place, action: Action, record: ActionRecord, cause: str) -> ActionRecord:
    """Stop the parts; the record is not written. A service that refuses it for good is noted: the action has to end.

    Raise errors that are transient.
    """
    try:
        return running.stop_parts(record, settings_of(place, action, record), order_of(place), cause)
    except Transient:
        raise
    except DrsWavesError as error:
        return give_up(record, error)


def give_up(record: ActionRecord, error: DrsWavesError) -> ActionRecord:
    """The record with the parts that could not be stopped."""
    note = f"what it started could not be stopped: {error.message}"
    parts = (
        part if part.status.has_ended else replace(part, status=PartStatus.STOPPED, note=note) for part in record.parts
    )
    return replace(record, parts=tuple(parts))


def note_unknown(record: ActionRecord, reason: str) -> str:
    """The reason, with what may run on."""
    notes = [part.note for part in record.parts if part.status is PartStatus.STOPPED]
    return "; ".join(
        dict.fromkeys([reason, *(note for note in notes if "may have" in note or "not be stopped" in note)])
    )


# --- messages -----------------------------------------------------------------------------------------------------
def send_waits(place: Place, record: ActionRecord) -> None:
    """Report that an action waits for a person, if it does."""
    if record.waiting_for is not None:
        step_messages.send_action_waits(place.execution, _row(record))


def _send_ended(place: Place, action: Action, record: ActionRecord) -> None:
    """Report that an action failed, unless an operator is asked about it or its run was halted."""
    logger.info("action ended", extra={"action": record.name, "status": record.status.value, "reason": record.reason})
    failed = record.status in (ActionStatus.FAILED, ActionStatus.TIMED_OUT)
    if failed and action.on_failure is not OnActionFailure.ASK:
        step_messages.send_action_failed(place.execution, _row(record), action.on_failure.value)


def _row(record: ActionRecord) -> dict[str, object]:
    return {name: value for name, value in record.to_item().items() if value is not None}
