"""The judgements of a run. Pure: facts in, a verdict with its reason out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from recovery.execution import BEFORE_START, ExecutionStatus, Run, Tally, WaveState, WaveStatus
from recovery.plan import OnFailure, OnTimeout, RunAfter, Wave

# A job is looked at no sooner and no later than this, in seconds. Half a minute is what a person would call
# prompt for a job of twenty minutes; two minutes keeps the polls of a job of hours few.
SHORTEST_POLL, LONGEST_POLL = 20, 120
# While a job is PENDING it cannot end before it has been STARTED, which takes DRS minutes.
LONGEST_POLL_OF_STARTED = 30
# A slot may come free at any moment, so the first looks are close; a batch that waits for hours asks once a minute,
# to keep its events few.
SHORTEST_CAPACITY_WAIT, LONGEST_CAPACITY_WAIT = 15, 60
# What a job takes when no earlier one of its kind was seen in the target (AWS gives no figure; observed).
EXPECTED_JOB_SECONDS = {"DRILL": 1_200, "RECOVERY": 1_800}


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


def within(failed: int, total: int, percent: int) -> bool:
    """Is a tolerance of so many percent kept?"""
    return failed * 100 <= total * percent


def may_wave_start(wave: Wave, statuses: Mapping[str, WaveStatus]) -> bool | None:
    """True to start, False to skip, None while a wave it depends on is still going on."""
    predecessors = [statuses[name] for name in wave.depends_on]
    if wave.run_after is RunAfter.SUCCESS and any(status.is_final and not status.succeeded for status in predecessors):
        return False
    return True if all(status.is_final for status in predecessors) else None


class Hold(StrEnum):
    """What a wave is to do next: start, be settled without a start, or wait for something."""

    START = "START"
    SETTLE = "SETTLE"
    PREDECESSORS = "PREDECESSORS"
    RESUME = "RESUME"
    APPROVAL = "APPROVAL"
    DECISION = "DECISION"


def judge_hold(wave: Wave, states: Mapping[str, WaveState], run: Run) -> Hold:
    """What the wave is to do, from the record alone, so that every answer, late or repeated, leads to the same."""
    state = states[wave.name]
    if state.status.is_final or run.is_halted or run.stopped or state.word or state.approved is False:
        return Hold.SETTLE
    if state.status is WaveStatus.AWAITING_DECISION:
        return Hold.DECISION
    if state.status is WaveStatus.IN_PROGRESS:  # the task is repeated
        return Hold.START
    go = may_wave_start(wave, {name: each.status for name, each in states.items()})
    if go is not True:
        return Hold.SETTLE if go is False else Hold.PREDECESSORS
    if run.status is ExecutionStatus.PAUSED or (wave.pause_before and not state.resumed):
        return Hold.RESUME
    if wave.approval and state.approved is None:
        return Hold.APPROVAL
    return Hold.START


def judge_silence(wave: Wave, state: WaveState, now: float) -> bool | None:
    """What an approval that nobody answered counts as once its time is up; None before."""
    if wave.approval is None or state.approval_until is None or now < state.approval_until:
        return None
    return wave.approval.on_timeout is OnTimeout.APPROVE


def judge_wave(
    wave: Wave, states: Mapping[str, WaveState], run: Run, tally: Tally, problems: Sequence[str] = ()
) -> WaveVerdict:
    """A wave's end from its servers. Servers that are neither launched nor excluded count as failed.

    `problems` are errors that broke a part of the wave; they are told in the reason, the servers decide. A wave is
    PARTIAL when some servers are missing and it may do without as many. A failed one that asks people is
    AWAITING_DECISION until they have given their word.
    """
    state = states[wave.name]
    if state.status in BEFORE_START and not state.round and (why := _why_skipped(wave, states, run)):
        return WaveVerdict(WaveStatus.SKIPPED, why)
    if tally.missing == 0:
        none_left = "nothing was left to launch"
        return WaveVerdict(
            WaveStatus.COMPLETED, f"all {tally.total} servers were launched" if tally.total else none_left
        )
    said = f"{tally.launched} of {tally.total} servers were launched, {tally.failed} failed, {tally.excluded} excluded"
    said = "; ".join([said, *problems[:5]])
    if tally.required_missing == 0 and not run.cancelled:
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; all that are missing are optional")
    if tally.launched and within(tally.required_missing, tally.total, wave.max_failed_percent):
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; {wave.max_failed_percent} % may fail")
    if state.word == "accept":
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; accepted as it is")
    if run.cancelled:
        ended = WaveStatus.FAILED if tally.launched or tally.failed else WaveStatus.SKIPPED
        return WaveVerdict(ended, f"{said}; {run.halted_because}")
    if wave.on_failure is OnFailure.ASK and state.word is None and not (run.is_halted or run.stopped):
        return WaveVerdict(WaveStatus.AWAITING_DECISION, f"{said}; what is to become of it is for people to say")
    return WaveVerdict(WaveStatus.FAILED, f"{said}; only {wave.max_failed_percent} % may fail")


def _why_skipped(wave: Wave, states: Mapping[str, WaveState], run: Run) -> str | None:
    if run.is_halted:
        return run.halted_because
    if run.stopped:
        return f"the run was stopped: {run.stopped}"
    if states[wave.name].approved is False:
        return "its approval was refused"
    statuses = {name: state.status for name, state in states.items()}
    if may_wave_start(wave, statuses) is False:
        failed = ", ".join(name for name in wave.depends_on if not statuses[name].succeeded)
        return f"it depends on {failed}, which did not succeed"
    return None


def stops_the_run(wave: Wave, state: WaveState) -> bool:
    """Must no further wave start now that this one is where it is?"""
    return state.status is WaveStatus.FAILED and (wave.on_failure is OnFailure.STOP or state.word == "abort")


def judge_execution(
    statuses: Mapping[str, WaveStatus], problem: str | None = None, cancelled: str | None = None
) -> ExecutionVerdict:
    """A run's end from its waves; `problem` is what broke the run itself, `cancelled` who called it off."""
    ended = {status: [name for name, s in statuses.items() if s is status] for status in WaveStatus}
    said = "; ".join(f"{status.value}: {', '.join(names)}" for status, names in ended.items() if names)
    if cancelled:
        return ExecutionVerdict(ExecutionStatus.CANCELLED, f"cancelled by {cancelled}; {said or 'no wave had begun'}")
    if problem or not statuses:
        return ExecutionVerdict(ExecutionStatus.FAILED, problem or "the run had no waves")
    if len(ended[WaveStatus.COMPLETED]) == len(statuses):
        return ExecutionVerdict(ExecutionStatus.COMPLETED, f"all {len(statuses)} waves were completed")
    if ended[WaveStatus.COMPLETED] or ended[WaveStatus.PARTIAL]:
        return ExecutionVerdict(ExecutionStatus.PARTIAL, said)
    return ExecutionVerdict(ExecutionStatus.FAILED, said)


def seconds_to_next_capacity_check(asked: int) -> int:
    """How long a batch that has asked so often waits before it asks again: soon at first, then once a minute."""
    return min(SHORTEST_CAPACITY_WAIT + 5 * asked, LONGEST_CAPACITY_WAIT)


def seconds_to_next_poll(age: float, expected: float, job_status: str) -> int:
    """How long to leave a job alone, from its age and what such jobs take, all in seconds.

    Half of what should be left, so the looks get closer as the end comes near; past the expected end they
    spread out again, a quarter of the delay at a time.
    """
    left = expected - age
    wait = left / 2 if left > 0 else -left / 4
    longest = LONGEST_POLL_OF_STARTED if job_status == "STARTED" and left > 0 else LONGEST_POLL
    return round(min(max(wait, SHORTEST_POLL), longest))
