"""The judgements of a run. Pure: facts in, a verdict with its reason out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recovery.execution import ExecutionStatus, Tally, WaveStatus
from recovery.plan import Wave

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


@dataclass(frozen=True, slots=True)
class FleetOfWave:
    """What inspection found of one wave: how many servers, how many of them cannot be recovered, and an example."""

    wave: Wave
    total: int
    blocked: int
    example: str
    selections: str

    def refusal(self) -> str | None:
        """Why the wave cannot be run, or None when it can, with the blocked servers left out."""
        if self.total == 0:
            return f"wave {self.wave.name} selects no servers ({self.selections})"
        if self.blocked == self.total or not _within(self.blocked, self.total, self.wave.max_failed_percent):
            return (
                f"wave {self.wave.name}: {self.blocked} of {self.total} servers cannot be recovered, "
                f"{self.wave.max_failed_percent} % may fail; for one, {self.example}"
            )
        return None


def _within(failed: int, total: int, percent: int) -> bool:
    return failed * 100 <= total * percent


# Replication states in which DRS holds no point in time to launch from (dataReplicationState of botocore's model).
_WITHOUT_SNAPSHOT = {"STOPPED", "INITIATING", "INITIAL_SYNC"}


def why_not_recoverable(replication_state: str) -> str | None:
    """Why a source server in this state cannot be launched; None when it can, if need be from an older snapshot."""
    if replication_state in _WITHOUT_SNAPSHOT:
        return f"its data replication is {replication_state}, so DRS has nothing to launch it from"
    return None


def judge_readiness(fleets: Sequence[FleetOfWave]) -> list[str]:
    """The reasons why a run must not start; none when it may."""
    return [reason for fleet in fleets if (reason := fleet.refusal())]


def judge_refusal(reasons: Sequence[str]) -> ExecutionVerdict:
    """The end of a run that must not start; the first reasons stand for all when they are many."""
    more = f"; and {len(reasons) - 10} more" if len(reasons) > 10 else ""
    return ExecutionVerdict(ExecutionStatus.NOT_READY, "; ".join(reasons[:10]) + more)


def may_wave_start(wave: Wave, statuses: Mapping[str, WaveStatus]) -> bool | None:
    """True to start, False to skip, None while a wave it depends on is still going on."""
    predecessors = [statuses[name] for name in wave.depends_on]
    if any(status.is_final and not status.lets_dependants_start for status in predecessors):
        return False
    return True if all(status.is_final for status in predecessors) else None


def judge_wave(
    wave: Wave, statuses: Mapping[str, WaveStatus], tally: Tally, problems: Sequence[str] = ()
) -> WaveVerdict:
    """A wave's end from its servers. Servers that are neither launched nor excluded count as failed.

    `problems` are errors that broke a part of the wave; they are told in the reason, the servers decide.

    A wave is PARTIAL when some servers failed and its tolerance allows as many.
    """
    if may_wave_start(wave, statuses) is False:
        failed = ", ".join(name for name in wave.depends_on if not statuses[name].lets_dependants_start)
        return WaveVerdict(WaveStatus.SKIPPED, f"it depends on {failed}, which did not succeed")
    missing = tally.total - tally.launched
    if missing == 0:
        return WaveVerdict(WaveStatus.COMPLETED, f"all {tally.total} servers were launched")
    said = f"{tally.launched} of {tally.total} servers were launched, {tally.failed} failed, {tally.excluded} excluded"
    said = "; ".join([said, *problems[:5]])
    if tally.launched and _within(missing, tally.total, wave.max_failed_percent):
        return WaveVerdict(WaveStatus.PARTIAL, f"{said}; {wave.max_failed_percent} % may fail")
    return WaveVerdict(WaveStatus.FAILED, f"{said}; only {wave.max_failed_percent} % may fail")


def judge_execution(statuses: Mapping[str, WaveStatus], problem: str | None = None) -> ExecutionVerdict:
    """A run's end from its waves; `problem` is what broke the run itself, if anything did."""
    ended = {status: [name for name, s in statuses.items() if s is status] for status in WaveStatus}
    if problem or not statuses:
        return ExecutionVerdict(ExecutionStatus.FAILED, problem or "the run had no waves")
    if len(ended[WaveStatus.COMPLETED]) == len(statuses):
        return ExecutionVerdict(ExecutionStatus.COMPLETED, f"all {len(statuses)} waves were completed")
    said = "; ".join(f"{status.value}: {', '.join(names)}" for status, names in ended.items() if names)
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
