"""What the launch settings of a server have to be for its launch profile."""

import copy
import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.launch_profiles.profiles import KEEP, RELEASE, LaunchProfile
from recovery.domain.launch_profiles.settings import LaunchSettings, TemplateData
from recovery.domain.launch_profiles.subnets import Subnet

# The members of UpdateLaunchConfiguration (botocore's drs model) that a profile sets, and what the shape calls them.
CONFIGURATION_MEMBERS: Mapping[str, str] = {
    "copyPrivateIp": "copies_private_ip",
    "targetInstanceTypeRightSizingMethod": "right_sizing",
    "launchDisposition": "disposition",
    "recoveryMode": "recovery_mode",
}

NO_RIGHT_SIZING, RIGHT_SIZING = "NONE", "BASIC"


class ProfileRefused(Exception):
    """A profile does not suit a server. The message is for operators."""


@dataclass(frozen=True, slots=True)
class ProfiledServer:
    """A server that a profile is for. `launches_failed` counts its launches that failed for want of capacity."""

    server_id: str
    source_address: str | None = None
    launches_failed: int = 0


@dataclass(frozen=True, slots=True)
class WantedSettings:
    """The settings that a profile asks for.

    `configuration` has the members of the launch configuration that have to change, by their names in DRS. `data` is
    the whole data of the launch template.
    """

    configuration: Mapping[str, Any] = field(default_factory=dict)
    data: TemplateData = field(default_factory=dict)

    def configure(self, now: LaunchConfiguration) -> LaunchConfiguration:
        """The launch configuration after the change."""
        return replace(now, **{CONFIGURATION_MEMBERS[name]: value for name, value in self.configuration.items()})


def build_wanted(
    profile: LaunchProfile, settings: LaunchSettings, server: ProfiledServer, subnets: Mapping[str, Subnet]
) -> WantedSettings:
    """The settings of the server after its profile. `subnets` are those of the profile that EC2 knows, by id.

    Raise ProfileRefused when a subnet does not exist, or when the address of the server is in none of them.
    """
    data = copy.deepcopy(dict(settings.data))
    address = choose_address(profile, server)
    copied = server.source_address if profile.private_ip == KEEP else None
    if profile.private_ip is None and not profile.private_ip_map and settings.configuration.copies_private_ip:
        copied = server.source_address
    subnet = choose_subnet(profile, subnets, server.server_id, address or copied)
    _place(data, profile, subnet, address)
    if profile.instance_types:
        data["InstanceType"] = choose_type(profile, server.launches_failed)
        data.pop("InstanceRequirements", None)
    if profile.instance_profile:
        data["IamInstanceProfile"] = {"Name": profile.instance_profile}
    if profile.tags:
        _tag(data, profile.tags)
    return WantedSettings(_change_configuration(profile, settings.configuration), data)


def _change_configuration(profile: LaunchProfile, now: LaunchConfiguration) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if profile.private_ip or profile.private_ip_map:
        wanted["copyPrivateIp"] = profile.private_ip == KEEP
    if profile.instance_types or profile.right_sizing is False:
        wanted["targetInstanceTypeRightSizingMethod"] = NO_RIGHT_SIZING
    elif profile.right_sizing and not now.right_sizes:
        wanted["targetInstanceTypeRightSizingMethod"] = RIGHT_SIZING
    if profile.disposition:
        wanted["launchDisposition"] = profile.disposition.value
    if profile.recovery_mode:
        wanted["recoveryMode"] = profile.recovery_mode.value
    return {member: value for member, value in wanted.items() if getattr(now, CONFIGURATION_MEMBERS[member]) != value}


def choose_type(profile: LaunchProfile, launches_failed: int) -> str:
    """The next type after each launch that failed for want of capacity; the last one of the list stays."""
    return profile.instance_types[min(launches_failed, len(profile.instance_types) - 1)]


def choose_address(profile: LaunchProfile, server: ProfiledServer) -> str | None:
    """The address that the template has to name; None if it names none. Raise ProfileRefused."""
    if profile.private_ip_map:
        return _map_address(profile.private_ip_map, server.source_address)
    return None if profile.private_ip in (None, KEEP, RELEASE) else profile.private_ip


