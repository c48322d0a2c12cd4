"""Decisions of operators about an open run: pause, resume, cancel; approve, reject; retry, verify, accept, abort.

With `fourEyes`, who has started the run may not approve or accept. With `commentsRequired`, accept and abort need a
comment.

Each decision is one conditional write that records who decided what and when; only then are the waiting tasks woken.
A repeated or unexpected decision is refused and changes nothing. It still wakes tasks that have nothing more to wait
for, because the function that recorded the first one may have been killed before it woke them. `has_recorded` tells the
repetition of a request, whose answer was lost, from a second decision. That has to be asked before: a run that was
resumed can be paused again, and a wave that failed again can be retried again.
"""

from dataclasses import dataclass

from aws_lambda_powertools import Logger

from recovery import clock, identities
from recovery.domain import verdicts
from recovery.domain.execution import PAUSABLE_STATUSES, Mode, Run, RunSnapshot, WaveStatus
from recovery.domain.verdicts import WaveDecision, WaveGate
from recovery.errors import AwsUnavailable, DecisionRefused, InvalidRequest, WaveNotFound
from recovery.observability import operator_messages
from recovery.runs import abandoned
from recovery.store import execution_record, executions, run_requests, task_tokens, waves
from recovery.store.executions import MAX_DECISIONS

logger = Logger(child=True)

# With `fourEyes`, these need another person than who started the run: they let the run go on past a gate of its plan.
NEED_ANOTHER_PERSON = (WaveDecision.APPROVE, WaveDecision.ACCEPT)

# With `commentsRequired`, these need a reason: they decide what becomes of a wave that failed.
NEED_COMMENT = (WaveDecision.ACCEPT, WaveDecision.ABORT)


@dataclass(frozen=True, slots=True)
class Operator:
    """The API's caller who decides, with a comment. `request` names a request that may be repeated."""

    name: str
    comment: str = ""
    request: str | None = None

    def build_entry(self, decision: str) -> dict[str, str]:
        """Build the entry of the decision in the record."""
        entry = {"decision": decision, "by": self.name, "at": clock.iso(), "comment": self.comment}
        return {**entry, "request": self.request} if self.request else entry


def has_recorded(execution_id: str, request: str) -> bool:
    """Return whether a decision was recorded for this request, so that its repetition is no new decision."""
    record = execution_record.read_record(execution_id)
    entries = [entry for row in (record.meta, *record.waves) for entry in row.get("decisions", ())]
    return any(entry.get("request") == request for entry in entries)


def wake_again(execution_id: str, wave: str | None) -> None:
    """Wake the tasks that a decision was to wake: the function that recorded it may have been killed before."""
    if wave is None:
        task_tokens.release_tokens(execution_id, WaveGate.RESUME)
        return
    awaited = verdicts.judge_gate(run_requests.get_plan(execution_id).wave(wave), waves.load_snapshot(execution_id))
    for gate in {WaveGate.APPROVAL, WaveGate.DECISION} - {awaited}:
        task_tokens.release_tokens(execution_id, gate, wave)


def pause(execution_id: str, operator: Operator) -> None:
    """Start no further wave or batch until the run is resumed; running jobs go on. Raise DecisionRefused."""
    run = executions.get_run(execution_id)
    if not executions.record_pause(execution_id, operator.build_entry("pause")):
        run = executions.get_run(execution_id)
        raise _refusal(run, "pause", _find_reason_against_pause(run))
    operator_messages.send_decision(run, "pause", operator.name, operator.comment)


def resume(execution_id: str, operator: Operator) -> None:
    """Resume a paused run, including waves paused by `pauseBefore`. Raise DecisionRefused when nothing is paused."""
    snapshot = waves.load_snapshot(execution_id)
    run, decision = snapshot.run, operator.build_entry("resume")
    was_paused = executions.record_resume(execution_id, decision)
    paused = [state for state in snapshot.wave_states.values() if state.status is WaveStatus.PAUSED]
    resumed = [
        state.name
        for state in ([] if run.is_halted else paused)
        if waves.record_resume(execution_id, state, decision, is_of_run=was_paused)
    ]
    task_tokens.release_tokens(execution_id, WaveGate.RESUME)
    if not (was_paused or resumed):
        raise _refusal(run, "resume", "it is not paused")
    operator_messages.send_decision(run, "resume", operator.name, operator.comment)


def cancel(execution_id: str, operator: Operator) -> None:
    """Start nothing more; poll running jobs until they end and record them. Raise DecisionRefused if it has ended.

    A run whose start was interrupted, or whose state machine has ended, is ended here.
    """
    is_recorded = executions.record_cancel(execution_id, operator.name, operator.build_entry("cancel"))
    task_tokens.release_tokens(execution_id)
    run = executions.get_run(execution_id)
    if is_recorded:
        operator_messages.send_decision(run, "cancel", operator.name, operator.comment)
    # A run counts as abandoned only after some time, so a cancel that came too early may be sent again.
    if not _end_if_abandoned(run) and not is_recorded:
        raise _refusal(run, "cancel", _describe_state(run))


