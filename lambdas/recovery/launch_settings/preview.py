"""What launch profiles would change of servers' launch settings. It reads them and changes nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.launch_profiles.profiles import LaunchProfile
from recovery.domain.launch_profiles.settings import LaunchPlace, LaunchSettings, read_place
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import ProfiledServer, ProfileRefused, build_wanted
from recovery.domain.plan import ProtectionGroup
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import client as drs
from recovery.drs import fan_out
from recovery.errors import DrsWavesError
from recovery.target_services import launch_templates, networks


@dataclass(frozen=True, slots=True)
class ShownSettings:
    """How settings launch a server: where and as what, and what its launch configuration says besides."""

    place: LaunchPlace
    configuration: LaunchConfiguration


@dataclass(frozen=True, slots=True)
class SettingsPreview:
    """The settings of a server now, and after its profile.

    `wanted` is None for a server without a profile, or if `refused` says why the profile does not suit it. `now` is
    None too if `unread` says why the settings could not be read.
    """

    server_id: str
    hostname: str | None
    profile: LaunchProfile | None
    template_id: str | None = None
    version: int | None = None
    now: ShownSettings | None = None
    wanted: ShownSettings | None = None
    refused: str | None = None
    unread: str | None = None


def preview_settings(group: ProtectionGroup, mode: RunMode, server_ids: Collection[str]) -> list[SettingsPreview]:
    """The settings of these servers of the group, in their order, now and in such a run.

    Two calls for each server, one for the servers and one for the subnets of the profiles. Raise TargetAccessDenied,
    and errors that are transient.
    """
    target = group.target
    known = {each.server_id: each for each in drs.describe_source_servers(target, list(server_ids))}
    profiles = {server_id: group.profiles.find(server_id, mode) for server_id in server_ids}
    subnet_ids = {subnet_id for each in profiles.values() if each for subnet_id in each.subnets.values()}
    subnets = networks.describe_subnets(target, subnet_ids) if subnet_ids else {}
    read = fan_out.ask_all(known, lambda server_id: _read_settings(target, server_id))
    return [
        _preview_server(server_id, known.get(server_id), profiles[server_id], read.get(server_id), subnets)
        for server_id in server_ids
    ]


def list_tagged_servers(group: ProtectionGroup) -> list[str]:
    """The ids of the servers that carry every tag of the group, as DRS lists them now."""
    wanted = group.tags.items()
    return sorted(
        each.server_id for each in drs.describe_source_servers(group.target) if wanted <= dict(each.tags).items()
    )


def _read_settings(target: Target, server_id: str) -> LaunchSettings | str:
    """The settings of a server, or why there are none."""
    configuration = drs.get_launch_configuration(target, server_id)
    if configuration.template_id is None:
        return "DRS names no launch template for it"
    version = launch_templates.get_version(target, configuration.template_id)
    if version is None:
        return f"its launch template {configuration.template_id}, or the default version of it, does not exist"
    return LaunchSettings(configuration, version.number, version.data)


def _preview_server(
    server_id: str,
    server: SourceServer | None,
    profile: LaunchProfile | None,
    read: "LaunchSettings | str | DrsWavesError | None",
    subnets: Mapping[str, Subnet],
) -> SettingsPreview:
    preview = SettingsPreview(server_id, server.hostname if server else None, profile)
    if server is None:
        return replace(preview, unread="DRS does not know the server")
    if not isinstance(read, LaunchSettings):
        return replace(preview, unread=read.message if isinstance(read, DrsWavesError) else read)
    now = read.configuration
    shown = ShownSettings(read_place(now, read.data, server.source_address), now)
    preview = replace(preview, template_id=now.template_id, version=read.version, now=shown)
    if profile is None:
        return preview
    try:
        wanted = build_wanted(profile, read, ProfiledServer(server_id, server.source_address), subnets)
    except ProfileRefused as refusal:
        return replace(preview, refused=str(refusal))
    after = wanted.configure(now)
    return replace(preview, wanted=ShownSettings(read_place(after, wanted.data, server.source_address), after))
