"""Targets that could not be inspected at first: they wait in their own waves, and the run goes on.

Either a target did not answer, or jobs of the run that this one continues are running there.

A TARGET row that is pending stands for such a target in each wave. The first inspection that succeeds replaces it, or
the exclusion of its servers does. Either writes the FLEET row first, once, so both cannot happen.
"""

from collections.abc import Mapping, Sequence

from recovery import clock
from recovery.domain import inspection, verdicts
from recovery.domain.execution import Execution, Mode
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.plan import ProtectionGroup, Wave
from recovery.domain.target import Target
from recovery.settings import settings
from recovery.store import inspections, run_requests

# How long a wave waits for a target without which it can succeed. The waits before it are an eighth of that at most, so
# the wait ends a few minutes later.
DISPENSABLE_SECONDS = 20 * 60

# How long a wave waits at least while jobs of the run that this one continues are running in the target. Jobs of an
# hour are known (Windows), and they launch servers of the wave.
BUSY_SECONDS = 2 * 3_600

# How long a wave waits for a target that it needs. An outage of a Region that lasts for a day is one after which people
# decide anew, and the history of recover-target has room for as many waits.
NEEDED_SECONDS = 24 * 3_600


def record_uninspected(
    execution: Execution, groups: Mapping[str, ProtectionGroup], errors: Mapping[Target, str]
) -> None:
    """Record each wave in each target that has no inspection: as pending or, in a readiness run, as blocked."""
    inspected = {(summary.wave, summary.target) for summary in inspections.list_summaries(execution.execution_id)}
    for wave in execution.plan.waves:
        for target in sorted({groups[use.group_id].target for use in wave.groups}):
            if (wave.name, target) in inspected:
                continue
            error = errors.get(target, "its inspection did not end")
            if execution.run.mode is Mode.READINESS:
                _exclude(execution, wave, target, groups, f"{target.key} was not inspected: {error}")
            else:
                note = f"{target.key} was not inspected before the start, and its part of each wave waits: {error}"
                pending = inspection.block_target(wave, target, groups, note)
                inspections.create_pending(execution.execution_id, pending)


def begin_wait(execution_id: str, summary: WaveTargetSummary, error: str) -> float:
    """Record that the wave waits for the target, and why; return since when, in epoch seconds."""
    note = f"wave {summary.wave} waits for {summary.target.key}: {error}"
    return inspections.record_wait(execution_id, summary.wave, summary.target, note)


def is_wait_over(
    since: float,
    wave: Wave,
    groups: Mapping[str, ProtectionGroup],
    summaries: Sequence[WaveTargetSummary],
    target: Target,
    *,
    is_busy: bool = False,
) -> bool:
    """Whether the wave has waited long enough for the target; `summaries` are those of the wave.

    `is_busy` is whether the target answers, and jobs of the run that this one continues are running there.
    """
    dispensable = BUSY_SECONDS if is_busy else DISPENSABLE_SECONDS
    limit = NEEDED_SECONDS if is_needed(wave, groups, summaries, target) else dispensable
    return clock.now() - since >= limit


def is_needed(
    wave: Wave, groups: Mapping[str, ProtectionGroup], summaries: Sequence[WaveTargetSummary], target: Target
) -> bool:
    """Whether the wave fails without the target. It does not if all that the target lacks is optional or tolerated."""
    uses = [use for use in wave.groups if groups[use.group_id].target == target and not use.optional]
    if not uses:
        return False
    if not all(inspection.is_listed_by_id(use, groups[use.group_id]) for use in uses):
        return True
    here = next(summary for summary in summaries if summary.target == target)
    lost = here.servers - here.optional + sum(each.blocked - each.blocked_optional for each in summaries)
    total = sum(summary.servers for summary in summaries)
    return total == here.servers or not verdicts.is_within_tolerance(lost, total, wave.max_failed_percent)


def exclude_target(execution: Execution, wave: Wave, target: Target, reason: str) -> None:
    """Exclude the wave's servers in the target for good, unless an inspection has come first."""
    _exclude(execution, wave, target, run_requests.get_groups(execution.execution_id), reason)


def exclude_pending(execution: Execution, wave: Wave, summaries: Sequence[WaveTargetSummary]) -> bool:
    """Exclude the servers of every target of the wave that is still pending; return whether there was one."""
    pending = [summary for summary in summaries if summary.pending]
    for summary in pending:
        reason = f"{summary.target.key} was never inspected: {'; '.join(summary.notes)}"
        exclude_target(execution, wave, summary.target, reason)
    return bool(pending)


def _exclude(
    execution: Execution, wave: Wave, target: Target, groups: Mapping[str, ProtectionGroup], reason: str
) -> None:
    blocked = inspection.block_target(wave, target, groups, reason)
    inspections.persist_inspection(execution.execution_id, [blocked], settings().servers_per_job)
