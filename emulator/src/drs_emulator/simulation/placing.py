"""Decides where a server is launched: the default version of its launch template, changed by its launch configuration.

What EC2 would refuse is refused here, in the order in which one error hides another: the template, the subnet, the
security groups, the type, the profile, the key, the address, the quota of vCPUs. The order is an assumption.
"""

import ipaddress
from dataclasses import dataclass

from drs_emulator.ids import digest, new_id
from drs_emulator.records.ec2.instance_types import find_type
from drs_emulator.records.ec2.launch_template import LaunchTemplate, TemplateVersion, Values
from drs_emulator.records.ec2.placement import Placement
from drs_emulator.records.source_server import SourceServer
from drs_emulator.target_key import TargetKey
from drs_emulator.world.ec2.capacity import exceeds_quota, quota_of, vcpu_quota, zones_of
from drs_emulator.world.ec2.launch_templates import make_templates
from drs_emulator.world.ec2.networks import (
    cidr_of,
    count_free,
    default_subnet,
    find_address,
    is_reserved,
    is_used,
    place,
    resources_of,
)
from drs_emulator.world.launch_errors import LaunchRefused
from drs_emulator.world.target import Target
from drs_emulator.world.world import World

DEFAULT_PROFILE = "AWSElasticDisasterRecoveryRecoveryInstanceWithLaunchActionsRole"
EC2_DEFAULT_TYPE = "m1.small"  # of RunInstances
IAM_REGION = "us-east-1"  # IAM is global; its calls are signed for this Region


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that is to be placed. `name` is that of its placement until EC2 has given it an instance id."""

    world: World
    target: Target
    server: SourceServer
    name: str
    now: float


def place_launch(launch: Launch) -> Placement:
    """Record where the server will run, and take its address. Raise LaunchRefused.

    A launch that was placed before a restart stays where it is.
    """
    target, server = launch.target, launch.server
    if known := target.ec2.placements.get(launch.name):
        return known
    template, version = _read_template(launch)
    data = version.data
    interface: Values = next((each for each in data.get("NetworkInterfaces", []) if not each.get("DeviceIndex")), {})
    wanted = server.machine.ip if server.launch.copies_private_ip else str(interface.get("PrivateIpAddress", ""))
    subnet = _find_subnet(target, interface, wanted)
    groups = _find_groups(target, data, interface, subnet)
    instance_type = (
        server.instance_type if server.launch.right_sizes else str(data.get("InstanceType", EC2_DEFAULT_TYPE))
    )
    _check_type(target, instance_type, subnet)
    profile = _find_profile(launch, data)
    key_name = str(data.get("KeyName", ""))
    if key_name and key_name not in resources_of(target, "KeyPairInfo"):
        raise LaunchRefused("InvalidKeyPair.NotFound", key_name)
    address = _find_address(launch, subnet, wanted, is_chosen="SubnetId" in interface)
    zone = str(subnet["AvailabilityZone"])
    if exceeds_quota(target, instance_type, zone):
        raise LaunchRefused("VcpuLimitExceeded", round(vcpu_quota(target, quota_of(instance_type))))
    placement = Placement(
        str(subnet["SubnetId"]),
        str(subnet["VpcId"]),
        zone,
        instance_type,
        address,
        groups,
        profile,
        key_name,
        public_ip=_choose_public_ip(interface, subnet, address),
        is_profile_chosen="IamInstanceProfile" in data,
        runs=server.launch.starts,
        template_id=template.id,
        template_version=version.number,
        launched_at=launch.now,
        tags=_read_tags(data),
    )
    place(target, launch.name, placement)
    return placement


def _read_template(launch: Launch) -> tuple[LaunchTemplate, TemplateVersion]:
    target, behaviour = launch.target, launch.world.settings.behaviour
    settings = launch.server.launch
    template = target.ec2.templates.get(settings.ec2_template_id)
    if template is None and behaviour.deleted_template == "recreated":
        settings.ec2_template_id = new_id("lt-")
        make_templates(target, [launch.server])
        template = target.ec2.templates[settings.ec2_template_id]
    if template is None:
        raise LaunchRefused("InvalidLaunchTemplateId.NotFound", settings.ec2_template_id)
    number = template.default_at(launch.now - behaviour.template_delay_seconds)
    if number not in template.versions:
        raise LaunchRefused("InvalidLaunchTemplateId.VersionNotFound", template.id, number)
    return template, template.versions[number]


def _find_subnet(target: Target, interface: Values, wanted: str) -> Values:
    if subnet_id := interface.get("SubnetId"):
        found = resources_of(target, "Subnet").get(str(subnet_id))
        if found is None:
            raise LaunchRefused("InvalidSubnetID.NotFound", subnet_id)
        return found
    found = default_subnet(target, wanted)
    if found is None:
        raise LaunchRefused("VPCIdNotSpecified")
    return found


def _find_groups(target: Target, data: Values, interface: Values, subnet: Values) -> list[str]:
    """Return the ids of the security groups; without any, that of the default group of the VPC."""
    known = resources_of(target, "SecurityGroup")
    of_instance = [*data.get("SecurityGroupIds", []), *data.get("SecurityGroups", [])]
    if of_instance and "SubnetId" in interface:
        raise LaunchRefused("InvalidParameterCombination")
    in_vpc = {str(each["GroupName"]): name for name, each in known.items() if each.get("VpcId") == subnet["VpcId"]}
    asked = [in_vpc.get(str(each), str(each)) for each in interface.get("Groups") or of_instance]
    for each in asked:
        if each not in known:
            raise LaunchRefused("InvalidGroup.NotFound", each)
        if known[each].get("VpcId") != subnet["VpcId"]:
            raise LaunchRefused("InvalidParameter", each, subnet["SubnetId"])
    return asked or [in_vpc[name] for name in ("default",) if name in in_vpc]


def _check_type(target: Target, instance_type: str, subnet: Values) -> None:
    if find_type(instance_type) is None:
        raise LaunchRefused("type", instance_type)
    zone, zones = subnet["AvailabilityZone"], zones_of(target, instance_type)
    if zone not in zones:
        raise LaunchRefused("Unsupported", instance_type, zone, ", ".join(zones))


def profiles_of(world: World, account: str) -> set[str]:
    """Return the names of the instance profiles of an account, which are the same in all Regions."""
    home = world.targets.get(TargetKey(account, IAM_REGION))
    return {DEFAULT_PROFILE} | (home.ec2.profiles if home else set())


def _find_profile(launch: Launch, data: Values) -> str:
    """Return the ARN of the profile. With an engine, which has IAM, the engine says whether it exists."""
    sent = data.get("IamInstanceProfile") or {}
    name = str(sent.get("Name") or str(sent.get("Arn", "")).rsplit("/", 1)[-1]) or DEFAULT_PROFILE
    account = launch.target.key.account
    if launch.world.forwarder is None and name not in profiles_of(launch.world, account):
        raise LaunchRefused("profile", name)
    return f"arn:aws:iam::{account}:instance-profile/{name}"


def _find_address(launch: Launch, subnet: Values, wanted: str, *, is_chosen: bool) -> str:
    target = launch.target
    if not wanted:
        if not count_free(target, subnet):
            raise LaunchRefused("InsufficientFreeAddressesInSubnet", subnet["SubnetId"])
        return find_address(target, subnet, launch.name)
    if ipaddress.ip_address(wanted) not in cidr_of(subnet):
        if is_chosen or launch.world.settings.behaviour.address_outside == "refused":
            raise LaunchRefused("address", wanted)
        return wanted
    if is_reserved(subnet, wanted):
        raise LaunchRefused("reserved", wanted)
    if is_used(target, str(subnet["SubnetId"]), wanted):
        raise LaunchRefused("InvalidIPAddress.InUse", wanted)
    return wanted


def _choose_public_ip(interface: Values, subnet: Values, address: str) -> str:
    """Return a public address if the template asks for one, or else the subnet does. It is none that is routed."""
    if not interface.get("AssociatePublicIpAddress", subnet.get("MapPublicIpOnLaunch")):
        return ""
    number = int(digest(subnet["SubnetId"], address)[:4], 16)
    return f"198.18.{number >> 8}.{number & 255}"


def _read_tags(data: Values) -> dict[str, str]:
    specified = (each for each in data.get("TagSpecifications", []) if each.get("ResourceType") == "instance")
    return {tag["Key"]: tag.get("Value", "") for each in specified for tag in each.get("Tags", [])}
