"""What operators decide of a run that is on: pause, resume, cancel; approve, reject; retry, accept, abort.

Each decision is one conditional write that holds who, when and what, and only then is anything woken. Sent again, or
for a wave that does not wait for it, it is refused and changes nothing; but what still waits is woken once more, in
case the first one was cut off before it could do so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.execution import ExecutionStatus, Mode, Run, WaveStatus
from recovery.domain.verdicts import WaveGate
from recovery.errors import AwsUnavailable, DecisionRefused, WaveNotFound
from recovery.observability import operator_messages
from recovery.runs import abandoned
from recovery.store import executions, task_tokens, waves
from recovery.store.executions import IS_OPEN, MAX_DECISIONS

logger = Logger(child=True)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who decides, as the API's caller, and what they have to say about it."""

    name: str
    comment: str = ""

    def decision(self, what: str) -> dict[str, str]:
        """As the record keeps it."""
        return {"decision": what, "by": self.name, "at": clock.iso(), "comment": self.comment}


_PAUSABLE_STATUSES = (ExecutionStatus.PENDING, ExecutionStatus.POLLING)


def pause(execution_id: str, operator: Operator) -> Run:
    """No further wave or batch starts until somebody resumes; jobs that run are followed. Raise DecisionRefused."""
    return _decide_run(
        execution_id,
        operator,
        "pause",
        {"status": ExecutionStatus.PAUSED.value, "pausedAt": clock.iso()},
        "#status IN (:pending, :polling) AND attribute_not_exists(#cancelled) AND #mode <> :readiness",
        {status.value.lower(): status.value for status in _PAUSABLE_STATUSES} | {"readiness": Mode.READINESS.value},
        tell=False,
    )


def resume(execution_id: str, operator: Operator) -> Run:
    """Let go what a pause holds, the waves that the plan holds included. Raise DecisionRefused when nothing is held."""
    run = executions.get_run(execution_id)
    held = [state.name for state in waves.read_states(execution_id).values() if state.status is WaveStatus.PAUSED]
    went_on = ExecutionStatus.POLLING if run.started_at else ExecutionStatus.PENDING
    decision = operator.decision("resume")
    was_paused = executions.record_decision(
        execution_id,
        {"status": went_on.value},
        decision,
        "#status = :paused AND attribute_not_exists(#cancelled) AND attribute_not_exists(#died)",
        {"paused": ExecutionStatus.PAUSED.value},
    )
    values = {"status": WaveStatus.WAITING.value, "resumed": True}
    more = {} if was_paused else {"append": {"decisions": decision}}
    held = [] if run.is_halted else held
    let_go = [name for name in held if waves.update_wave(execution_id, name, values, WaveStatus.PAUSED, **more)]
    task_tokens.release_tokens(execution_id, WaveGate.RESUME)
    if not (was_paused or let_go):
        raise _refusal(run, "resume", "it is not paused")
    operator_messages.send_decision(run, "resume", operator.name, operator.comment)
    return executions.get_run(execution_id)


def cancel(execution_id: str, operator: Operator) -> Run:
    """Start nothing more; what runs is followed to its end and recorded. Raise DecisionRefused when it has ended.

    A run that nobody follows, its start cut off or its state machine dead, is ended here.
    """
    try:
        _decide_run(
            execution_id,
            operator,
            "cancel",
            {"cancelled": operator.name, "cancelledAt": clock.iso()},
            f"{IS_OPEN} AND attribute_not_exists(#cancelled)",
            executions.open_status_values(),
            tell=True,
        )
    except DecisionRefused:  # a cancel that came too early to tell may be sent again, and then it may end the run
        if not _close_if_abandoned(execution_id):
            raise
    else:
        _close_if_abandoned(execution_id)
    return executions.get_run(execution_id)


def _close_if_abandoned(execution_id: str) -> bool:
    run = executions.get_run(execution_id)
    if run.status.is_final:
        return False
    try:
        return abandoned.close_if_abandoned(run)
    except AwsUnavailable as error:  # the cancel is on record, whether or not this can be told now
        logger.warning("not seen whether the run is dead", extra={"executionId": execution_id, "reason": error.message})
        return False


