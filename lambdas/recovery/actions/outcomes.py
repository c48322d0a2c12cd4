"""What became of the actions at a place: whether some have not ended, and which of them make their wave fail."""

from dataclasses import dataclass, replace

from recovery import clock
from recovery.actions import judgement, places
from recovery.domain.execution import Execution
from recovery.domain.plan import Wave
from recovery.domain.wave_steps.action_record import ActionRecord, ActionStatus
from recovery.domain.wave_steps.actions import Action, ActionPlace, ActionsOption, OnActionFailure
from recovery.store.steps import actions as store
from recovery.wording import name_place


@dataclass(frozen=True, slots=True)
class ActionOutcomes:
    """`is_open`: some actions of this turn have not ended. `failures` say of each that fails its wave or plan why."""

    is_open: bool = False
    failures: tuple[str, ...] = ()


def read_outcomes(execution: Execution, wave: Wave | None, place: ActionPlace, turn: int) -> ActionOutcomes:
    """The outcomes of the actions at this place of the wave; of the plan, if there is no wave."""
    actions = places.list_actions(execution, wave, place)
    if not actions:
        return ActionOutcomes()
    records = judgement.list_believed(execution.run, wave.name if wave else None, place, actions)
    failures = list[str]()
    for number, action in actions.items():
        record = records.get(number)
        if record is None or _is_open(execution, action, record, turn):
            return ActionOutcomes(is_open=True, failures=tuple(failures))
        if judgement.counts_as_failure(execution.run, action, record):
            failures.append(describe_failure(record))
            return ActionOutcomes(failures=tuple(failures))  # the actions after it do not run
    return ActionOutcomes(failures=tuple(failures))


def list_failures(execution: Execution, wave: Wave | None) -> list[str]:
    """The actions of the wave, or of the plan, that made it fail, each with the reason."""
    found = (read_outcomes(execution, wave, place, turn=0) for place in ActionPlace)
    return [failure for each in found for failure in each.failures]


def list_shortfalls(execution: Execution, wave: Wave | None) -> list[str]:
    """Why the wave, or the plan, has not succeeded when nothing follows it any more: actions that failed, or never ran.

    An action after it that has no record, or that was left out because servers failed, has not run. What the plan may
    do without is no shortfall.
    """
    found = list[str]()
    for place in ActionPlace:
        actions, name = places.list_actions(execution, wave, place), wave.name if wave else None
        records = judgement.list_believed(execution.run, name, place, actions) if actions else {}
        for number, action in actions.items():
            record = records.get(number)
            if record is not None and judgement.counts_as_failure(execution.run, action, record):
                found.append(describe_failure(record))
                break
            if place is ActionPlace.AFTER and _is_left(execution, action, record):
                found.append(f"action {action.name} after {f'wave {name}' if name else 'the plan'} has not run")
                break
    return found


def _is_left(execution: Execution, action: Action, record: ActionRecord | None) -> bool:
    """Whether the action never ran, though its wave or plan needs it."""
    run = execution.run
    if run.actions is not ActionsOption.RUN or action.on_failure is OnActionFailure.CONTINUE:
        return False
    return record is None or record.status.is_open or (record.status is ActionStatus.SKIPPED and not record.attempt)


def _is_open(execution: Execution, action: Action, record: ActionRecord, turn: int) -> bool:
    if record.status.is_open or judgement.is_to_run_again(action, record, turn):
        return True
    asks = action.on_failure is OnActionFailure.ASK and not record.status.is_done and not record.is_settled
    return asks and execution.run.actions is not ActionsOption.VERIFY_ONLY


def describe_failure(record: ActionRecord) -> str:
    """`action freeze-writes before wave web is FAILED: ...`."""
    where = name_place(record.place, record.wave)
    reason = f": {record.reason[:300]}" if record.reason else ""
    return f"action {record.name} {where} is {record.status.value}{reason}"


def list_impossible(execution: Execution) -> list[str]:
    """The actions that a drill only looked at, and that could not run."""
    if execution.run.actions is not ActionsOption.VERIFY_ONLY:
        return []
    records = store.list_all(execution.execution_id)
    return [describe_failure(record) for record in records if record.status is ActionStatus.FAILED]


def close_actions(execution: Execution, wave: Wave | None, place: ActionPlace, turn: int) -> ActionOutcomes:
    """Record actions that have not ended as failed, because nothing follows them any more. Return the outcomes.

    What they have started is stopped at the end of the run at the latest.
    """
    actions = places.list_actions(execution, wave, place)
    records = judgement.list_believed(execution.run, wave.name if wave else None, place, actions) if actions else {}
    for number, action in actions.items():
        record = records.get(number)
        if record is None or not _is_open(execution, action, record, turn):
            continue
        if record.status.is_open:
            reason = record.reason or "the machine that ran it broke"
            record = record.end(ActionStatus.FAILED, clock.iso(), reason)
        store.save(replace(record, waiting_for=None, waiting_since=None, is_settled=True, turn=max(record.turn, turn)))
    return read_outcomes(execution, wave, place, turn)
