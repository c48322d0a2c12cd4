"""Inspects a target: finds the servers that a run recovers there, and those that it cannot recover."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.call_shares import CallShare, use_share
from recovery.domain import inspection, readiness
from recovery.domain.batch import BatchStatus
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import Execution, Mode
from recovery.domain.findings.codes import Code
from recovery.domain.inspection import InspectedServer, WaveTargetInspection
from recovery.domain.plan import ProtectionGroup, Wave
from recovery.domain.readiness import HEALTHY_STATES, Probe, Readiness, ServerFacts, ServerVerdict
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsWavesError, RegionNotEnabled, ServerBusy, Transient
from recovery.runs.inspection import chain, falls, isolation, launch_needs, uninspected
from recovery.runs.inspection.context import TargetContext, load_context
from recovery.runs.inspection.isolation import IsolationFindings
from recovery.runs.inspection.selection import SelectedServer, WaveSelection, describe_empty_groups, select_servers
from recovery.runs.probe import ProbeRequest, probe_servers
from recovery.settings import settings
from recovery.store import batches, chains, executions, inspections, run_requests

logger = Logger(child=True)

# Errors after which a target may answer later, so that its waves wait for it. People can enable a Region meanwhile.
_MAY_ANSWER_LATER = (Transient, RegionNotEnabled)

# How long a drill may read launch configurations before its first wave: those of 200 servers at 10 calls a second.
CONFIGURATIONS_SECONDS = 20

# Host names are cut to the length of one DNS label.
MAX_HOSTNAME_LENGTH = 63


class InspectionState(TypedDict):
    """The output of InspectTarget, without the target. `batches` has the numbers of the wave's, if one was given."""

    done: bool
    servers: int
    blocked: int
    batches: list[int]


@dataclass(frozen=True, slots=True)
class InspectionCounts:
    """How many servers a run has in a target; `done` is False when servers remain to be probed.

    `batches` has the numbers of the batches that a wave has left to recover there.
    """

    done: bool
    servers: int = 0
    blocked: int = 0
    batches: Sequence[int] = ()

    def to_state(self) -> InspectionState:
        """The output of InspectTarget, without the target."""
        numbers = list(self.batches)
        return {"done": self.done, "servers": self.servers, "blocked": self.blocked, "batches": numbers}


def inspect_target(execution_id: str, target: Target) -> InspectionCounts:
    """Inspect a target and record its servers and batches; to be repeated until it is done.

    Raise ExecutionNotFound, ServerBusy while jobs of a run that this one continues are running, and what DRS raises if
    it passes by itself.
    """
    execution = executions.get_execution(execution_id)
    if execution.run.is_halted:
        return InspectionCounts(done=True)
    return _inspect_and_persist(execution, target)


def inspect_for_wave(execution_id: str, target: Target, wave_name: str) -> InspectionCounts:
    """Inspect a target that could not be inspected before the run began, for a wave that waits for it.

    If it still cannot be when the wave has waited for as long as it may, exclude the wave's servers there. Raise what
    `inspect_target` raises until then. In a halted run the wave does not wait.
    """
    execution = executions.get_execution(execution_id)
    wave = execution.plan.wave(wave_name)
    summaries = inspections.list_summaries(execution_id, wave_name)
    here = next((summary for summary in summaries if summary.target == target), None)
    if execution.run.is_halted or here is None:
        return InspectionCounts(done=True)
    counts = InspectionCounts(done=True)
    if here.pending:
        try:
            counts = _inspect_and_persist(execution, target)
        except _MAY_ANSWER_LATER as error:
            since = uninspected.begin_wait(execution_id, here, f"{type(error).__name__}: {error.message}")
            groups = run_requests.get_groups(execution_id)
            is_busy = isinstance(error, ServerBusy)
            if not uninspected.is_wait_over(since, wave, groups, summaries, target, is_busy=is_busy):
                raise
            hours, trouble = (clock.now() - since) / 3_600, "had running jobs" if is_busy else "did not answer"
            reason = f"{target.key} {trouble} for {hours:.1f} hours: {type(error).__name__}: {error.message}"
            uninspected.exclude_target(execution, wave, target, reason)
    left = [
        each.ref.number
        for each in batches.list_batches(execution_id, wave_name)
        if each.ref.target == target and each.status is not BatchStatus.SETTLED
    ]
    return replace(counts, batches=left) if counts.done else counts


