"""Ends the actions of a run that nothing follows any more: what runs is stopped, and the record closed."""

from dataclasses import replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import endings, places
from recovery.domain.execution import Execution
from recovery.domain.wave_steps.action_record import ActionRecord, ActionStatus
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.errors import DrsWavesError
from recovery.store.steps import actions as store

logger = Logger(child=True)

# How often a row is read again that another function has changed meanwhile.
MAX_CHANGES = 5


def close_run(execution: Execution, reason: str) -> list[str]:
    """Stop what the actions of a run have started, and record those that have not ended as CANCELLED.

    The run has to end, so what a service refuses or does not answer is noted in the record. Return a line for each
    action that may run on.
    """
    return [line for record in store.list_all(execution.execution_id) if (line := _close(execution, record, reason))]


def close_place(execution_id: str, wave: str | None, place: ActionPlace, turn: int, reason: str) -> list[str]:
    """Do the same for the actions at one place, whose machine has broken: those that have not ended count as failed."""
    execution = places.load_place(execution_id, wave, place, turn).execution
    records = store.list_actions(execution_id, wave, place).values()
    lines = [_close(execution, record, reason, ActionStatus.FAILED) for record in records]
    return [line for line in lines if line]


def _close(
    execution: Execution, record: ActionRecord, reason: str, status: ActionStatus = ActionStatus.CANCELLED
) -> str | None:
    for _ in range(MAX_CHANGES):
        if not _is_left(record):
            return None
        stopped = _stop(execution, record, reason)
        why = endings.note_unknown(stopped, reason)
        ended = stopped.end(status, clock.iso(), why) if record.status.is_open else stopped
        ended = replace(ended, waiting_for=None, waiting_since=None, is_settled=True)
        if store.save(ended):
            return f"action {record.name}: {why.partition('; ')[2]}" if why != reason else None
        found = store.list_actions(record.execution_id, record.wave, record.place).get(record.number)
        if found is None:
            return None
        record = found
    return f"action {record.name} changes again and again"


def _is_left(record: ActionRecord) -> bool:
    """Whether something of it runs, or the record says that something follows."""
    runs = any(not part.status.has_ended for part in record.parts)
    return record.status.is_open or record.waiting_for is not None or (runs and not record.status.is_done)


def _stop(execution: Execution, record: ActionRecord, reason: str) -> ActionRecord:
    try:
        place = places.load_place(record.execution_id, record.wave, record.place, record.turn)
        return endings.stop_or_note(place, place.actions[record.number], record, reason)
    except (DrsWavesError, KeyError) as error:  # the run has to end, whatever the error is
        logger.warning("action not stopped", extra={"action": record.name, "reason": str(error)})
        known = error if isinstance(error, DrsWavesError) else DrsWavesError(f"no action {record.number} in the plan")
        return endings.give_up(record, known)
