"""Takes the actions at a place on, one after another: StartAction judges the record, and says what to wait for."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypedDict

from recovery import clock
from recovery.actions import attempts, effects, notices, places, running
from recovery.actions.places import NoSuchPlace, Place
from recovery.actions.running import MovedOn
from recovery.domain.execution import ExecutionStatus
from recovery.domain.wave_steps.action_record import (
    ActionAnswer,
    ActionRecord,
    ActionStatus,
    AwaitedAnswer,
    PartStatus,
)
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace, ActionsOption, OnActionFailure
from recovery.errors import DrsWavesError, Transient
from recovery.store import executions
from recovery.store.steps import actions as store

# The clock of Step Functions may be a little ahead of ours.
CLOCK_MARGIN_SECONDS = 2

# An answer of an operator is waited for as long as a pause may last, before the machine itself ends.
ANSWER_SECONDS = 13 * 86_400

# What was not done because another invocation was at it is looked at again after so many seconds.
AGAIN_SECONDS = 5


class NextStep(StrEnum):
    """What run-actions does next: StartAction again, a wait and then PollAction, a wait for its token, or its end.

    LONG_WAIT is a wait that a cancel ends. PERSON waits for a manual task, TIME for the end of a `wait`, DECISION for
    what follows a failure, RESUME for the end of a pause.
    """

    START = "START"
    WAIT = "WAIT"
    LONG_WAIT = "LONG_WAIT"
    INVOKE = "INVOKE"
    PERSON = "PERSON"
    TIME = "TIME"
    DECISION = "DECISION"
    RESUME = "RESUME"
    ENDED = "ENDED"


class ActionStepState(TypedDict):
    """The output of StartAction and PollAction. `waitSeconds` is for a Wait state.

    `timeoutSeconds` is for a task that waits for its token.
    """

    next: str
    waitSeconds: int
    timeoutSeconds: int


@dataclass(frozen=True, slots=True)
class ActionStep:
    """What comes next, and how long it takes at most: seconds of the product's clock."""

    next: NextStep
    seconds: float = 0

    def to_state(self) -> ActionStepState:
        """The output of a task. Step Functions takes a wait of whole seconds, and a timeout of one second at least."""
        wall = round(clock.wall_seconds(self.seconds)) + CLOCK_MARGIN_SECONDS
        return {"next": self.next.value, "waitSeconds": max(round(self.seconds), 1), "timeoutSeconds": max(wall, 1)}


ENDED = ActionStep(NextStep.ENDED)
AGAIN = ActionStep(NextStep.WAIT, AGAIN_SECONDS)


def start_next(execution_id: str, wave: str | None, place_name: ActionPlace, turn: int) -> ActionStep:
    """Judge the record, take the next action on by one step, and say what comes next.

    A repeated call, or two at once, start nothing twice. Raise ExecutionNotFound, and errors that are transient.
    """
    place = places.load_place(execution_id, wave, place_name, turn)
    records = store.list_actions(execution_id, wave, place_name)
    answers = store.read_answers(execution_id)
    try:
        if reason := _find_reason_to_leave_out(place):
            _leave_out(place, records, reason)
            return ENDED
        for number, action in place.actions.items():
            record = records.get(number) or place.new_record(number)
            if step := _Advance(place, action, answers).take_on(record):
                return step
    except MovedOn:
        return AGAIN
    return ENDED


def _find_reason_to_leave_out(place: Place) -> str | None:
    """Why none of the actions runs, though the run was not halted."""
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


def _leave_out(place: Place, records: dict[int, ActionRecord], reason: str) -> None:
    for number in place.actions:
        record = records.get(number) or place.new_record(number)
        if not record.version:
            now = clock.iso()
            running.save(replace(record, started_at=now, turn=place.turn).end(ActionStatus.SKIPPED, now, reason))


def fails_its_place(action: Action, record: ActionRecord) -> bool:
    """Whether the failure of the attempt, which has ended, makes the wave or the plan fail."""
    if record.status.is_open or record.status.is_done or action.on_failure is OnActionFailure.CONTINUE:
        return False
    return action.on_failure is OnActionFailure.STOP or record.is_settled


def is_to_run_again(action: Action, record: ActionRecord, turn: int) -> bool:
    """Whether an action that made its wave fail in an earlier turn runs again in this one."""
    return record.turn < turn and fails_its_place(action, record)