def _inspect_and_persist(execution: Execution, target: Target) -> InspectionCounts:
    # A readiness run launches nothing, so it leaves half of the calls to runs that do.
    share = CallShare.BACKGROUND if execution.run.mode is Mode.READINESS else CallShare.RUN
    with use_share(share):
        inspected = _inspect_target_or_block(execution, target)
    if inspected is None:
        return InspectionCounts(done=False)
    inspected = inspections.record_members(execution.execution_id, inspected)
    summaries = inspections.persist_inspection(execution.execution_id, inspected, settings().servers_per_job)
    servers, blocked = sum(part.servers for part in summaries), sum(part.blocked for part in summaries)
    return InspectionCounts(True, servers, blocked)


def _inspect_target_or_block(execution: Execution, target: Target) -> list[WaveTargetInspection] | None:
    """Inspect each wave in the target; return None if servers remain to be probed.

    If the target cannot be used, its servers are blocked. So they are after an error that nobody has foreseen: it must
    not end a run that has healthy targets. Raise errors that pass by themselves.
    """
    every_group = run_requests.get_groups(execution.execution_id)
    groups = {group_id: group for group_id, group in every_group.items() if group.target == target}
    try:
        return _inspect_waves(execution, target, groups)
    except _MAY_ANSWER_LATER:
        raise
    except DrsWavesError as error:
        logger.warning("target cannot be used", extra={"error": type(error).__name__, "reason": error.message})
        reason = f"{type(error).__name__}: {error.message}"
    except Exception as error:  # reported to the log in full, and to operators as the reason
        logger.exception("target not inspected")
        reason = f"unexpected {type(error).__name__}: {error}"
    reason = f"{target.key} cannot be used: {reason}"
    blocked = [inspection.block_target(wave, target, groups, reason) for wave in _waves_using(execution, groups)]
    launch_needs.record_unusable(execution, target, blocked, reason)
    return blocked


def _inspect_waves(
    execution: Execution, target: Target, groups: Mapping[str, ProtectionGroup]
) -> list[WaveTargetInspection] | None:
    known = _describe_servers(target, groups)
    launched = chain.find_servers_up(execution.run, target)
    waves = _waves_using(execution, groups)
    selections = {wave.name: select_servers(wave, groups, known) for wave in waves}
    candidates = _find_candidates(selections.values(), known.keys() - launched)
    began = time.monotonic()
    probes = probe_servers(execution, target, _choose_probes(execution, candidates, known))
    if probes is None:
        return None
    if execution.run.mode is Mode.READINESS and time.monotonic() - began > launch_needs.SECONDS_BEFORE_LOOK:
        return None  # the probes are saved, and the next round has time for the rest
    context = load_context(execution, target, candidates)
    servers = {server_id: known[server_id] for server_id in candidates}
    looked = launch_needs.look(execution, target, groups, selections.values(), servers, probes, context.ec2_instances)
    findings = Findings(
        known=known,
        launched=launched,
        launched_groups=_find_groups_launched_before(execution, target, launched),
        probes=probes,
        context=context,
        falls=falls.note_falls(execution, target, groups, list(selections.values())),
        isolation=isolation.check_isolation(execution, target, groups, selections.values(), servers, probes),
        needs=looked,
    )
    inspected = [
        _inspect_wave(execution, WaveTargetInspection(wave, target, {}), groups, selections[wave.name], findings)
        for wave in waves
    ]
    launch_needs.record(execution, target, looked, inspected, findings.falls.values())
    return inspected


@dataclass(frozen=True, slots=True)
class Findings:
    """What was read about a target: the servers that DRS knows, those that the continued runs launched, and the rest.

    `launched_groups` has the ids of groups with servers that the continued runs launched. `falls` has a note for each
    group that has lost servers, by group id. `isolation` says which servers must not be drilled, and `needs` is what a
    look at the needs of launches has found.
    """

    known: Mapping[str, SourceServer]
    launched: frozenset[str]
    launched_groups: Collection[str]
    probes: Mapping[str, Probe]
    context: TargetContext
    falls: Mapping[str, str]
    isolation: IsolationFindings
    needs: launch_needs.LaunchNeeds


def _find_candidates(selections: Iterable[WaveSelection], launchable: Collection[str]) -> list[str]:
    """The servers in the order in which the waves launch them."""
    ordered = [each for selection in selections for each in sorted(selection.servers) if each in launchable]
    return list(dict.fromkeys(ordered))


def _find_groups_launched_before(execution: Execution, target: Target, launched: frozenset[str]) -> list[str]:
    if not launched:
        return []
    earlier = chains.read_chain(execution.execution_id).before(execution.execution_id)
    before = falls.find_members(earlier, target)
    return [group_id for group_id, members in before.items() if launched & members.keys()]


