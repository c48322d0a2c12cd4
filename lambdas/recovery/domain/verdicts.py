"""Verdicts on waves and runs: pure functions that take facts and return a verdict with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.domain.execution import STATUSES_BEFORE_START, ExecutionStatus, RunSnapshot, WaveState, WaveStatus
from recovery.domain.plan import OnFailure, RunAfter, Wave
from recovery.domain.tally import Tally
from recovery.domain.wave_steps.approvals import OnTimeout
from recovery.wording import all_of, first_of

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
    """A decision of an operator about a wave: whether it starts, or what follows after it has failed.

    RETRY launches its failed servers again, VERIFY has the servers checked again that have not passed their checks.
    """

    APPROVE = "approve"
    REJECT = "reject"
    RETRY = "retry"
    VERIFY = "verify"
    ACCEPT = "accept"
    ABORT = "abort"


class WaveGate(StrEnum):
    """What a wave must do next: start, settle without starting, or wait for the event that the gate names.

    ACTIONS runs the actions before the wave, which then is at START. ACTION is the wait for an operator's answer about
    an action. RESUME ends a pause. An operator gives the APPROVAL before the wave starts, and the DECISION after it has
    failed.
    """

    START = "START"
    SETTLE = "SETTLE"
    PREDECESSORS = "PREDECESSORS"
    RESUME = "RESUME"
    APPROVAL = "APPROVAL"
    DECISION = "DECISION"
    ACTIONS = "ACTIONS"
    ACTION = "ACTION"


def judge_gate(wave: Wave, snapshot: RunSnapshot, *, is_empty: bool = False) -> WaveGate:
    """Judge by the record alone, so that every callback, late or repeated, leads to the same result.

    A wave that is empty, because it has no server left to launch, needs no approval and no pause of its own.
    """
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    if state.status.is_final or run.is_halted or run.stop_reason or state.failure_decision or state.approved is False:
        return WaveGate.SETTLE
    if state.status is WaveStatus.AWAITING_DECISION:
        return WaveGate.DECISION
    if state.status is WaveStatus.IN_PROGRESS:  # a repeated task; or a row that lies, so the gates still count
        return WaveGate.START if is_empty else _judge_own_gates(wave, state)
    may_start = may_wave_start(wave, snapshot.wave_statuses)
    if may_start is not True:
        return WaveGate.SETTLE if may_start is False else WaveGate.PREDECESSORS
    if run.status is ExecutionStatus.PAUSED:
        return WaveGate.RESUME
    return WaveGate.START if is_empty else _judge_own_gates(wave, state)


def _judge_own_gates(wave: Wave, state: WaveState) -> WaveGate:
    """What the plan requires before this wave: a pause, then an approval."""
    if wave.pause_before and not state.resumed:
        return WaveGate.RESUME
    return WaveGate.APPROVAL if wave.approval and state.approved is None else WaveGate.START


def judge_approval_timeout(wave: Wave, state: WaveState, now: float) -> bool | None:
    """The outcome of an approval that has timed out; None while it is pending. True is an approval."""
    if wave.approval is None or state.approval_until is None or now < state.approval_until:
        return None
    return wave.approval.on_timeout is OnTimeout.APPROVE


def judge_wave(
    wave: Wave, snapshot: RunSnapshot, tally: Tally, problems: Sequence[str] = (), shortfalls: Sequence[str] = ()
) -> WaveVerdict:
    """Judge a wave by its servers. Servers that are neither launched nor excluded count as failed, unverified ones too.

    `shortfalls` are reasons why the wave does not succeed, whatever the tally counts: an action of the wave that
    failed, or servers that it requires and that the tally cannot count, such as those of a group by tags in a target
    that was never reached.
    `problems` are errors that broke parts of the wave. They only add to the reason; the servers decide. A wave is
    PARTIAL when servers are missing within its tolerance. A failed wave with `onFailure: ask` is AWAITING_DECISION
    until an operator decides.
    """
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    if state.status in STATUSES_BEFORE_START and not state.round and (reason := _find_reason_to_skip(wave, snapshot)):
        return WaveVerdict(WaveStatus.SKIPPED, reason)
    summary = "; ".join(
        [tally.describe("were launched"), *first_of(shortfalls, MAX_PROBLEMS), *first_of(problems, MAX_PROBLEMS)]
    )
    if success := _judge_success(wave, snapshot, tally, summary, problems, shortfalls):
        return success
    if run.cancelled_by:
        ended = WaveStatus.FAILED if tally.launched or tally.failed else WaveStatus.SKIPPED
        return WaveVerdict(ended, f"{summary}; {run.halted_because}")
    if wave.on_failure is OnFailure.ASK and state.failure_decision is None and not (run.is_halted or run.stop_reason):
        return WaveVerdict(WaveStatus.AWAITING_DECISION, f"{summary}; an operator has to decide")
    if shortfalls and _are_servers_fine(wave, tally):
        return WaveVerdict(WaveStatus.FAILED, summary)
    return WaveVerdict(WaveStatus.FAILED, f"{summary}; only {wave.max_failed_percent} % may fail")


def _are_servers_fine(wave: Wave, tally: Tally) -> bool:
    """Whether the servers that have a result would let the wave succeed, so that they are not why it failed."""
    lost = min(tally.failed + tally.excluded + tally.unverified, tally.required_missing)
    return is_within_tolerance(lost, tally.total, wave.max_failed_percent)


def _judge_success(
    wave: Wave,
    snapshot: RunSnapshot,
    tally: Tally,
    summary: str,
    problems: Sequence[str] = (),
    shortfalls: Sequence[str] = (),
) -> WaveVerdict | None:
    """COMPLETED or PARTIAL; None when too many servers are missing."""
    if not shortfalls and (complete := _describe_complete(tally, problems)):
        return WaveVerdict(WaveStatus.COMPLETED, complete)
    if reason_to_tolerate := _find_reason_to_tolerate(wave, snapshot, tally, is_short=bool(shortfalls)):
        return WaveVerdict(WaveStatus.PARTIAL, f"{summary}; {reason_to_tolerate}")
    return None


def _describe_complete(tally: Tally, problems: Sequence[str]) -> str | None:
    """The reason of a wave that lacks no server; None if it does, or if only problems are known of it."""
    if tally.missing or (problems and not tally.total):
        return None
    done = "launched and verified" if tally.verified == tally.total else "launched"
    reason = (
        all_of(tally.total, "server", f"was {done}", f"were {done}") if tally.total else "nothing was left to launch"
    )
    if 0 < tally.verified < tally.total:
        reason = f"{reason}, {tally.verified} of them verified"
    return "; ".join([reason, *first_of(problems, MAX_PROBLEMS)])


def _find_reason_to_tolerate(wave: Wave, snapshot: RunSnapshot, tally: Tally, *, is_short: bool) -> str | None:
    """Why a wave with missing servers is PARTIAL; None when it has failed."""
    if not is_short and tally.required_missing == 0 and not snapshot.run.cancelled_by:
        return "all missing servers are optional"
    if (
        not is_short
        and tally.recovered
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
        return f"its approval {snapshot.wave_states[wave.name].rejection or 'was refused'}"
    if may_wave_start(wave, statuses) is False:
        failed = ", ".join(name for name in wave.depends_on if not statuses[name].succeeded)
        return f"it depends on {failed}, which did not succeed"
    return None


def judge_unfinished_wave(
    wave: Wave, snapshot: RunSnapshot, tally: Tally, problem: str | None, shortfalls: Sequence[str] = ()
) -> WaveVerdict:
    """The verdict on a wave that had not ended when its run did; `problem` is what broke the run."""
    run, state = snapshot.run, snapshot.wave_states[wave.name]
    why = f"the run ended first: {problem}" if problem else "the run ended first"
    why = run.halted_because if run.cancelled_by else why
    if state.status in STATUSES_BEFORE_START and not (tally.launched or tally.failed):
        return WaveVerdict(WaveStatus.SKIPPED, why)
    summary = "; ".join([tally.describe("were launched"), *first_of(shortfalls, MAX_PROBLEMS), why])
    return _judge_success(wave, snapshot, tally, summary, (), shortfalls) or WaveVerdict(WaveStatus.FAILED, summary)


# A verdict that is judged again may improve; it never becomes worse.
_RANKS = (WaveStatus.SKIPPED, WaveStatus.FAILED, WaveStatus.PARTIAL, WaveStatus.COMPLETED)


def judge_wave_again(
    wave: Wave, snapshot: RunSnapshot, tally: Tally, shortfalls: Sequence[str] = ()
) -> WaveVerdict | None:
    """The verdict on a wave that has ended, after results of its servers came late; None when its verdict is right.

    The status never becomes worse: what was launched stays launched, and what was tolerated stays so after a cancel.
    A wave of a readiness check launched nothing.
    """
    state = snapshot.wave_states[wave.name]
    if state.status is WaveStatus.CHECKED or state.servers is None or state.servers == tally.to_item():
        return None
    again = "judged again, because results came after the wave had ended"
    summary = "; ".join([tally.describe("were launched"), *first_of(shortfalls, MAX_PROBLEMS), again])
    verdict = _judge_success(wave, snapshot, tally, summary, (), shortfalls) or WaveVerdict(WaveStatus.FAILED, summary)
    if verdict.status is WaveStatus.COMPLETED:
        return WaveVerdict(verdict.status, summary)
    return verdict if _RANKS.index(verdict.status) > _RANKS.index(state.status) else WaveVerdict(state.status, summary)


_LATE = "results that came later show that"


def explain_skip(wave: Wave, snapshot: RunSnapshot) -> str | None:
    """The reason of a skipped wave, when waves that it was skipped for turn out to have succeeded; else None.

    The wave stays skipped: nothing of it was started, and the run is ending.
    """
    states = snapshot.wave_states
    state = states[wave.name]
    reason = state.reason or ""
    if state.status is not WaveStatus.SKIPPED or snapshot.run.cancelled_by or _LATE in reason:
        return None
    concerned = states.values() if snapshot.run.stop_reason else [states[name] for name in wave.depends_on]
    found = [f"{each.name} is {each.status.value}" for each in concerned if each.is_corrected and each.status.succeeded]
    return f"{reason}; {_LATE} {', '.join(found)}" if found else None


def stops_the_run(wave: Wave, state: WaveState) -> bool:
    """Whether this wave has failed so that no further wave starts."""
    return state.status is WaveStatus.FAILED and (
        wave.on_failure is OnFailure.STOP or state.failure_decision == WaveDecision.ABORT
    )


def explain_rejections(snapshot: RunSnapshot) -> list[str]:
    """For each wave whose approval was refused: why."""
    return [
        f"approval of wave {state.name} {state.rejection or 'was refused'}"
        for state in snapshot.wave_states.values()
        if state.approved is False
    ]


def judge_execution(
    statuses: Mapping[str, WaveStatus],
    problem: str | None = None,
    cancelled_by: str | None = None,
    causes: Sequence[str] = (),
    failures: Sequence[str] = (),
) -> ExecutionVerdict:
    """Judge a run by its waves.

    `problem` is what broke the run itself, `cancelled_by` who cancelled it; `causes` say why waves were skipped, and
    `failures` which actions of the plan failed, so that the run is not COMPLETED.
    """
    waves_by_status = {status: [name for name, each in statuses.items() if each is status] for status in WaveStatus}
    summary = "; ".join(
        [
            *(f"{status.value}: {', '.join(names)}" for status, names in waves_by_status.items() if names),
            *first_of([*causes, *failures], MAX_PROBLEMS),
        ]
    )
    if cancelled_by:
        reason = f"cancelled by {cancelled_by}; {summary or 'no wave had begun'}"
        return ExecutionVerdict(ExecutionStatus.CANCELLED, reason)
    if problem or not statuses:
        return ExecutionVerdict(ExecutionStatus.FAILED, problem or "the run had no waves")
    if len(waves_by_status[WaveStatus.COMPLETED]) == len(statuses) and not failures:
        return ExecutionVerdict(
            ExecutionStatus.COMPLETED, all_of(len(statuses), "wave", "was completed", "were completed")
        )
    if waves_by_status[WaveStatus.COMPLETED] or waves_by_status[WaveStatus.PARTIAL]:
        return ExecutionVerdict(ExecutionStatus.PARTIAL, summary)
    return ExecutionVerdict(ExecutionStatus.FAILED, summary)
