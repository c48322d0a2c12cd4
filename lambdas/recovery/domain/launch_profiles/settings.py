"""The launch settings of a server: its launch configuration in DRS, and the default version of its launch template."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration

TemplateData = Mapping[str, Any]
"""The data of a version of a launch template (RequestLaunchTemplateData of botocore's ec2 model)."""


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    """How DRS launches a server now. `data` is that of `version`, the default one, of its launch template."""

    configuration: LaunchConfiguration
    version: int
    data: TemplateData


@dataclass(frozen=True, slots=True)
class LaunchPlace:
    """Where and as what settings launch a server; None where they leave it to DRS or EC2.

    `subnet_ids` are those of all network interfaces, that of the first one first; None if the first one names none.
    `interface_ids` are network interfaces that exist. `instance_type` is None if DRS chooses it or requirements do.
    `is_said` is whether the settings say in which subnets and groups all interfaces are.
    """

    subnet_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    interface_ids: tuple[str, ...] = ()
    instance_type: str | None = None
    address: str | None = None
    instance_profile: str | None = None
    key_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    is_said: bool = False


def read_place(configuration: LaunchConfiguration, data: TemplateData, source_address: str | None) -> LaunchPlace:
    """Where these settings launch a server whose primary address is `source_address`."""
    interfaces = sorted(data.get("NetworkInterfaces") or (), key=lambda each: each.get("DeviceIndex") or 0)
    first: Mapping[str, Any] = next(iter(interfaces), {})
    return LaunchPlace(
        subnet_ids=tuple(dict.fromkeys(each["SubnetId"] for each in interfaces if each.get("SubnetId"))),
        security_groups=_read_groups(interfaces, data),
        interface_ids=tuple(each["NetworkInterfaceId"] for each in interfaces if each.get("NetworkInterfaceId")),
        instance_type=None if configuration.right_sizes else data.get("InstanceType"),
        address=source_address if configuration.copies_private_ip else read_primary_address(first),
        instance_profile=_read_profile(data.get("IamInstanceProfile") or {}),
        key_name=data.get("KeyName"),
        tags=read_instance_tags(data),
        is_said=_says_where(interfaces, data),
    )


def read_primary_address(interface: Mapping[str, Any]) -> str | None:
    """The primary private address that a network interface of a template names; None if it names none."""
    listed = (each["PrivateIpAddress"] for each in interface.get("PrivateIpAddresses") or () if each.get("Primary"))
    return interface.get("PrivateIpAddress") or next(listed, None)


def _read_groups(interfaces: Sequence[Mapping[str, Any]], data: TemplateData) -> tuple[str, ...]:
    """The groups of all interfaces, each once, or else those of the instance."""
    of_interfaces = (group for each in interfaces for group in each.get("Groups") or ())
    return tuple(dict.fromkeys(of_interfaces)) or tuple(data.get("SecurityGroupIds") or ())


def _read_profile(profile: Mapping[str, Any]) -> str | None:
    """The name of an instance profile, which a template names or gives the ARN of."""
    return profile.get("Name") or str(profile.get("Arn") or "").rpartition("/")[2] or None


def _says_where(interfaces: Sequence[Mapping[str, Any]], data: TemplateData) -> bool:
    """Whether each interface names its subnet, and all of them their groups by id, or none does."""
    have_groups = {bool(each.get("Groups")) for each in interfaces}
    have_subnets = bool(interfaces) and all(each.get("SubnetId") for each in interfaces)
    return have_subnets and len(have_groups) == 1 and not data.get("SecurityGroups")


def read_instance_tags(data: TemplateData) -> dict[str, str]:
    """The tags that the template gives to instances."""
    specified = (each for each in data.get("TagSpecifications") or () if each.get("ResourceType") == "instance")
    return {tag["Key"]: tag.get("Value", "") for each in specified for tag in each.get("Tags") or ()}


def fingerprint(data: TemplateData) -> str:
    """A short text that two versions share only if their data are equal."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:32]