def _inspect_wave(
    execution: Execution,
    empty: WaveTargetInspection,
    groups: Mapping[str, ProtectionGroup],
    selection: WaveSelection,
    findings: Findings,
) -> WaveTargetInspection:
    """Fill the inspection of the wave. A server of several waves is blocked in the later ones when it is written."""
    notes, reasons = describe_empty_groups(selection, groups, findings.launched_groups)
    fallen = [findings.falls[use.group_id] for use in empty.wave.groups if use.group_id in findings.falls]
    return replace(
        empty,
        servers={
            server_id: _inspect_server(execution, server_id, selected, findings)
            for server_id, selected in selection.servers.items()
            if server_id not in findings.launched
        },
        already_launched=len(findings.launched & selection.servers.keys()),
        notes=(*notes, *fallen, *findings.context.notes, *findings.needs.notes),
        empty_groups=tuple(reasons),
        refusals=findings.isolation.refuse(selection.servers.keys()),
    )


def _describe_servers(target: Target, groups: Mapping[str, ProtectionGroup]) -> dict[str, SourceServer]:
    """The servers of the groups as DRS describes them; all of the target if a group selects by tags."""
    by_tags = any(not group.server_ids for group in groups.values())
    listed = {server_id for group in groups.values() for server_id in group.server_ids}
    servers = drs.describe_source_servers(target, None if by_tags else sorted(listed))
    return {server.server_id: server for server in servers}


def _waves_using(execution: Execution, groups: Mapping[str, ProtectionGroup]) -> list[Wave]:
    return [wave for wave in execution.plan.waves if any(use.group_id in groups for use in wave.groups)]


def _inspect_server(
    execution: Execution, server_id: str, selection: SelectedServer, findings: Findings
) -> InspectedServer:
    server, context, probe = findings.known.get(server_id), findings.context, findings.probes.get(server_id, Probe())
    hostname = server.hostname[:MAX_HOSTNAME_LENGTH] if server else ""
    if selection.problem or server is None:
        code = Code.UNKNOWN_SERVER if server is None else Code.NOT_IN_GROUP
        blocked = ServerVerdict(Readiness.BLOCKED, (selection.problem or "DRS does not know it",), (code,))
        return InspectedServer(blocked, hostname, selection.optional, groups=selection.groups)
    facts = ServerFacts(
        replication_state=server.replication_state,
        lag_seconds=server.lag_seconds,
        in_job=context.jobs.get(server.server_id),
        in_run=context.runs.get(server.server_id),
        live_instance=context.live_instances.get(server.server_id),
        drill_instance=context.drill_instances.get(server.server_id),
        may_replace=execution.run.replace_existing,
        is_drill=execution.run.mode is Mode.DRILL,
        fails_back=server.fails_back,
        probe=probe,
        found=(*findings.needs.reasons.get(server_id, ()), *findings.isolation.list_reasons(server_id)),
    )
    # Ignore the RPO target when the operator chose a point in time.
    rpo_minutes = None if execution.run.point_in_time else execution.plan.rpo_target_minutes
    verdict = readiness.judge_server(facts, rpo_minutes, clock.now())
    snapshot_id = probe.snapshot_id if execution.run.point_in_time else None
    data = (snapshot_id, probe.snapshot_at)
    return InspectedServer(verdict, hostname, selection.optional, *data, selection.groups, facts.lag_seconds)


def _choose_probes(execution: Execution, candidates: Iterable[str], known: Mapping[str, SourceServer]) -> ProbeRequest:
    """The servers to probe one by one: all of them in a readiness run, else those for which there is time.

    One or two calls for each of a thousand servers take minutes of the target's rate limit, which a run that launches
    cannot spare. A healthy server has a snapshot, and its lag is the age of that snapshot. A drill reads the launch
    configurations of the servers that it launches first: all of a small plan, so that it is refused before it starts if
    a launch would overwrite an instance. The others are read before their own jobs, those of a recovery too.
    """
    candidates = list(candidates)
    configurations = candidates
    if execution.run.mode is not Mode.READINESS:
        most = CONFIGURATIONS_SECONDS * settings().calls_per_second if execution.run.mode is Mode.DRILL else 0
        configurations = candidates[:most]
    if execution.run.mode is Mode.READINESS or execution.run.point_in_time:
        return ProbeRequest(candidates, configurations)
    unhealthy = [server_id for server_id in candidates if known[server_id].replication_state not in HEALTHY_STATES]
    return ProbeRequest(unhealthy, configurations)