def _map_address(ranges: Mapping[str, str], address: str | None) -> str:
    """The address with the same place in the other range. The ranges of a stored profile have equal sizes."""
    if address is None:
        raise ProfileRefused("DRS does not say which private address its source has, and privateIpMap needs it")
    for source, mapped in ranges.items():
        if ipaddress.ip_address(address) in ipaddress.ip_network(source):
            offset = int(ipaddress.ip_address(address)) - int(ipaddress.ip_network(source).network_address)
            return str(ipaddress.ip_network(mapped)[offset])
    raise ProfileRefused(f"the address {address} of its source is in no range of privateIpMap: {', '.join(ranges)}")


def choose_subnet(
    profile: LaunchProfile, subnets: Mapping[str, Subnet], server_id: str, address: str | None
) -> Subnet | None:
    """The subnet of the profile that has the address; without one, the servers spread over the zones. None if the
    profile has no subnets. Raise ProfileRefused.
    """
    if not profile.subnets:
        return None
    missing = [f"{subnet_id} of zone {zone}" for zone, subnet_id in profile.subnets.items() if subnet_id not in subnets]
    if missing:
        raise ProfileRefused(f"its launch profile names a subnet that does not exist: {', '.join(missing)}")
    known = [subnets[subnet_id] for _, subnet_id in sorted(profile.subnets.items())]
    if address is None:
        return known[int(hashlib.sha256(server_id.encode()).hexdigest()[:8], 16) % len(known)]
    found = next((subnet for subnet in known if subnet.contains(address)), None)
    if found is None:
        ranges = ", ".join(f"{subnet.subnet_id} ({subnet.cidr})" for subnet in known)
        raise ProfileRefused(f"its private address {address} is in no subnet of its launch profile: {ranges}")
    return found


def _place(data: dict[str, Any], profile: LaunchProfile, subnet: Subnet | None, address: str | None) -> None:
    """Change the network interfaces. With a subnet, all of them move there: one that stayed would be a way out."""
    changes_address = bool(profile.private_ip or profile.private_ip_map)
    if not (subnet or profile.security_groups or changes_address):
        return
    interfaces = data.get("NetworkInterfaces") or [{"DeviceIndex": 0}]
    interfaces.sort(key=lambda each: each.get("DeviceIndex") or 0)
    data["NetworkInterfaces"] = interfaces
    _set_groups(data, interfaces, profile)
    if subnet:
        _move(data, interfaces, subnet)
    if changes_address:
        _drop_addresses(interfaces)
    if address:
        interfaces[0]["PrivateIpAddress"] = address


def _set_groups(data: dict[str, Any], interfaces: list[dict[str, Any]], profile: LaunchProfile) -> None:
    """Give the interfaces the groups of the profile, or else those of the instance to interfaces without groups.

    EC2 takes security groups of the instance or of its interfaces, not both.
    """
    of_instance = data.pop("SecurityGroupIds", None) or ()
    if profile.security_groups:
        data.pop("SecurityGroups", None)
    groups = profile.security_groups or of_instance
    for interface in interfaces if groups else ():
        if profile.security_groups or not interface.get("Groups"):
            interface["Groups"] = list(groups)


def _move(data: dict[str, Any], interfaces: list[dict[str, Any]], subnet: Subnet) -> None:
    for interface in interfaces:
        interface["SubnetId"] = subnet.subnet_id
        interface.pop("NetworkInterfaceId", None)
    _drop_addresses(interfaces[1:])
    placement = data.get("Placement") or {}
    if placement.get("AvailabilityZone"):
        placement["AvailabilityZone"] = subnet.zone


def _drop_addresses(interfaces: list[dict[str, Any]]) -> None:
    for interface in interfaces:
        for member in ("PrivateIpAddress", "PrivateIpAddresses", "SecondaryPrivateIpAddressCount"):
            interface.pop(member, None)


def _tag(data: dict[str, Any], tags: Mapping[str, str]) -> None:
    """Add tags to those that the template gives to instances."""
    specifications = data.setdefault("TagSpecifications", [])
    of_instance = next((each for each in specifications if each.get("ResourceType") == "instance"), None)
    if of_instance is None:
        of_instance = {"ResourceType": "instance", "Tags": []}
        specifications.append(of_instance)
    kept = [tag for tag in of_instance.get("Tags") or () if tag["Key"] not in tags]
    of_instance["Tags"] = [*kept, *({"Key": key, "Value": value} for key, value in tags.items())]
