"""Which servers a run will recover in one target, and which it cannot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.cache import recovery_instances
from recovery.domain import readiness
from recovery.domain.drs_shapes import LaunchStatus, SourceServer
from recovery.domain.execution import OPEN_STATUSES, Execution, Mode
from recovery.domain.inspection import InspectedServer, WaveTargetInspection
from recovery.domain.plan import GroupUse, ProtectionGroup, Wave
from recovery.domain.readiness import HEALTHY_STATES, Probe, Readiness, ServerFacts, ServerVerdict
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsWavesError, ServerBusy, TargetAccessDenied, TargetNotInitialized, TargetNotRegistered
from recovery.runs.probe import probe_servers
from recovery.settings import settings
from recovery.store import executions, inspections

logger = Logger(child=True)

# Longest host name that is kept: that of one DNS label.
MAX_HOSTNAME_LENGTH = 63

# Other runs that are looked at for servers they have in common with this one, and shown by id.
MAX_OTHER_RUNS = 20

# What makes a whole target impossible, for as long as nobody mends it.
_UNUSABLE_TARGET_ERRORS = (TargetAccessDenied, TargetNotInitialized, TargetNotRegistered)


@dataclass(frozen=True, slots=True)
class TargetContext:
    """What there is in the target beside this run: server to job, to another run, and to what it was launched as."""

    jobs: Mapping[str, str]
    runs: Mapping[str, str]
    instances: Mapping[str, str]
    notes: tuple[str, ...] = ()


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
    inspections_by_wave = _inspect_reachable_target(execution, target)
    if inspections_by_wave is None:
        return InspectionCounts(done=False)
    summaries = inspections.persist_inspection(execution_id, inspections_by_wave, settings().servers_per_job)
    servers, blocked = sum(part.servers for part in summaries), sum(part.blocked for part in summaries)
    return InspectionCounts(True, servers, blocked)


def _inspect_reachable_target(execution: Execution, target: Target) -> list[WaveTargetInspection] | None:
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
    by_tags = any(not group.server_ids for group in groups.values())
    listed = {server_id for group in groups.values() for server_id in group.server_ids}
    servers = drs.describe_source_servers(target, None if by_tags else sorted(listed))
    known = {server.server_id: server for server in servers}
    launched = _servers_launched_before(execution, target)
    chosen = {wave.name: _choose_servers(wave, groups, known) for wave in _waves_using(execution, groups)}
    wanted = sorted({each for ids in chosen.values() for each in ids if each in known and each not in launched})

    probed = probe_servers(execution, target, _servers_to_probe(execution, wanted, known))
    if probed is None:
        return None
    surroundings = _load_target_context(execution, target, wanted)
    shares, taken = [], dict[str, str]()
    for wave in _waves_using(execution, groups):
        found = {}
        for server_id, (optional, why_not) in chosen[wave.name].items():
            if server_id in launched:
                continue
            if server_id in taken:
                why_not = why_not or f"it is in wave {taken[server_id]} already"
            found[server_id] = _inspect_server(
                known.get(server_id), optional, why_not, probed.get(server_id, Probe()), surroundings, execution
            )
        taken.update({server_id: wave.name for server_id, server in found.items() if not server.verdict.is_blocked})
        empty = [
            f"protection group {groups[use.group_id].name} selects no servers"
            for use in wave.groups
            if use.group_id in groups and not _select_servers(use, groups[use.group_id], known)
        ]
        already = len(launched & chosen[wave.name].keys())
        shares.append(WaveTargetInspection(wave, target, found, already, (*empty, *surroundings.notes)))
    return shares


def _waves_using(execution: Execution, groups: Mapping[str, ProtectionGroup]) -> list[Wave]:
    return [wave for wave in execution.plan.waves if any(use.group_id in groups for use in wave.groups)]


def _inspect_server(
    server: SourceServer | None,
    optional: bool,
    why_not: str | None,
    probe: Probe,
    surroundings: TargetContext,
    execution: Execution,
) -> InspectedServer:
    hostname = server.hostname[:MAX_HOSTNAME_LENGTH] if server else ""
    if why_not or server is None:
        return InspectedServer(
            ServerVerdict(Readiness.BLOCKED, (why_not or "DRS does not know it",)), hostname, optional
        )
    facts = ServerFacts(
        replication_state=server.replication_state,
        lag_seconds=server.lag_seconds,
        in_job=surroundings.jobs.get(server.server_id),
        in_run=surroundings.runs.get(server.server_id),
        instance=surroundings.instances.get(server.server_id),
        probe=probe,
    )
    # A moment asked for is not held against the RPO target: whoever asks for it knows how old it is.
    rpo_minutes = None if execution.run.point_in_time else execution.plan.rpo_target_minutes
    verdict = readiness.judge_server(facts, rpo_minutes, clock.now())
    snapshot_id = probe.snapshot_id if execution.run.point_in_time else None
    return InspectedServer(verdict, hostname, optional, snapshot_id, probe.snapshot_at)


def _servers_to_probe(execution: Execution, wanted: Iterable[str], known: Mapping[str, SourceServer]) -> list[str]:
    """Servers that DRS has to be asked about one by one: all of them where time allows it, else the doubtful ones.

    A call or two for each of a thousand servers takes minutes of the target's budget, which a recovery does not have;
    a healthy server has a snapshot, and its lag tells how old that is.
    """
    if execution.run.mode is Mode.READINESS or execution.run.point_in_time:
        return list(wanted)
    return [server_id for server_id in wanted if known[server_id].replication_state not in HEALTHY_STATES]


def _choose_servers(
    wave: Wave, groups: Mapping[str, ProtectionGroup], known: Mapping[str, SourceServer]
) -> dict[str, tuple[bool, str | None]]:
    """The ids a wave takes from its groups, which may overlap: may it do without, and why it cannot be had, if so."""
    chosen: dict[str, tuple[bool, str | None]] = {}
    for use in wave.groups:
        if use.group_id not in groups:
            continue
        for server_id, why_not in _select_servers(use, groups[use.group_id], known).items():
            optional, before = chosen.get(server_id, (True, why_not))
            chosen[server_id] = (optional and use.optional, before)
    return chosen


def _select_servers(use: GroupUse, group: ProtectionGroup, known: Mapping[str, SourceServer]) -> dict[str, str | None]:
    selected: dict[str, str | None] = {
        server_id: None for server_id, server in known.items() if group.selects(server_id, server.tags)
    }
    missing = dict.fromkeys(group.listed - known.keys(), "DRS does not know it in this target")
    if not use.only_server_ids:
        return {**selected, **missing}
    outside = f"it is not in protection group {group.name}"
    return {server_id: missing.get(server_id, selected.get(server_id, outside)) for server_id in use.only_server_ids}


def _inspect_unusable_target(
    wave: Wave, target: Target, groups: Mapping[str, ProtectionGroup], error: DrsWavesError
) -> WaveTargetInspection:
    """The share of a wave in a target that cannot be reached: what was listed is blocked, what has tags is lost."""
    why = f"{target.key} cannot be used: {type(error).__name__}: {error.message}"
    uses = [use for use in wave.groups if use.group_id in groups]
    blocked = ServerVerdict(Readiness.BLOCKED, (why,))
    found: dict[str, InspectedServer] = {}
    for use in uses:
        for server_id in use.only_server_ids or groups[use.group_id].server_ids:
            optional = use.optional and (server_id not in found or found[server_id].optional)
            found[server_id] = InspectedServer(blocked, optional=optional)
    nameless = any(not (use.only_server_ids or groups[use.group_id].server_ids or use.optional) for use in uses)
    return WaveTargetInspection(wave, target, found, notes=(why,), unlistable_groups=(why,) if nameless else ())


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
        for row in executions.query_rows(execution_id, "FLEET#"):
            if Target.from_state(row) == target:
                runs.update(dict.fromkeys(inspections.unpack_servers(row), execution_id))
    notes = (f"{len(live)} DRS jobs with {len(jobs)} servers run in {target.key} now",) if live else ()
    launched = {
        server_id: f"{instance.instance_id} of {instance.execution_id or 'somebody else'}"
        for server_id, instance in recovery_instances.get_by_server(server_ids).items()
        if instance.is_there and instance.target == target
    }
    return TargetContext(jobs, runs, launched, notes)


def _servers_launched_before(execution: Execution, target: Target) -> frozenset[str]:
    """What the runs that this one continues have launched, by their records and by DRS's own jobs.

    Their jobs have to be over first, for until then nobody knows: ServerBusy is raised while one goes on.
    """
    launched = set[str]()
    execution_id = execution.run.continues
    while execution_id:
        run = executions.get_run(execution_id)
        for job in drs.list_jobs_of_execution(target, execution_id, run.requested_at):
            if not job.is_completed:
                raise ServerBusy(f"{job.job_id} of {execution_id}, which this run continues, still goes on")
            launched.update(launch.server_id for launch in job.launches if launch.status == LaunchStatus.LAUNCHED)
        execution_id = run.continues
    return frozenset(launched)
