"""Isolation of a drill: proves it for the places that launch profiles launch servers into, before anything starts.

The profile of a server says whether it requires isolation. A drill that cannot prove it is refused. Readiness runs have
`recovery.launch_checks.isolation` for that, which looks at every server.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import Execution, Mode
from recovery.domain.findings.codes import Code
from recovery.domain.isolation.verdicts import SKIPPED, Place, find_refusal, list_places
from recovery.domain.launch_profiles.profiles import Isolation, LaunchProfile, ProfileOption, choose_profile
from recovery.domain.launch_profiles.settings import LaunchPlace, LaunchSettings, read_place
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused, build_wanted
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
from recovery.target_services import launch_templates, networks
from recovery.wording import plural


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
    places = _find_places(target, profiled, launchable, probes)
    vpcs = _find_source_vpcs(target, [launchable[each] for each in profiled])
    proven = prove(target, {place for each in places.values() for place in each}, vpcs)
    verdicts = [proven[each].to_item() for each in sorted(proven)]
    findings.record(execution.execution_id, target, (), verdicts, source_vpcs=vpcs)
    reasons = {}
    for server_id, server in profiled.items():
        if skips and server.isolation.refuses:
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
    """The servers whose profile asks for a proof. `choose_profile` says which one counts."""
    found: dict[str, _Profiled] = {}
    for selection in selections:
        for server_id, server in selection.servers.items():
            if server_id in found or server_id not in launchable or server.problem:
                continue
            profile = choose_profile((groups[each].profiles for each in server.groups), server_id, RunMode.DRILL)
            if profile and profile.isolation:
                found[server_id] = _Profiled(profile.isolation, LaunchProfile() if skips else profile)
    return found


def _find_source_vpcs(target: Target, servers: Sequence[SourceServer]) -> list[str]:
    """The VPCs of the sources that DRS knows of; one call for 100 source networks, none without."""
    ids = sorted({server.source_network_id for server in servers if server.source_network_id})
    return sorted(set(drs.get_source_vpcs(target, ids).values())) if ids else []


# --- places -----------------------------------------------------------------------------------------------------
def _find_places(
    target: Target,
    profiled: Mapping[str, _Profiled],
    servers: Mapping[str, SourceServer],
    probes: Mapping[str, Probe],
) -> dict[str, frozenset[Place]]:
    """Where each server may be launched: into every subnet of its profile, or else where its settings say.

    Servers are left out of which that is known at their start only.
    """
    places = {
        server_id: Place.list_for(server.profile.subnets.values(), server.profile.security_groups)
        for server_id, server in profiled.items()
        if _says_all(server.profile)
    }
    rest = {each: server.profile for each, server in profiled.items() if each not in places and each in probes}
    return places | (_read_places(target, rest, servers, probes) if rest else {})


def _says_all(profile: LaunchProfile) -> bool:
    return bool(profile.subnets and profile.security_groups)


def _read_places(
    target: Target,
    profiles: Mapping[str, LaunchProfile],
    servers: Mapping[str, SourceServer],
    probes: Mapping[str, Probe],
) -> dict[str, frozenset[Place]]:
    """Where settings that these profiles have changed launch the servers whose launch configurations are known."""
    configurations = {server_id: probes[server_id].configuration for server_id in profiles}
    template_ids = {each.template_id for each in configurations.values() if each and each.template_id}
    try:
        versions = launch_templates.get_default_versions(target, template_ids)
        subnets = networks.describe_subnets(
            target, {each for one in profiles.values() for each in one.subnets.values()}
        )
    except (TargetAccessDenied, TargetRefused):
        return {server_id: Place.list_for((), ()) for server_id in profiles}  # the proof says what EC2 does not show
    places = {}
    for server_id, profile in profiles.items():
        configuration = configurations[server_id]
        if configuration is None:
            continue
        version = versions.get(configuration.template_id or "")
        place = LaunchPlace()
        if version:
            now = LaunchSettings(configuration, version.number, version.data)
            server = ProfiledServer(server_id, servers[server_id].source_address)
            try:
                place = read_place(configuration, build_wanted(profile, now, server, subnets).data, None)
            except ProfileRefused:
                continue  # its start refuses it, too
        places[server_id] = list_places(profile.subnets.values(), place)
    return places
