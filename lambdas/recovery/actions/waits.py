"""Saves the tokens by which run-actions waits: for a person, a time, the next poll, or the end of a pause."""

from recovery.domain.execution import ExecutionStatus
from recovery.domain.verdicts import WaveGate
from recovery.domain.wave_steps.action_record import OF_PLAN, ActionRecord, ActionStatus, AwaitedAnswer
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.store import executions, run_requests, task_tokens
from recovery.store.steps import actions as store


def save_token(execution_id: str, wave: str | None, place: ActionPlace, gate: WaveGate, token: str) -> bool:
    """Save the token of a wait at ACTION or RESUME; return False, and answer it, if there is nothing to wait for."""
    task_tokens.save_token(execution_id, gate, wave or OF_PLAN, token)
    run = run_requests.read_requests(execution_id).apply_to_run(executions.get_run(execution_id))
    if gate is WaveGate.RESUME:
        is_waiting = run.status is ExecutionStatus.PAUSED
    else:
        answers = store.read_answers(execution_id)
        records = store.list_actions(execution_id, wave, place).values()
        is_waiting = not any(_is_answered(answers, record) for record in records)
    if is_waiting and not run.is_halted:
        return True
    task_tokens.release_tokens(execution_id, gate, wave or OF_PLAN)
    return False


def _is_answered(answers: dict[str, store.Row], record: ActionRecord) -> bool:
    awaited = record.waiting_for
    if awaited is None and record.status is ActionStatus.WAITING:
        awaited = AwaitedAnswer.CONFIRM
    return awaited is not None and store.find_answer(answers, record, awaited) is not None
