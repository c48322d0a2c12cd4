"""Isolation of a drill: proves it for the places that launch profiles launch servers into, before anything starts.

The profile of a server says whether it requires isolation. A drill that cannot prove it is refused. Readiness runs have
`recovery.launch_checks.isolation` for that, which looks at every server.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import Execution, Mode
from recovery.domain.findings.codes import Code
from recovery.domain.isolation.verdicts import Place, find_refusal
from recovery.domain.launch_profiles.profiles import Isolation, LaunchProfile, ProfileOption
from recovery.domain.launch_profiles.settings import LaunchPlace, read_place
from recovery.domain.plan import ProtectionGroup
from recovery.domain.readiness import Probe, Readiness, Reason
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import client as drs
from recovery.errors import TargetAccessDenied
from recovery.isolation.prove import prove
from recovery.runs.inspection.selection import WaveSelection
from recovery.store.launches import findings
from recovery.target_errors import TargetRefused
from recovery.target_services import launch_templates
from recovery.wording import plural

SKIPPED = "its launch profile requires an isolated drill, and the run does not apply launch profiles"


@dataclass(frozen=True, slots=True)
class IsolationFindings:
    """Why servers must not be drilled, by server id."""

    reasons: Mapping[str, str] = field(default_factory=dict)

    def list_reasons(self, server_id: str) -> tuple[Reason, ...]:
        """What its network says against a server."""
        reason = self.reasons.get(server_id)
        return (Reason(Readiness.BLOCKED, Code.ISOLATION_UNMET, reason),) if reason else ()

    def refuse(self, server_ids: Collection[str]) -> tuple[str, ...]:
        """Why a drill with these servers is refused, whatever share of them may fail; nothing if it is not."""
        counts: dict[str, int] = {}
        for server_id in server_ids:
            if reason := self.reasons.get(server_id):
                counts[reason] = counts.get(reason, 0) + 1
        return tuple(f"{plural(count, 'server')} must not be drilled: {reason}" for reason, count in counts.items())


@dataclass(frozen=True, slots=True)
class _Profiled:
    """A server whose profile asks for a proof. `profile` has the settings that are applied: none if it is skipped."""

    isolation: Isolation
    profile: LaunchProfile


def check_isolation(
    execution: Execution,
    target: Target,
    groups: Mapping[str, ProtectionGroup],
    selections: Iterable[WaveSelection],
    launchable: Mapping[str, SourceServer],
    probes: Mapping[str, Probe],
) -> IsolationFindings:
    """Prove isolation for the servers that a drill would launch, record it, and return what follows from it.

    `probes` have the launch configurations of servers; the others are judged at their starts. Nothing is read if no
    profile asks for it. Raise errors that are transient, and what DRS raises.
    """
    run = execution.run
    if run.mode is not Mode.DRILL:
        return IsolationFindings()
    skips = run.profiles is ProfileOption.SKIP
    profiled = _find_profiled(groups, selections, launchable, skips=skips)
    if not profiled:
        return IsolationFindings()
    places = _find_places(target, profiled, probes)
    vpcs = _find_source_vpcs(target, [launchable[each] for each in profiled])
    proven = prove(target, {place for each in places.values() for place in each}, vpcs)
    findings.record(execution.execution_id, target, (), [proven[each].to_item() for each in sorted(proven)])
    reasons = {}
    for server_id, server in profiled.items():
        if skips and server.isolation is not Isolation.REPORTED:
            reasons[server_id] = SKIPPED
        elif server_id in places and (why := find_refusal(server.isolation, places[server_id], proven)):
            reasons[server_id] = why
    return IsolationFindings(reasons)


def _find_profiled(
    groups: Mapping[str, ProtectionGroup],
    selections: Iterable[WaveSelection],
    launchable: Mapping[str, SourceServer],
    *,
    skips: bool,
) -> dict[str, _Profiled]:
    """The servers whose profile asks for a proof. The first group of the wave that has a profile counts."""
    found: dict[str, _Profiled] = {}
    for selection in selections:
        for server_id, server in selection.servers.items():
            if server_id in found or server_id not in launchable or server.problem:
                continue
            profiles = (groups[each].profiles.find(server_id, RunMode.DRILL) for each in server.groups)
            profile = next((each for each in profiles if each), None)
            if profile and profile.isolation:
                found[server_id] = _Profiled(profile.isolation, LaunchProfile() if skips else profile)
    return found


def _find_source_vpcs(target: Target, servers: Sequence[SourceServer]) -> list[str]:
    """The VPCs of the sources that DRS knows of; one call for 100 source networks, none without."""
    networks = {server.source_network_id for server in servers if server.source_network_id}
    return sorted(set(drs.get_source_vpcs(target, sorted(networks)).values())) if networks else []


# --- places -----------------------------------------------------------------------------------------------------
def _find_places(
    target: Target, profiled: Mapping[str, _Profiled], probes: Mapping[str, Probe]
) -> dict[str, frozenset[Place]]:
    """Where each server may be launched: into every subnet of its profile, or else where its settings say.

    Servers are left out of which that is known at their start only.
    """
    unsaid = {
        server_id: probes[server_id].configuration
        for server_id, server in profiled.items()
        if server_id in probes and not _says_all(server.profile)
    }
    now = _read_places(target, unsaid) if unsaid else {}
    places = {}
    for server_id, server in profiled.items():
        place = now.get(server_id)
        if place is None and not _says_all(server.profile):
            continue
        subnets = tuple(server.profile.subnets.values()) or (place.subnet_ids if place else ())
        groups = server.profile.security_groups or (place.security_groups if place else ())
        places[server_id] = Place.list_for(subnets, groups)
    return places


def _says_all(profile: LaunchProfile) -> bool:
    return bool(profile.subnets and profile.security_groups)


def _read_places(target: Target, configurations: Mapping[str, LaunchConfiguration | None]) -> dict[str, LaunchPlace]:
    """Where the launch templates of servers with these configurations launch them now."""
    try:
        templates = launch_templates.list_default_versions(target)
    except (TargetAccessDenied, TargetRefused):
        return {each: LaunchPlace() for each in configurations}  # the proof says what EC2 does not show
    found = {}
    for server_id, configuration in configurations.items():
        if configuration is not None:
            version = templates.get(configuration.template_id or "")
            place = read_place(configuration, version.data, None) if version else LaunchPlace()
            found[server_id] = place if place.is_said else replace(place, subnet_ids=())
    return found
