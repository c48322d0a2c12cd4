"""Isolation of a drill: proves it for the places that launch profiles launch servers into, before anything starts.

The profile of a server says whether it requires isolation. A drill that cannot prove it is refused. A readiness run
says so of the drill, which is no reason against a recovery.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.execution import Execution, Mode
from recovery.domain.isolation.verdicts import IsolationVerdict, Place, find_refusal
from recovery.domain.launch_profiles.profiles import Isolation, LaunchProfile, ProfileOption
from recovery.domain.launch_profiles.settings import LaunchPlace, read_place
from recovery.domain.plan import ProtectionGroup
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import calls
from recovery.drs import client as drs
from recovery.errors import DrsRefused, TargetAccessDenied
from recovery.isolation.prove import prove
from recovery.runs.inspection.selection import WaveSelection
from recovery.settings import settings
from recovery.store.launches import findings
from recovery.target_errors import TargetRefused
from recovery.target_services import launch_templates
from recovery.wording import plural

# How long an inspection may read launch settings of servers whose profiles do not say where they land: those of 200
# servers at 10 calls a second. The others are judged at their starts, when their settings are known.
SETTINGS_SECONDS = 20

SKIPPED = "its launch profile requires an isolated drill, and the run does not apply launch profiles"


@dataclass(frozen=True, slots=True)
class IsolationFindings:
    """Why servers must not be drilled, by server id, and the verdicts on their places.

    With `only_warns`, the run launches nothing, and the reasons are warnings about a drill.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    verdicts: tuple[IsolationVerdict, ...] = ()
    only_warns: bool = False

    def add_to(self, verdict: ServerVerdict, server_id: str) -> ServerVerdict:
        """The verdict on a server with what its network adds to it."""
        reason = self.reasons.get(server_id)
        if reason is None:
            return verdict
        if not self.only_warns:
            return ServerVerdict(Readiness.BLOCKED, (reason, *verdict.reasons))
        worst = Readiness.WARN if verdict.readiness is Readiness.READY else verdict.readiness
        return ServerVerdict(worst, (*verdict.reasons, f"a drill would be refused: {reason}"))

    def refuse(self, server_ids: Collection[str]) -> tuple[str, ...]:
        """Why a drill with these servers is refused, whatever share of them may fail; nothing if it is not."""
        return () if self.only_warns else self._describe(server_ids)

    def note(self, server_ids: Collection[str]) -> tuple[str, ...]:
        """What a run that launches nothing says of a drill with these servers."""
        return tuple(f"a drill would be refused: {each}" for each in self._describe(server_ids) if self.only_warns)

    def _describe(self, server_ids: Collection[str]) -> tuple[str, ...]:
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
) -> IsolationFindings:
    """Prove isolation for the servers that a drill would launch, record it, and return what follows from it.

    Nothing is read if no profile asks for it. Raise errors that are transient, and what DRS raises.
    """
    run = execution.run
    if run.mode is Mode.RECOVERY:
        return IsolationFindings()
    skips = run.profiles is ProfileOption.SKIP
    profiled = _find_profiled(groups, selections, launchable, skips=skips)
    if not profiled:
        return IsolationFindings()
    places = _find_places(target, profiled)
    vpcs = _find_source_vpcs(target, [launchable[each] for each in profiled])
    proven = prove(target, {place for each in places.values() for place in each}, vpcs)
    verdicts = tuple(proven[place] for place in sorted(proven))
    findings.record(execution.execution_id, target, (), [each.to_item() for each in verdicts], part="isolation")
    reasons = {}
    for server_id, server in profiled.items():
        if skips and server.isolation is not Isolation.REPORTED:
            reasons[server_id] = SKIPPED
        elif server_id in places and (why := find_refusal(server.isolation, places[server_id], proven)):
            reasons[server_id] = why
    return IsolationFindings(reasons, verdicts, only_warns=run.mode is Mode.READINESS)


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
def _find_places(target: Target, profiled: Mapping[str, _Profiled]) -> dict[str, frozenset[Place]]:
    """Where each server may be launched: into every subnet of its profile, or else where its settings say.

    Servers are left out of which that is known at their start only.
    """
    unsaid = [each for each, server in profiled.items() if not _says_all(server.profile)]
    now = _read_settings(target, unsaid) if unsaid else {}
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


def _read_settings(target: Target, server_ids: Sequence[str]) -> dict[str, LaunchPlace]:
    """Where the launch templates of the servers launch them now, of as many as there is time for."""
    try:
        templates = launch_templates.list_default_versions(target)
    except (TargetAccessDenied, TargetRefused):
        return {each: LaunchPlace() for each in server_ids}  # the proof says what EC2 does not show
    found = {}
    with calls.many_reads(target):
        for server_id in server_ids[: SETTINGS_SECONDS * settings().calls_per_second]:
            try:
                configuration = drs.get_launch_configuration(target, server_id)
            except DrsRefused:
                continue  # it is blocked, because DRS does not launch it either
            version = templates.get(configuration.template_id or "")
            place = read_place(configuration, version.data, None) if version else LaunchPlace()
            found[server_id] = place if place.is_said else replace(place, subnet_ids=())
    return found
