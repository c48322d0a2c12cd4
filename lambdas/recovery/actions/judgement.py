"""What the record of an action means for its place: whether it runs, runs again, or makes its wave fail."""

from collections.abc import Mapping
from dataclasses import replace

from recovery.actions.places import Place
from recovery.domain.execution import Run
from recovery.domain.wave_steps.action_record import ActionAnswer, ActionRecord, ActionStatus, AwaitedAnswer
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace, ActionsOption, OnActionFailure
from recovery.store import chains
from recovery.store.steps import actions as store


def list_believed(
    run: Run, wave: str | None, place: ActionPlace, actions: Mapping[int, Action]
) -> dict[int, ActionRecord]:
    """Read the actions at a place by their number. A manual task that no operator has answered is PENDING.

    Many functions can write the record, and only the API's function what operators answered.
    """
    records = store.list_actions(run.execution_id, wave, place)
    manual = {number for number, action in actions.items() if action.kind is ActionKind.MANUAL}
    doubtful = [number for number in manual & records.keys() if records[number].status.is_done]
    if not doubtful or run.actions is not ActionsOption.RUN:
        return records
    answers = store.read_answers(run.execution_id)
    for number in doubtful:
        record = replace(records[number], name=actions[number].name)
        if not _is_answered(answers, record) and not find_confirmed_before(run, record):
            records[number] = replace(record, status=ActionStatus.PENDING)
    return records


def _is_answered(answers: Mapping[str, store.Row], record: ActionRecord) -> bool:
    """Whether an operator has confirmed the task, or skipped it after it had failed, as the record says."""
    expected = {
        ActionStatus.SUCCEEDED: (AwaitedAnswer.CONFIRM, ActionAnswer.CONFIRM),
        ActionStatus.SKIPPED: (AwaitedAnswer.DECISION, ActionAnswer.SKIP),
    }
    if record.status not in expected:
        return False
    awaited, given = expected[record.status]
    answer = store.find_answer(answers, record, awaited)
    return answer is not None and answer["decision"] == given


def find_confirmed_before(run: Run, record: ActionRecord) -> tuple[str, ActionRecord] | None:
    """The record of an action that succeeded in a run that this one continues, with the id of that run."""
    if not run.continues:
        return None
    for before in reversed(chains.read_chain(run.execution_id).before(run.execution_id).runs):
        for earlier in store.list_actions(before.execution_id, record.wave, record.place).values():
            if earlier.name != record.name or earlier.status is not ActionStatus.SUCCEEDED:
                continue
            is_manual = record.kind is ActionKind.MANUAL
            if not is_manual or _is_answered(store.read_answers(before.execution_id), earlier):
                return before.execution_id, earlier
    return None


def find_reason_to_leave_out(place: Place) -> str | None:
    """Why no action at the place runs, though the run is not halted; None if they run."""
    run = place.execution.run
    if run.actions is ActionsOption.SKIP:
        return "the drill leaves actions out"
    if place.wave is not None or place.place is ActionPlace.BEFORE or run.is_halted:
        return None
    if run.stop_reason:
        return f"the run was stopped: {run.stop_reason}"
    if not any(status.succeeded for status in place.snapshot.wave_statuses.values()):
        return "no wave succeeded"
    return None


def fails_its_place(action: Action, record: ActionRecord) -> bool:
    """Whether an attempt that has ended makes its wave, or its plan, fail."""
    if record.status.is_open or record.status.is_done or action.on_failure is OnActionFailure.CONTINUE:
        return False
    return action.on_failure is OnActionFailure.STOP or record.is_settled


def is_to_run_again(action: Action, record: ActionRecord, turn: int) -> bool:
    """Whether an action that made its wave fail in an earlier turn runs again in this one."""
    return record.turn < turn and fails_its_place(action, record)


def counts_as_failure(run: Run, action: Action, record: ActionRecord) -> bool:
    """Whether a verdict names it. A look at what could run fails no wave: the drill goes on to launch its servers."""
    return run.actions is not ActionsOption.VERIFY_ONLY and fails_its_place(action, record)