@dataclass(frozen=True, slots=True)
class _Advance:
    """One action at its place. Its methods return the step that comes next, or None if the next action may begin."""

    place: Place
    action: Action
    answers: dict[str, store.Row]

    def take_on(self, record: ActionRecord) -> ActionStep | None:
        if record.status.is_done:
            return self._begin(replace(record, status=ActionStatus.PENDING)) if self._is_unconfirmed(record) else None
        if self.place.execution.run.is_halted:
            return self._halt(record)
        if record.status is ActionStatus.PENDING:
            return self._begin(record)
        if record.status.is_open:
            return self._resume(record)
        if is_to_run_again(self.action, record, self.place.turn):
            return self._begin(record)
        return self._follow_failure(record)

    def _is_unconfirmed(self, record: ActionRecord) -> bool:
        """Whether a manual task counts as done in the record, and no operator has confirmed it."""
        if self.action.kind is not ActionKind.MANUAL or record.status is not ActionStatus.SUCCEEDED:
            return False
        if self.place.execution.run.continues and attempts.carry_over(
            self.place, replace(record, attempt=0), self.action
        ):
            return False
        return store.find_answer(self.answers, record, AwaitedAnswer.CONFIRM) is None

    # --- begin ----------------------------------------------------------------------------------------------------
    def _begin(self, record: ActionRecord) -> ActionStep | None:
        run = self.place.execution.run
        if run.stop_reason and self.place.place is ActionPlace.BEFORE:
            return ENDED
        if run.status is ExecutionStatus.PAUSED:
            return ActionStep(NextStep.RESUME, ANSWER_SECONDS)
        if run.actions is ActionsOption.VERIFY_ONLY:
            self._verify(record)
            return None
        if carried := attempts.carry_over(self.place, record, self.action):
            running.save(carried)
            return None
        begun = running.save(attempts.begin(self.place, record, self.action))
        notices.send_begun(self.place, self.action, begun)
        return self._resume(begun) if begun.status.is_open else self._end(begun)

    def _verify(self, record: ActionRecord) -> None:
        now = clock.iso()
        looked = replace(record, started_at=now, turn=self.place.turn, attempt=1)
        try:
            if self.action.kind.runs_in_target:
                target = self.action.target if self.action.kind is ActionKind.SSM_COMMAND else None
                targets = [target] if target else self._targets()
                settings = places.fill_in(self.place, self.action, looked, targets[0])
                found = "; ".join(effects.verify(self.action.kind, each, settings) for each in targets)
            else:
                found = "it needs nothing of an account"
        except Transient:
            raise
        except (DrsWavesError, NoSuchPlace) as error:
            reason = f"it could not run: {error}"
            running.save(replace(looked.end(ActionStatus.FAILED, clock.iso(), reason), is_settled=True))
            return
        running.save(looked.end(ActionStatus.VERIFIED, clock.iso(), found))

    def _targets(self) -> list[places.Target]:
        """Where it would act: a command in every target of its wave."""
        if self.action.kind is not ActionKind.SSM_COMMAND or self.place.wave is None:
            return [places.find_target(self.place, self.action)]
        return places.list_targets(self.place, self.place.wave)

    # --- go on ----------------------------------------------------------------------------------------------------
    def _resume(self, record: ActionRecord) -> ActionStep | None:
        match self.action.kind:
            case ActionKind.WAIT:
                left = (record.until or 0) - clock.now()
                return ActionStep(NextStep.TIME, left) if left > 0 else self._succeed(record, "")
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
            reason = f"nobody confirmed it within {self.action.timeout_minutes} minutes"
            return self._end(running.save(record.end(ActionStatus.TIMED_OUT, clock.iso(), reason)))
        said = f"{answer['by']}: {answer['comment']}" if answer["comment"] else str(answer["by"])
        if answer["decision"] == ActionAnswer.CONFIRM:
            return self._succeed(record, f"confirmed by {said}")
        return self._end(running.save(record.end(ActionStatus.FAILED, clock.iso(), f"rejected by {said}")))

    def _succeed(self, record: ActionRecord, reason: str) -> ActionStep | None:
        return self._end(running.save(record.end(ActionStatus.SUCCEEDED, clock.iso(), reason)))

    def _resume_parts(self, record: ActionRecord) -> ActionStep | None:
        settings = attempts.settings_of(self.place, record, self.action)
        if any(not part.status.has_ended and part.status is not PartStatus.RUNNING for part in record.parts):
            if (record.until or 0) <= clock.now():
                return self._end(time_out(self.place, self.action, record))
            record = running.start_parts(record, settings, order_of(self.place))
        if ended := running.judge(_end_events(record)):
            return self._end(running.save(ended))
        return wait_for(record)

    # --- the end --------------------------------------------------------------------------------------------------
    def _end(self, record: ActionRecord) -> ActionStep | None:
        """What follows an attempt that has ended."""
        notices.send_ended(self.place, self.action, record)
        return None if record.status.is_done else self._follow_failure(record)

    def _follow_failure(self, record: ActionRecord) -> ActionStep | None:
        if self.action.on_failure is OnActionFailure.CONTINUE or record.is_settled:
            is_passed = self.action.on_failure is OnActionFailure.CONTINUE
            return None if is_passed or self._is_only_looked_at else self._stop(record)
        if self.action.on_failure is OnActionFailure.STOP:
            return self._stop(record)
        answer = store.find_answer(self.answers, record, AwaitedAnswer.DECISION)
        if answer is None:
            if record.waiting_for is None:
                awaiting = replace(record, waiting_for=AwaitedAnswer.DECISION, waiting_since=clock.iso())
                record = running.save(awaiting)
                notices.send_decision_wanted(self.place, self.action, record)
            return ActionStep(NextStep.DECISION, ANSWER_SECONDS)
        said = f"{answer['by']}: {answer['comment']}" if answer["comment"] else str(answer["by"])
        match answer["decision"]:
            case ActionAnswer.RETRY:
                return self._begin(record)
            case ActionAnswer.SKIP:
                reason = f"skipped by {said}; before that: {record.reason}"
                skipped = record.end(ActionStatus.SKIPPED, record.ended_at or clock.iso(), reason)
                running.save(skipped)
                return None
            case _:
                reason = f"{record.reason}; given up by {said}"
                given_up = record.end(record.status, record.ended_at or clock.iso(), reason)
                return self._stop(running.save(replace(given_up, is_settled=True)))

    @property
    def _is_only_looked_at(self) -> bool:
        return self.place.execution.run.actions is ActionsOption.VERIFY_ONLY

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
            cancel(self.place, self.action, record, self.place.execution.run.halted_because)
        elif record.waiting_for:
            running.save(replace(record, waiting_for=None, waiting_since=None, is_settled=True))
        return ENDED


