"""Probes servers: reads what DRS shows for one server at a time only, its snapshots and its launch configuration.

The probes are read in rounds and saved. A round fits into a function's time, and the state machine repeats the task
until every server is probed. A readiness run uses at most half of the target's rate limit. A run that launches uses all
of it, but its probes let the other calls of runs go first.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.call_shares import CallShare, current_share, use_share
from recovery.domain.drs_shapes.launch_configurations import LaunchDocument
from recovery.domain.execution import Execution, Mode
from recovery.domain.readiness import Probe
from recovery.domain.target import Target
from recovery.drs import calls
from recovery.drs import client as drs
from recovery.errors import DrsRefused, TargetAccessDenied, Transient
from recovery.store import inspections

logger = Logger(child=True)

# Seconds after which a round probes no further server. A function has 120, and its last calls may be delayed.
ROUND_SECONDS = 60

GONE = "DRS no longer knows it"


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """The servers whose snapshots, and those whose launch configurations, are to be read."""

    snapshots: Collection[str]
    configurations: Collection[str]

    @property
    def server_ids(self) -> list[str]:
        """Every server of the request."""
        return sorted({*self.snapshots, *self.configurations})

    def is_answered_by(self, server_id: str, probe: Probe) -> bool:
        """Whether the probe has all that the request asks about the server."""
        if probe.problem:
            return True
        has_snapshot = probe.has_snapshot is not None or server_id not in self.snapshots
        return has_snapshot and (probe.has_launch_configuration is not None or server_id not in self.configurations)


def probe_servers(execution: Execution, target: Target, request: ProbeRequest) -> Mapping[str, Probe] | None:
    """Return the probes of all these servers; None if servers remain for another round.

    What was read before a transient error is saved. The error is raised only if nothing was read before it.
    """
    if not request.server_ids:
        return {}
    saved = inspections.load_probes(execution.execution_id, target)
    missing = [
        each for each in request.server_ids if each not in saved or not request.is_answered_by(each, saved[each])
    ]
    if not missing:
        return saved
    is_run = current_share() is CallShare.RUN
    with use_share(CallShare.READING if is_run else current_share()), calls.many_reads(target):
        found = _probe_round(execution, target, request, missing)
    inspections.save_probes(execution.execution_id, target, found)
    return {**saved, **found} if len(found) == len(missing) else None


def _probe_round(
    execution: Execution, target: Target, request: ProbeRequest, server_ids: Sequence[str]
) -> dict[str, Probe]:
    found: dict[str, Probe] = {}
    began = clock.now()
    for server_id in server_ids:
        if found and clock.now() - began > ROUND_SECONDS:
            break
        try:
            found[server_id] = _probe(execution, target, request, server_id)
        except Transient as error:
            if not found:
                raise
            logger.warning("round of probes cut short", extra={"error": type(error).__name__, "reason": error.message})
            break
    return found


def _probe(execution: Execution, target: Target, request: ProbeRequest, server_id: str) -> Probe:
    probe = Probe()
    try:
        if server_id in request.configurations:
            probe = _read_configuration(execution, target, server_id)
        if probe.problem or server_id not in request.snapshots:
            return probe
        snapshot = drs.find_newest_snapshot(target, server_id, execution.run.point_in_time)
    except DrsRefused as error:
        return Probe(problem=f"DRS refuses to show it: {error.message}" if _is_known(target, server_id) else GONE)
    if snapshot is None:
        return replace(probe, has_snapshot=False)
    return replace(probe, has_snapshot=True, snapshot_id=snapshot.snapshot_id, snapshot_at=snapshot.taken_at)


def _read_configuration(execution: Execution, target: Target, server_id: str) -> Probe:
    try:
        configuration = drs.get_launch_configuration(target, server_id)
    except DrsRefused:
        return Probe(has_launch_configuration=False) if _is_known(target, server_id) else Probe(problem=GONE)
    documents = None
    if configuration.runs_actions and execution.run.mode is Mode.READINESS:
        documents = _read_documents(target, server_id)
    return Probe(
        has_launch_configuration=True,
        launches_into=configuration.launches_into,
        configuration=configuration,
        documents=documents,
    )


def _read_documents(target: Target, server_id: str) -> tuple[LaunchDocument, ...] | None:
    """Those of its launch actions; None if DRS refuses to list them."""
    try:
        return tuple(drs.list_launch_documents(target, server_id))
    except (DrsRefused, TargetAccessDenied) as error:
        logger.warning("launch actions not read", extra={"server": server_id, "reason": error.message})
        return None


def _is_known(target: Target, server_id: str) -> bool:
    return bool(drs.describe_source_servers(target, [server_id]))
