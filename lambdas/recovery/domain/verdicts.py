"""Verdicts on waves and runs: pure functions that take facts and return a verdict with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.domain.execution import (
    STATUSES_BEFORE_START,
    ExecutionStatus,
    Run,
    RunSnapshot,
    Tally,
    WaveState,
    WaveStatus,
)
from recovery.domain.plan import OnFailure, OnTimeout, RunAfter, Wave

# Errors that the reason of a wave lists.
MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class WaveVerdict:
    """The status of a wave, with its reason."""

    status: WaveStatus
    reason: str


@dataclass(frozen=True, slots=True)
class ExecutionVerdict:
    """The status of a run, with its reason."""

    status: ExecutionStatus
    reason: str


def is_within_tolerance(failed: int, total: int, percent: int) -> bool:
    """Whether at most this percentage of the servers has failed."""
    return failed * 100 <= total * percent


def may_wave_start(wave: Wave, statuses: Mapping[str, WaveStatus]) -> bool | None:
    """Return True to start the wave, False to skip it, None while a wave that it depends on has not ended."""
    predecessors = [statuses[name] for name in wave.depends_on]
    if wave.run_after is RunAfter.SUCCESS and any(status.is_final and not status.succeeded for status in predecessors):
        return False
    return True if all(status.is_final for status in predecessors) else None


class WaveDecision(StrEnum):
    """A decision of an operator about a wave: whether it starts, or what follows after it has failed."""

    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    ACCEPT = "accept"
    ABORT = "abort"


class WaveGate(StrEnum):
    """What a wave must do next: start, settle without starting, or wait for the event that the gate names.

    RESUME ends a pause. An operator gives the APPROVAL before the wave starts, and the DECISION after it has failed.
    """

    START = "START"
    SETTLE = "SETTLE"
    PREDECESSORS = "PREDECESSORS"
    RESUME = "RESUME"
    APPROVAL = "APPROVAL"
    DECISION = "DECISION"


def judge_gate(wave: Wave, snapshot: RunSnapshot) -> WaveGate:
    """Judge by the record alone, so that every callback, late or repeated, leads to the same result."""
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    if state.status.is_final or run.is_halted or run.stop_reason or state.failure_decision or state.approved is False:
        return WaveGate.SETTLE
    if state.status is WaveStatus.AWAITING_DECISION:
        return WaveGate.DECISION
    if state.status is WaveStatus.IN_PROGRESS:  # the task is repeated
        return WaveGate.START
    may_start = may_wave_start(wave, snapshot.wave_statuses)
    if may_start is not True:
        return WaveGate.SETTLE if may_start is False else WaveGate.PREDECESSORS
    if run.status is ExecutionStatus.PAUSED or (wave.pause_before and not state.resumed):
        return WaveGate.RESUME
    if wave.approval and state.approved is None:
        return WaveGate.APPROVAL
    return WaveGate.START


def judge_approval_timeout(wave: Wave, state: WaveState, now: float) -> bool | None:
    """The outcome of an approval that has timed out; None while it is pending. True is an approval."""
    if wave.approval is None or state.approval_until is None or now < state.approval_until:
        return None
    return wave.approval.on_timeout is OnTimeout.APPROVE


def judge_wave(
    wave: Wave, snapshot: RunSnapshot, tally: Tally, problems: Sequence[str] = (), shortfalls: Sequence[str] = ()
) -> WaveVerdict:
    """Judge a wave by its servers. Servers that are neither launched nor excluded count as failed.

    `shortfalls` are reasons why the wave lacks servers that it requires and that the tally cannot count, such as those
    of a group by tags in a target that was never reached. With one, the wave does not succeed.
    `problems` are errors that broke parts of the wave. They only add to the reason; the servers decide. A wave is
    PARTIAL when servers are missing within its tolerance. A failed wave with `onFailure: ask` is AWAITING_DECISION
    until an operator decides.
    """
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    if state.status in STATUSES_BEFORE_START and not state.round and (reason := _find_reason_to_skip(wave, snapshot)):
        return WaveVerdict(WaveStatus.SKIPPED, reason)
    if not shortfalls and (complete := _describe_complete(tally, problems)):
        return WaveVerdict(WaveStatus.COMPLETED, complete)
    counts = (
        f"{tally.launched} of {tally.total} servers were launched, {tally.failed} failed, {tally.excluded} excluded"
    )
    summary = "; ".join([counts, *shortfalls[:MAX_PROBLEMS], *problems[:MAX_PROBLEMS]])
    if reason_to_tolerate := _find_reason_to_tolerate(wave, snapshot, tally, is_short=bool(shortfalls)):
        return WaveVerdict(WaveStatus.PARTIAL, f"{summary}; {reason_to_tolerate}")
    if run.cancelled_by:
        ended = WaveStatus.FAILED if tally.launched or tally.failed else WaveStatus.SKIPPED
        return WaveVerdict(ended, f"{summary}; {run.halted_because}")
    if wave.on_failure is OnFailure.ASK and state.failure_decision is None and not (run.is_halted or run.stop_reason):
        return WaveVerdict(WaveStatus.AWAITING_DECISION, f"{summary}; an operator has to decide")
    return WaveVerdict(WaveStatus.FAILED, f"{summary}; only {wave.max_failed_percent} % may fail")


def _describe_complete(tally: Tally, problems: Sequence[str]) -> str | None:
    """The reason of a wave that lacks no server; None if it does, or if only problems are known of it."""
    if tally.missing or (problems and not tally.total):
        return None
    reason = f"all {tally.total} servers were launched" if tally.total else "nothing was left to launch"
    return "; ".join([reason, *problems[:MAX_PROBLEMS]])


def _find_reason_to_tolerate(wave: Wave, snapshot: RunSnapshot, tally: Tally, *, is_short: bool) -> str | None:
    """Why a wave with missing servers is PARTIAL; None when it has failed."""
    if not is_short and tally.required_missing == 0 and not snapshot.run.cancelled_by:
        return "all missing servers are optional"
    if (
        not is_short
        and tally.launched
        and is_within_tolerance(tally.required_missing, tally.total, wave.max_failed_percent)
    ):
        return f"{wave.max_failed_percent} % may fail"
    if snapshot.wave_states[wave.name].failure_decision == WaveDecision.ACCEPT:
        return "accepted as it is"
    return None


def _find_reason_to_skip(wave: Wave, snapshot: RunSnapshot) -> str | None:
    run, statuses = snapshot.run, snapshot.wave_statuses
    if run.is_halted:
        return run.halted_because
    if run.stop_reason:
        return f"the run was stopped: {run.stop_reason}"
    if snapshot.wave_states[wave.name].approved is False:
        return "its approval was refused"
    if may_wave_start(wave, statuses) is False:
        failed = ", ".join(name for name in wave.depends_on if not statuses[name].succeeded)
        return f"it depends on {failed}, which did not succeed"
    return None


def judge_unfinished_wave(status: WaveStatus, run: Run, tally: Tally, problem: str | None) -> WaveVerdict:
    """The verdict on a wave that had not ended when its run did; `problem` is what broke the run."""
    if tally.total and tally.missing == 0:
        return WaveVerdict(WaveStatus.COMPLETED, f"all {tally.total} servers were launched")
    reason = f"the run ended first: {problem}" if problem else "the run ended first"
    ended = WaveStatus.SKIPPED if status in STATUSES_BEFORE_START else WaveStatus.FAILED
    return WaveVerdict(ended, run.halted_because if run.cancelled_by else reason)


def stops_the_run(wave: Wave, state: WaveState) -> bool:
    """Whether this wave has failed so that no further wave starts."""
    return state.status is WaveStatus.FAILED and (
        wave.on_failure is OnFailure.STOP or state.failure_decision == WaveDecision.ABORT
    )


def judge_execution(
    statuses: Mapping[str, WaveStatus], problem: str | None = None, cancelled_by: str | None = None
) -> ExecutionVerdict:
    """Judge a run by its waves; `problem` is what broke the run itself, `cancelled_by` who cancelled it."""
    waves_by_status = {status: [name for name, each in statuses.items() if each is status] for status in WaveStatus}
    summary = "; ".join(f"{status.value}: {', '.join(names)}" for status, names in waves_by_status.items() if names)
    if cancelled_by:
        reason = f"cancelled by {cancelled_by}; {summary or 'no wave had begun'}"
        return ExecutionVerdict(ExecutionStatus.CANCELLED, reason)
    if problem or not statuses:
        return ExecutionVerdict(ExecutionStatus.FAILED, problem or "the run had no waves")
    if len(waves_by_status[WaveStatus.COMPLETED]) == len(statuses):
        return ExecutionVerdict(ExecutionStatus.COMPLETED, f"all {len(statuses)} waves were completed")
    if waves_by_status[WaveStatus.COMPLETED] or waves_by_status[WaveStatus.PARTIAL]:
        return ExecutionVerdict(ExecutionStatus.PARTIAL, summary)
    return ExecutionVerdict(ExecutionStatus.FAILED, summary)