def _end_events(record: ActionRecord) -> ActionRecord:
    """An event has no end of its own: it is done as soon as the bus has it."""
    if record.kind is not ActionKind.EVENT:
        return record
    done = {PartStatus.RUNNING: PartStatus.SUCCEEDED}
    return replace(
        record, parts=tuple(replace(part, status=done.get(part.status, part.status)) for part in record.parts)
    )


def order_of(place: Place) -> int:
    """The number of the wave in the plan, from 1; 0 for the plan's own actions."""
    if place.wave is None:
        return 0
    return [wave.name for wave in place.execution.plan.waves].index(place.wave.name) + 1


def cancel(place: Place, action: Action, record: ActionRecord, reason: str) -> ActionRecord:
    """Stop what an action runs, and record it as CANCELLED. Raise MovedOn, and errors that are transient."""
    settings = attempts.settings_of(place, record, action)
    stopped = _stop_or_note(record, settings, order_of(place), reason)
    return running.save(stopped.end(ActionStatus.CANCELLED, clock.iso(), _note_unknown(stopped, reason)))


def time_out(place: Place, action: Action, record: ActionRecord) -> ActionRecord:
    """Stop what an action runs, because its time is up. Raise MovedOn, and errors that are transient."""
    reason = f"it took longer than {action.timeout_minutes} minutes and was stopped"
    notes = "; ".join(part.note for part in record.parts if part.note and not part.status.has_ended)
    settings = attempts.settings_of(place, record, action)
    stopped = _stop_or_note(record, settings, order_of(place), reason)
    return running.save(
        stopped.end(ActionStatus.TIMED_OUT, clock.iso(), _note_unknown(stopped, f"{reason}; {notes}" if notes else reason))
    )


def _stop_or_note(record: ActionRecord, settings: dict[str, object], order: int, cause: str) -> ActionRecord:
    """Stop the parts. A service that refuses it for good is noted, because the action has to end."""
    try:
        return running.stop_parts(record, settings, order, cause)
    except Transient:
        raise
    except DrsWavesError as error:
        note = f"it could not be stopped: {error.message}"
        parts = tuple(
            part if part.status.has_ended else replace(part, status=PartStatus.STOPPED, note=note)
            for part in record.parts
        )
        return replace(record, parts=parts)


def _note_unknown(record: ActionRecord, reason: str) -> str:
    notes = [part.note for part in record.parts if part.status is PartStatus.STOPPED and "may have" in part.note]
    notes += [part.note for part in record.parts if "could not be stopped" in part.note]
    return "; ".join(dict.fromkeys([reason, *notes]))


def wait_for(record: ActionRecord) -> ActionStep:
    """How long to wait before the next look: a quarter of a minute at first, a minute after five, and longer after an
    hour. Never longer than the time that the action has left.
    """
    now = clock.now()
    age = now - clock.parse_iso(record.started_at or clock.iso())
    seconds = 15.0 if age < 300 else 60.0 if age < 3_600 else min(max(age / 12, 60.0), 6 * 3_600)
    seconds = max(min(seconds, (record.until or now) - now + 1), 1.0)
    return ActionStep(NextStep.WAIT if seconds <= 60 else NextStep.LONG_WAIT, seconds)


def poll(execution_id: str, wave: str | None, place_name: ActionPlace, turn: int) -> ActionStep:
    """Look once at the action that runs. Raise errors that are transient."""
    place = places.load_place(execution_id, wave, place_name, turn)
    records = store.list_actions(execution_id, wave, place_name)
    record = next((each for each in records.values() if each.status.is_open), None)
    if record is None or record.number not in place.actions or place.execution.run.is_halted:
        return ActionStep(NextStep.START)
    action = place.actions[record.number]
    try:
        followed = running.follow_parts(record)
        if ended := running.judge(followed):
            running.save(ended)
            return ActionStep(NextStep.START)
        if (record.until or 0) <= clock.now():
            time_out(place, action, followed)
            return ActionStep(NextStep.START)
    except MovedOn:
        return ActionStep(NextStep.START)
    if not followed.parts or any(running.is_due(part, followed.kind) for part in followed.parts):
        return ActionStep(NextStep.START)
    return wait_for(followed)
