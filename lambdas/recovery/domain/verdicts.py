"""Verdicts on waves and runs. Pure functions: they take facts and return a verdict with its reason."""

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


@dataclass(frozen=True, slots=True)
class WaveVerdict:
    """What a wave came to."""

    status: WaveStatus
    reason: str


@dataclass(frozen=True, slots=True)
class ExecutionVerdict:
    """What a run came to."""

    status: ExecutionStatus
    reason: str


def is_within_tolerance(failed: int, total: int, percent: int) -> bool:
    """Is a tolerance of so many percent kept?"""
    return failed * 100 <= total * percent


def may_wave_start(wave: Wave, statuses: Mapping[str, WaveStatus]) -> bool | None:
    """True to start, False to skip, None while a wave it depends on is still going on."""
    predecessors = [statuses[name] for name in wave.depends_on]
    if wave.run_after is RunAfter.SUCCESS and any(status.is_final and not status.succeeded for status in predecessors):
        return False
    return True if all(status.is_final for status in predecessors) else None


class WaveDecision(StrEnum):
    """What an operator decides about a wave: to start it or not, and what becomes of it after it has failed."""

    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    ACCEPT = "accept"
    ABORT = "abort"


class WaveGate(StrEnum):
    """What a wave is to do next: start, be settled without a start, or wait for something."""

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
    """What an approval that nobody answered counts as once its time is up; None before."""
    if wave.approval is None or state.approval_until is None or now < state.approval_until:
        return None
    return wave.approval.on_timeout is OnTimeout.APPROVE


def judge_wave(wave: Wave, snapshot: RunSnapshot, tally: Tally, problems: Sequence[str] = ()) -> WaveVerdict:
    """A wave's end from its servers. Servers that are neither launched nor excluded count as failed.

    `problems` are errors that broke a part of the wave; they are told in the reason, the servers decide. A wave is
    PARTIAL when some servers are missing and it may do without as many. A failed one that asks people is
    AWAITING_DECISION until they have given their word.
    """
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    if state.status in STATUSES_BEFORE_START and not state.round and (reason := _find_reason_to_skip(wave, snapshot)):
        return WaveVerdict(WaveStatus.SKIPPED, reason)
    if tally.missing == 0:
        none_left = "nothing was left to launch"
        return WaveVerdict(
            WaveStatus.COMPLETED, f"all {tally.total} servers were launched" if tally.total else none_left
        )
    said = f"{tally.launched} of {tally.total} servers were launched, {tally.failed} failed, {tally.excluded} excluded"
    said = "; ".join([said, *problems[:5]])
    if tally.required_missing == 0 and not run.cancelled_by:
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; all that are missing are optional")
    if tally.launched and is_within_tolerance(tally.required_missing, tally.total, wave.max_failed_percent):
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; {wave.max_failed_percent} % may fail")
    if state.failure_decision == "accept":
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; accepted as it is")
    if run.cancelled_by:
        ended = WaveStatus.FAILED if tally.launched or tally.failed else WaveStatus.SKIPPED
        return WaveVerdict(ended, f"{said}; {run.halted_because}")
    if wave.on_failure is OnFailure.ASK and state.failure_decision is None and not (run.is_halted or run.stop_reason):
        return WaveVerdict(WaveStatus.AWAITING_DECISION, f"{said}; what is to become of it is for people to say")
    return WaveVerdict(WaveStatus.FAILED, f"{said}; only {wave.max_failed_percent} % may fail")


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
    """Must no further wave start now that this one is where it is?"""
    return state.status is WaveStatus.FAILED and (
        wave.on_failure is OnFailure.STOP or state.failure_decision == "abort"
    )


def judge_execution(
    statuses: Mapping[str, WaveStatus], problem: str | None = None, cancelled_by: str | None = None
) -> ExecutionVerdict:
    """Judge a run by its waves; `problem` is what broke the run itself, `cancelled_by` who cancelled it."""
    ended = {status: [name for name, s in statuses.items() if s is status] for status in WaveStatus}
    said = "; ".join(f"{status.value}: {', '.join(names)}" for status, names in ended.items() if names)
    if cancelled_by:
        return ExecutionVerdict(
            ExecutionStatus.CANCELLED, f"cancelled by {cancelled_by}; {said or 'no wave had begun'}"
        )
    if problem or not statuses:
        return ExecutionVerdict(ExecutionStatus.FAILED, problem or "the run had no waves")
    if len(ended[WaveStatus.COMPLETED]) == len(statuses):
        return ExecutionVerdict(ExecutionStatus.COMPLETED, f"all {len(statuses)} waves were completed")
    if ended[WaveStatus.COMPLETED] or ended[WaveStatus.PARTIAL]:
        return ExecutionVerdict(ExecutionStatus.PARTIAL, said)
    return ExecutionVerdict(ExecutionStatus.FAILED, said)
