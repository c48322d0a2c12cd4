"""Works out how a run would launch each server: its settings after its launch profile."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.findings.facts import PlannedLaunch
from recovery.domain.launch_profiles.profiles import LaunchProfile
from recovery.domain.launch_profiles.settings import LaunchSettings, read_place
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused, WantedSettings, build_wanted
from recovery.domain.readiness import Probe
from recovery.domain.wave_steps.modes import RunMode
from recovery.target_services.launch_templates import TemplateVersion


@dataclass(frozen=True, slots=True)
class CheckedServers:
    """The servers of a plan in a target, by id: what DRS says of each, and the probe of each.

    `find_profile` finds the launch profile of a server in a kind of run. `replaces` are the recovery instances that
    DRS terminates when it launches a server again.
    """

    servers: Mapping[str, SourceServer]
    probes: Mapping[str, Probe]
    find_profile: Callable[[str, RunMode], LaunchProfile | None]
    replaces: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def template_ids(self) -> frozenset[str]:
        """The launch templates of the servers."""
        configurations = (probe.configuration for probe in self.probes.values())
        return frozenset(each.template_id for each in configurations if each and each.template_id)


def plan_launches(
    checked: CheckedServers, versions: Mapping[str, TemplateVersion], subnets: Mapping[str, Subnet] | None
) -> list[PlannedLaunch]:
    """The launches of the servers in drills and in recoveries; of servers without a launch configuration, none.

    `versions` are the default versions of templates that are known, `subnets` None if they are not.
    """
    return [
        launch
        for server_id in checked.servers
        for mode in RunMode
        for launch in _plan(checked, server_id, mode, versions, subnets)
    ]


def _plan(
    checked: CheckedServers,
    server_id: str,
    mode: RunMode,
    versions: Mapping[str, TemplateVersion],
    subnets: Mapping[str, Subnet] | None,
) -> Iterable[PlannedLaunch]:
    probe = checked.probes.get(server_id)
    if probe is None or probe.configuration is None:
        return
    machine, configuration = checked.servers[server_id].machine, probe.configuration
    profile = checked.find_profile(server_id, mode)
    launch = PlannedLaunch(
        server_id,
        mode,
        machine,
        configuration,
        replaces=checked.replaces.get(server_id, frozenset()),
        isolation=profile.isolation if profile else None,
        profile_subnets=tuple(profile.subnets.values()) if profile else (),
    )
    version = versions.get(configuration.template_id or "")
    if version is None:
        yield launch
        return
    wanted = WantedSettings({}, version.data)
    if profile and profile.changes_settings:
        known = subnets or {}
        if missing := tuple(sorted(set(profile.subnets.values()) - known.keys())):
            yield launch if subnets is None else replace(launch, missing_subnets=missing)
            return
        try:
            settings = LaunchSettings(configuration, version.number, version.data)
            wanted = build_wanted(profile, settings, ProfiledServer(server_id, machine.address), known)
        except ProfileRefused as error:
            yield replace(launch, refusal=str(error))
            return
    configured = wanted.configure(configuration)
    place = read_place(configured, wanted.data, machine.address)
    yield replace(launch, configuration=configured, data=wanted.data, place=place)
