"""Inspects a target: finds the servers that a run recovers there, and those that it cannot recover."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.cache import recovery_instances
from recovery.domain import readiness
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import OPEN_STATUSES, Execution, Mode
from recovery.domain.inspection import InspectedServer, WaveTargetInspection
from recovery.domain.plan import GroupUse, ProtectionGroup, Wave
from recovery.domain.readiness import HEALTHY_STATES, Probe, Readiness, ServerFacts, ServerVerdict
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import (
    DrsWavesError,
    RegionNotEnabled,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
)
from recovery.runs import chain
from recovery.runs.probe import probe_servers
from recovery.settings import settings
from recovery.store import executions, inspections

logger = Logger(child=True)

# Host names are cut to the length of one DNS label.
MAX_HOSTNAME_LENGTH = 63

# Other open runs that are searched for servers that this run recovers too.
MAX_OTHER_RUNS = 20

# Errors that block every server of the target until an operator corrects their cause.
_UNUSABLE_TARGET_ERRORS = (RegionNotEnabled, TargetAccessDenied, TargetNotInitialized, TargetNotRegistered)


@dataclass(frozen=True, slots=True)
class TargetContext:
    """Other activity in the target, by server id: its DRS job, another run that recovers it, its recovery instance."""

    jobs: Mapping[str, str]
    runs: Mapping[str, str]
    instances: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SelectedServer:
    """A server that a wave selects, whether the wave may do without it, and why it cannot be recovered, if so."""

    optional: bool
    problem: str | None


class InspectionState(TypedDict):
    """The output of InspectTarget, without the target."""

    done: bool
    servers: int
    blocked: int


@dataclass(frozen=True, slots=True)
class InspectionCounts:
    """How many servers a run has in a target; `done` is False when servers remain to be probed."""

    done: bool
    servers: int = 0
    blocked: int = 0

    def to_state(self) -> InspectionState:
        """The output of InspectTarget, without the target."""
        return {"done": self.done, "servers": self.servers, "blocked": self.blocked}


def inspect_target(execution_id: str, target: Target) -> InspectionCounts:
    """Inspect a target and record its servers and batches; to be repeated until it is done.

    Raise ExecutionNotFound, ServerBusy while jobs of a run that this one continues are running, and what DRS raises.
    """
    execution = executions.get_execution(execution_id)
    if execution.run.is_halted:
        return InspectionCounts(done=True)
    inspected = _inspect_target_or_block(execution, target)
    if inspected is None:
        return InspectionCounts(done=False)
    summaries = inspections.persist_inspection(execution_id, inspected, settings().servers_per_job)
    servers, blocked = sum(part.servers for part in summaries), sum(part.blocked for part in summaries)
    return InspectionCounts(True, servers, blocked)


def _inspect_target_or_block(execution: Execution, target: Target) -> list[WaveTargetInspection] | None:
    """Inspect each wave in the target; return None if servers remain to be probed.

    If the target cannot be reached, its servers are blocked.
    """
    every_group = executions.get_groups(execution.execution_id)
    groups = {group_id: group for group_id, group in every_group.items() if group.target == target}
    try:
        return _inspect_waves(execution, target, groups)
    except _UNUSABLE_TARGET_ERRORS as error:
        logger.warning("target cannot be used", extra={"error": type(error).__name__, "reason": error.message})
        return [_inspect_unusable_target(wave, target, groups, error) for wave in _waves_using(execution, groups)]


def _inspect_waves(
    execution: Execution, target: Target, groups: Mapping[str, ProtectionGroup]
) -> list[WaveTargetInspection] | None:
    known = _describe_servers(target, groups)
    launched = chain.find_servers_up(execution.run, target)
    waves = _waves_using(execution, groups)
    selections = {wave.name: _select_servers(wave, groups, known) for wave in waves}
    candidates = sorted({each for ids in selections.values() for each in ids if each in known and each not in launched})

    probes = probe_servers(execution, target, _servers_to_probe(execution, candidates, known))
    if probes is None:
        return None
    context = _load_target_context(execution, target, candidates)
    inspected, wave_of = [], dict[str, str]()
    for wave in waves:
        servers = {}
        for server_id, selection in selections[wave.name].items():
            if server_id in launched:
                continue
            if server_id in wave_of and not selection.problem:
                selection = replace(selection, problem=f"it is in wave {wave_of[server_id]} already")
            probe = probes.get(server_id, Probe())
            servers[server_id] = _inspect_server(known.get(server_id), selection, probe, context, execution)
        wave_of |= {server_id: wave.name for server_id, server in servers.items() if not server.verdict.is_blocked}
        notes = (*_note_empty_groups(wave, groups, known), *context.notes)
        already_launched = len(launched & selections[wave.name].keys())
        inspected.append(WaveTargetInspection(wave, target, servers, already_launched, notes))
    return inspected


def _describe_servers(target: Target, groups: Mapping[str, ProtectionGroup]) -> dict[str, SourceServer]:
    """The servers of the groups as DRS describes them; all of the target if a group selects by tags."""
    by_tags = any(not group.server_ids for group in groups.values())
    listed = {server_id for group in groups.values() for server_id in group.server_ids}
    servers = drs.describe_source_servers(target, None if by_tags else sorted(listed))
    return {server.server_id: server for server in servers}


def _waves_using(execution: Execution, groups: Mapping[str, ProtectionGroup]) -> list[Wave]:
    return [wave for wave in execution.plan.waves if any(use.group_id in groups for use in wave.groups)]


def _note_empty_groups(
    wave: Wave, groups: Mapping[str, ProtectionGroup], known: Mapping[str, SourceServer]
) -> list[str]:
    return [
        f"protection group {groups[use.group_id].name} selects no servers"
        for use in wave.groups
        if use.group_id in groups and not _find_members(use, groups[use.group_id], known)
    ]


def _inspect_server(
    server: SourceServer | None, selection: SelectedServer, probe: Probe, context: TargetContext, execution: Execution
) -> InspectedServer:
    hostname = server.hostname[:MAX_HOSTNAME_LENGTH] if server else ""
    if selection.problem or server is None:
        blocked = ServerVerdict(Readiness.BLOCKED, (selection.problem or "DRS does not know it",))
        return InspectedServer(blocked, hostname, selection.optional)
    facts = ServerFacts(
        replication_state=server.replication_state,
        lag_seconds=server.lag_seconds,
        in_job=context.jobs.get(server.server_id),
        in_run=context.runs.get(server.server_id),
        instance=context.instances.get(server.server_id),
        probe=probe,
    )
    # Ignore the RPO target when the operator chose a point in time.
    rpo_minutes = None if execution.run.point_in_time else execution.plan.rpo_target_minutes
    verdict = readiness.judge_server(facts, rpo_minutes, clock.now())
    snapshot_id = probe.snapshot_id if execution.run.point_in_time else None
    return InspectedServer(verdict, hostname, selection.optional, snapshot_id, probe.snapshot_at)


def _servers_to_probe(execution: Execution, candidates: Iterable[str], known: Mapping[str, SourceServer]) -> list[str]:
    """The servers to probe one by one: all of them when there is time for it, else those that are not healthy.

    One or two calls for each of a thousand servers take minutes of the target's rate limit, which a recovery cannot
    spare. A healthy server has a snapshot, and its lag is the age of that snapshot.
    """
    if execution.run.mode is Mode.READINESS or execution.run.point_in_time:
        return list(candidates)
    return [server_id for server_id in candidates if known[server_id].replication_state not in HEALTHY_STATES]


def _select_servers(
    wave: Wave, groups: Mapping[str, ProtectionGroup], known: Mapping[str, SourceServer]
) -> dict[str, SelectedServer]:
    """The servers of a wave by id. A server that several groups have is optional only if it is so in each of them."""
    selected: dict[str, SelectedServer] = {}
    for use in wave.groups:
        if use.group_id not in groups:
            continue
        for server_id, problem in _find_members(use, groups[use.group_id], known).items():
            before = selected.get(server_id, SelectedServer(True, problem))
            selected[server_id] = replace(before, optional=before.optional and use.optional)
    return selected


def _find_members(use: GroupUse, group: ProtectionGroup, known: Mapping[str, SourceServer]) -> dict[str, str | None]:
    """The servers of a group that a wave uses, by id, with the reason if one cannot be recovered."""
    members: dict[str, str | None] = {
        server_id: None for server_id, server in known.items() if group.selects(server_id, server.tags)
    }
    missing = dict.fromkeys(group.listed - known.keys(), "DRS does not know it in this target")
    if not use.only_server_ids:
        return {**members, **missing}
    outside = f"it is not in protection group {group.name}"
    return {server_id: missing.get(server_id, members.get(server_id, outside)) for server_id in use.only_server_ids}


def _inspect_unusable_target(
    wave: Wave, target: Target, groups: Mapping[str, ProtectionGroup], error: DrsWavesError
) -> WaveTargetInspection:
    """Block the servers that are listed by id.

    Servers of a group by tags cannot be listed. Unless such a group is optional, the wave is marked as unlistable.
    """
    reason = f"{target.key} cannot be used: {type(error).__name__}: {error.message}"
    uses = [use for use in wave.groups if use.group_id in groups]
    blocked = ServerVerdict(Readiness.BLOCKED, (reason,))
    servers: dict[str, InspectedServer] = {}
    for use in uses:
        for server_id in use.only_server_ids or groups[use.group_id].server_ids:
            optional = use.optional and (server_id not in servers or servers[server_id].optional)
            servers[server_id] = InspectedServer(blocked, optional=optional)
    is_unlistable = any(not (use.only_server_ids or groups[use.group_id].server_ids or use.optional) for use in uses)
    unlistable_groups = (reason,) if is_unlistable else ()
    return WaveTargetInspection(wave, target, servers, notes=(reason,), unlistable_groups=unlistable_groups)


def _load_target_context(execution: Execution, target: Target, server_ids: Sequence[str]) -> TargetContext:
    live = drs.list_live_jobs(target)
    jobs = {launch.server_id: job.job_id for job in live for launch in job.launches}
    runs: dict[str, str] = {}
    open_runs = (
        row["executionId"]
        for status in OPEN_STATUSES
        for row in executions.list_executions(MAX_OTHER_RUNS, None, status=status.value).items
        if row["executionId"] != execution.execution_id and row["mode"] != Mode.READINESS
    )
    for execution_id in open_runs:
        runs.update(dict.fromkeys(inspections.list_server_ids(execution_id, target), execution_id))
    notes = (f"{len(live)} DRS jobs with {len(jobs)} servers run in {target.key} now",) if live else ()
    instances = {
        server_id: f"{instance.instance_id} of {instance.execution_id or 'a launch outside drs-waves'}"
        for server_id, instance in recovery_instances.get_by_server(server_ids).items()
        if instance.exists and instance.target == target
    }
    return TargetContext(jobs, runs, instances, notes)
