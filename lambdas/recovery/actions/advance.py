"""Takes the actions at a place on, one after another: StartAction judges the record, and says what to wait for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recovery import clock
from recovery.actions import attempts, endings, judgement, places, running
from recovery.actions.places import Place
from recovery.actions.running import MovedOn
from recovery.actions.steps import AGAIN, ANSWER_SECONDS, ENDED, START, ActionStep, NextStep, wait_for
from recovery.domain.execution import ExecutionStatus
from recovery.domain.wave_steps.action_record import (
    ActionAnswer,
    ActionRecord,
    ActionStatus,
    AwaitedAnswer,
    PartStatus,
)
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace, ActionsOption, OnActionFailure
from recovery.store import executions
from recovery.store.steps import actions as store


def start_next(execution_id: str, wave: str | None, place_name: ActionPlace, turn: int) -> ActionStep:
    """Judge the record, take the next action on by one step, and say what comes next.

    A repeated call, or two at once, start nothing twice. Raise ExecutionNotFound, and errors that are transient.
    """
    place = places.load_place(execution_id, wave, place_name, turn)
    if place.is_over:
        return ENDED
    records = judgement.list_believed(place.execution.run, wave, place_name, place.actions)
    answers = store.read_answers(execution_id)
    try:
        if reason := judgement.find_reason_to_leave_out(place):
            attempts.leave_out(place, records, reason)
            return ENDED
        for number, action in place.actions.items():
            record = records.get(number) or place.new_record(number)
            if step := _Advance(place, action, answers).take_on(record):
                return step
    except MovedOn:
        return AGAIN
    return ENDED


def poll(execution_id: str, wave: str | None, place_name: ActionPlace, turn: int) -> ActionStep:
    """Look once at the action that runs. Raise errors that are transient."""
    place = places.load_place(execution_id, wave, place_name, turn)
    records = store.list_actions(execution_id, wave, place_name)
    record = next((each for each in records.values() if each.status.is_open), None)
    if record is None or record.number not in place.actions or place.execution.run.is_halted:
        return START
    if not record.parts:  # a late poll, which finds that a person or a time is waited for by now
        return START
    action = place.actions[record.number]
    try:
        followed = running.follow_parts(record)
        if ended := running.judge(followed):
            endings.write_end(place, action, ended)
            return START
        if (record.until or 0) <= clock.now():
            endings.time_out(place, action, followed)
            return START
    except MovedOn:
        return START
    if any(running.is_due(part, followed.kind) for part in followed.parts):
        return START
    return wait_for(followed)


@dataclass(frozen=True, slots=True)
class _Advance:
    """One action at its place. Its methods return the step that comes next, or None if the next action may begin."""

    place: Place
    action: Action
    answers: Mapping[str, store.Row]

    def take_on(self, record: ActionRecord) -> ActionStep | None:
        if record.status.is_done:
            return None
        if self.place.execution.run.is_halted:
            return self._halt(record)
        if record.status is ActionStatus.PENDING:
            return self._begin(record)
        if record.status.is_open:
            return self._resume(record)
        if judgement.is_to_run_again(self.action, record, self.place.turn):
            return self._begin(record)
        return self._follow_failure(record)

    # --- begin ----------------------------------------------------------------------------------------------------
    def _begin(self, record: ActionRecord) -> ActionStep | None:
        run = self.place.execution.run
        if run.stop_reason and self.place.place is ActionPlace.BEFORE:
            return ENDED
        if run.status is ExecutionStatus.PAUSED:
            return ActionStep(NextStep.RESUME, ANSWER_SECONDS)
        if run.actions is ActionsOption.VERIFY_ONLY:
            running.save(attempts.verify(self.place, record, self.action))
            return None
        if carried := attempts.carry_over(self.place, record, self.action):
            running.save(carried)
            return None
        record = self._stop_earlier_attempt(record)
        begun = attempts.begin(self.place, record, self.action)
        if not begun.status.is_open:
            return self._end(endings.write_end(self.place, self.action, begun))
        begun = running.save(begun)
        endings.send_waits(self.place, begun)
        return self._resume(begun)

    def _stop_earlier_attempt(self, record: ActionRecord) -> ActionRecord:
        """Stop what the attempt before has left running, because its machine died: two of them must not run at once."""
        if all(part.status.has_ended for part in record.parts):
            return record
        return running.save(endings.stop_or_note(self.place, self.action, record, "another attempt begins"))

    # --- go on ----------------------------------------------------------------------------------------------------
    def _resume(self, record: ActionRecord) -> ActionStep | None:
        match self.action.kind:
            case ActionKind.WAIT:
                left = (record.until or 0) - clock.now()
                return ActionStep(NextStep.TIME, left) if left > 0 else self._finish(record, ActionStatus.SUCCEEDED, "")
            case ActionKind.MANUAL:
                return self._resume_manual(record)
            case ActionKind.LAMBDA:
                return ActionStep(NextStep.INVOKE)
            case _:
                return self._resume_parts(record)

    def _resume_manual(self, record: ActionRecord) -> ActionStep | None:
        answer = store.find_answer(self.answers, record, AwaitedAnswer.CONFIRM)
        if answer is None:
            left = (record.until or 0) - clock.now()
            if left > 0:
                return ActionStep(NextStep.PERSON, left)
            reason = f"no person confirmed it within {self.action.timeout_minutes} min"
            return self._finish(record, ActionStatus.TIMED_OUT, reason)
        if answer["decision"] == ActionAnswer.CONFIRM:
            return self._finish(record, ActionStatus.SUCCEEDED, f"confirmed by {_name(answer)}")
        return self._finish(record, ActionStatus.FAILED, f"rejected by {_name(answer)}")

    def _resume_parts(self, record: ActionRecord) -> ActionStep | None:
        if any(not part.status.has_ended and part.status is not PartStatus.RUNNING for part in record.parts):
            if (record.until or 0) <= clock.now():
                return self._end(endings.time_out(self.place, self.action, record))
            settings = endings.settings_of(self.place, self.action, record)
            record = running.start_parts(record, settings, endings.order_of(self.place))
        if ended := running.judge(record):
            return self._end(endings.write_end(self.place, self.action, ended))
        return wait_for(record)

    # --- the end --------------------------------------------------------------------------------------------------
    def _finish(self, record: ActionRecord, status: ActionStatus, reason: str) -> ActionStep | None:
        return self._end(endings.end(self.place, self.action, record, status, reason))

    def _end(self, record: ActionRecord) -> ActionStep | None:
        return None if record.status.is_done else self._follow_failure(record)

    def _follow_failure(self, record: ActionRecord) -> ActionStep | None:
        if self.place.execution.run.actions is ActionsOption.VERIFY_ONLY:
            return None
        if self.action.on_failure is OnActionFailure.CONTINUE:
            return None
        if self.action.on_failure is OnActionFailure.STOP or record.is_settled:
            return self._stop(record)
        answer = store.find_answer(self.answers, record, AwaitedAnswer.DECISION)
        if answer is None:
            return ActionStep(NextStep.DECISION, ANSWER_SECONDS)
        if answer["decision"] == ActionAnswer.RETRY:
            return self._begin(record)
        ended_at = record.ended_at or clock.iso()
        if answer["decision"] == ActionAnswer.SKIP:
            reason = f"skipped by {_name(answer)}; before that: {record.reason}"
            running.save(record.end(ActionStatus.SKIPPED, ended_at, reason))
            return None
        given_up = record.end(record.status, ended_at, f"{record.reason}; given up by {_name(answer)}")
        return self._stop(running.save(replace(given_up, is_settled=True)))

    def _stop(self, record: ActionRecord) -> ActionStep:
        """Nothing more runs at this place. Before the plan, the run stops."""
        if self.place.wave is None and self.place.place is ActionPlace.BEFORE:
            reason = f"action {record.name} before the plan is {record.status.value}: {record.reason}"
            executions.record_stop(record.execution_id, reason[:500])
        return ENDED

    def _halt(self, record: ActionRecord) -> ActionStep:
        """The run starts nothing more, so stop what runs."""
        if record.status.is_open and record.version:
            if running.may_show_later(record):
                return AGAIN
            endings.cancel(self.place, self.action, record, self.place.execution.run.halted_because)
        elif record.waiting_for:
            running.save(replace(record, waiting_for=None, waiting_since=None, is_settled=True))
        return ENDED


def _name(answer: store.Row) -> str:
    """Who answered, and why."""
    return f"{answer['by']}: {answer['comment']}" if answer["comment"] else str(answer["by"])