def decide_wave(execution_id: str, wave: str, decision: WaveDecision, operator: Operator) -> None:
    """Record a decision about a wave and wake the tasks that wait for it.

    Raise WaveNotFound, DecisionRefused, InvalidRequest when the plan requires a comment and there is none.
    """
    snapshot = waves.load_snapshot(execution_id)
    if wave not in snapshot.wave_states:
        raise WaveNotFound(f"execution {execution_id} has no wave {wave!r}")
    gate = WaveGate.APPROVAL if decision in (WaveDecision.APPROVE, WaveDecision.REJECT) else WaveGate.DECISION
    # Whatever the wave waits for now: it may begin to wait for this decision before the decision is written.
    requester = _find_requester(snapshot.run, decision, operator)
    is_silent = snapshot.run.comments_required and decision in NEED_COMMENT and not operator.comment
    is_refused = snapshot.run.is_halted or requester is not None or is_silent
    if not is_refused and _record_wave_decision(snapshot, wave, decision, operator):
        task_tokens.release_tokens(execution_id, gate, wave)
        operator_messages.send_decision(snapshot.run, decision, operator.name, operator.comment, wave)
        return
    snapshot = waves.load_snapshot(execution_id)  # another decision may have come first
    is_awaited = verdicts.judge_gate(run_requests.get_plan(execution_id).wave(wave), snapshot) is gate
    if not is_awaited:  # a task that still waits would only begin its wait again, with the whole time of the plan
        task_tokens.release_tokens(execution_id, gate, wave)
    reason = _find_reason_against_decision(snapshot, wave, decision)
    if is_awaited and requester:
        reason = f"with fourEyes, another person does this than who started the run, and you may be {requester}"
    elif is_awaited and is_silent and not snapshot.run.is_halted:  # last: a comment would not help against the others
        message = f"is missing; the plan has commentsRequired, so {decision} needs the reason"
        raise InvalidRequest("The decision needs a comment.", [{"field": "comment", "message": message}])
    raise _refusal(snapshot.run, f"{decision} {wave}", reason)


def _find_requester(run: Run, decision: WaveDecision, operator: Operator) -> str | None:
    """Who started the run, if that prevents this operator from making the decision."""
    if not run.four_eyes or decision not in NEED_ANOTHER_PERSON:
        return None
    return identities.find_same_person(operator.name, run.requesters)


def _record_wave_decision(snapshot: RunSnapshot, wave: str, decision: WaveDecision, operator: Operator) -> bool:
    execution_id, entry, state = snapshot.run.execution_id, operator.build_entry(decision), snapshot.wave_states[wave]
    match decision:
        case WaveDecision.APPROVE | WaveDecision.REJECT:
            return waves.record_approval(execution_id, state, decision is WaveDecision.APPROVE, entry)
        case WaveDecision.RETRY:
            return waves.record_retry(execution_id, state, entry)
        case WaveDecision.VERIFY:
            return bool(_count_unverified(snapshot, wave)) and waves.record_verify(execution_id, state, entry)
        case WaveDecision.ACCEPT | WaveDecision.ABORT:
            return waves.record_failure_decision(execution_id, state, decision, entry)


def _count_unverified(snapshot: RunSnapshot, wave: str) -> int:
    return (snapshot.wave_states[wave].servers or {}).get("unverified", 0)


def _end_if_abandoned(run: Run) -> bool:
    if run.status.is_final:
        return False
    try:
        return abandoned.end_if_abandoned(run)
    except AwsUnavailable as error:  # the cancel is recorded, whether or not the machine is known to run
        extra = {"executionId": run.execution_id, "reason": error.message}
        logger.warning("could not check whether the run is abandoned", extra=extra)
        return False


def _refusal(run: Run, decision: str, reason: str) -> DecisionRefused:
    return DecisionRefused(f"cannot {decision} in execution {run.execution_id}: {reason}", executionId=run.execution_id)


def _describe_state(run: Run) -> str:
    return f"it is being cancelled by {run.cancelled_by}" if run.cancelled_by else f"it is {run.status.value}"


def _find_reason_against_pause(run: Run) -> str:
    is_pausable = run.mode is not Mode.READINESS and run.status in PAUSABLE_STATUSES
    if is_pausable and not run.cancelled_by:
        return f"it has had {MAX_DECISIONS} decisions, and its record has room for a cancel only"
    return _describe_state(run)


def _find_reason_against_decision(snapshot: RunSnapshot, wave: str, decision: WaveDecision) -> str:
    if snapshot.run.is_halted:
        return snapshot.run.halted_because
    state = snapshot.wave_states[wave]
    is_open = state.status is WaveStatus.AWAITING_DECISION and not state.failure_decision
    if is_open and decision is WaveDecision.VERIFY and not _count_unverified(snapshot, wave):
        return f"none of the servers of wave {wave} has failed its checks"
    decided = f", and {state.failure_decision} was decided already" if state.failure_decision else ""
    return f"wave {wave} is {state.status.value}{decided}"