def _decide_run(
    execution_id: str,
    operator: Operator,
    what: str,
    values: Mapping[str, Any],
    condition: str,
    given: Mapping[str, Any],
    *,
    tell: bool,
) -> Run:
    run = executions.get_run(execution_id)
    done = executions.record_decision(execution_id, values, operator.decision(what), condition, given)
    if tell:
        task_tokens.release_tokens(execution_id)
    if not done:
        run = executions.get_run(execution_id)
        raise _refusal(run, what, _reason_for_refusal(run, what))
    operator_messages.send_decision(run, what, operator.name, operator.comment)
    return executions.get_run(execution_id)


def _reason_for_refusal(run: Run, what: str) -> str:
    if run.cancelled:
        return f"it is being cancelled by {run.cancelled}"
    if what == "pause" and run.mode is not Mode.READINESS and run.status in _PAUSABLE_STATUSES:
        return f"it has had {MAX_DECISIONS} decisions, and its record has room for a cancel only"
    return f"it is {run.status.value}"


# What a wave has to be at for a decision, what the decision writes, and what then waits for it no more.
_WAVE_DECISIONS: Mapping[str, tuple[WaveStatus, Mapping[str, Any], WaveGate]] = {
    "approve": (WaveStatus.AWAITING_APPROVAL, {"status": "WAITING", "approved": True}, WaveGate.APPROVAL),
    "reject": (WaveStatus.AWAITING_APPROVAL, {"status": "WAITING", "approved": False}, WaveGate.APPROVAL),
    "retry": (WaveStatus.AWAITING_DECISION, {"status": "WAITING"}, WaveGate.DECISION),
    "accept": (WaveStatus.AWAITING_DECISION, {"word": "accept"}, WaveGate.DECISION),
    "abort": (WaveStatus.AWAITING_DECISION, {"word": "abort"}, WaveGate.DECISION),
}


def decide_wave(execution_id: str, wave: str, what: str, operator: Operator) -> Run:
    """Record a decision (a key of _ON_WAVES) about a wave and let it go. Raise WaveNotFound, DecisionRefused."""
    run = executions.get_run(execution_id)
    state = waves.read_states(execution_id).get(wave)
    if state is None:
        raise WaveNotFound(f"execution {execution_id} has no wave {wave!r}")
    wanted, values, hold = _WAVE_DECISIONS[what]
    further: dict[str, Any] = {"condition": "attribute_not_exists(#word)"}
    if hold is WaveGate.APPROVAL:  # once its time is up, silence has spoken
        in_time = "(attribute_not_exists(#approvalUntil) OR #approvalUntil > :now)"
        further = {"condition": f"attribute_not_exists(#word) AND {in_time}", "given": {"now": int(clock.now())}}
    if what == "retry":  # of the round that was seen to fail, so that two retries are not two rounds
        values = {**values, "round": state.round + 1}
        further = {
            "condition": "attribute_not_exists(#word) AND (attribute_not_exists(#round) OR #round = :seen)",
            "given": {"seen": state.round},
        }
    done = not run.is_halted and waves.update_wave(
        execution_id, wave, values, wanted, append={"decisions": operator.decision(what)}, **further
    )
    task_tokens.release_tokens(execution_id, hold, wave)
    if not done:
        state = waves.read_states(execution_id)[wave]
        said = f"{state.status.value}, and {state.word} was said already" if state.word else state.status.value
        raise _refusal(run, f"{what} {wave}", f"wave {wave} is {said}" if not run.is_halted else run.halted_because)
    operator_messages.send_decision(run, what, operator.name, operator.comment, wave)
    return executions.get_run(execution_id)


def _refusal(run: Run, what: str, why: str) -> DecisionRefused:
    return DecisionRefused(f"cannot {what} in execution {run.execution_id}: {why}", executionId=run.execution_id)
