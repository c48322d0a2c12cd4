"""DescribeInstances without an engine: the instances that DRS launched, and those that the control API added."""

import zlib
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.engine.ec2 import SimulatedEc2, SimulatedInstance
from drs_emulator.errors import Refused
from drs_emulator.ids import digest
from drs_emulator.operations.ec2.describing import filter_records, paginate, refuse_unknown
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.ec2.instance_types import find_type
from drs_emulator.records.ec2.placement import Placement
from drs_emulator.records.ec2.resources import Values
from drs_emulator.simulation.placing import DEFAULT_PROFILE
from drs_emulator.world.ec2.networks import default_subnet, resources_of
from drs_emulator.world.target import Target

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


@operation("DescribeInstances", "ec2")
def describe_instances(call: Call) -> dict[str, Any]:
    """One reservation for each instance, in order of id. Raise Refused."""
    ec2 = call.world.ec2
    if not isinstance(ec2, SimulatedEc2):
        raise Refused("InvalidAction", "the engine has the instances")
    filters: list[Values] = call.input.get("Filters") or []
    ids: list[str] = call.input.get("InstanceIds") or []
    asked = ids or _ids_of_filters(filters)
    known = ec2.all_of(call.target.key) if not asked else ec2.find(call.target.key, set(asked))
    if ids:
        refuse_unknown(ids, [each.id for each in known], "InvalidInstanceID.NotFound", "instance")
    shown = [describe_instance(call.target, each) for each in known]
    matching = list(filter_records("Instance", shown, filters))
    page = paginate(call, matching, lambda each: str(each["InstanceId"]), "Reservations")
    account = call.target.key.account
    return page | {
        "Reservations": [
            {"ReservationId": f"r-{each['InstanceId'][2:]}", "OwnerId": account, "Instances": [each]}
            for each in page["Reservations"]
        ]
    }


def _ids_of_filters(filters: list[Values]) -> list[str]:
    """Return the ids that a filter names, so that only those are described. An id with a wildcard is none."""
    named = [each.get("Values") or [] for each in filters if each.get("Name") == "instance-id"]
    return next((values for values in named if not any(set("*?") & set(each) for each in values)), [])


def describe_instance(target: Target, instance: SimulatedInstance) -> Values:
    placement = target.ec2.placements.get(instance.id) or _place_by_default(target, instance)
    known = resources_of(target, "SecurityGroup")
    names = {each: str(known[each]["GroupName"]) if each in known else each for each in placement.groups}
    groups = [{"GroupId": each, "GroupName": name} for each, name in names.items()]
    network = {"SubnetId": placement.subnet_id, "VpcId": placement.vpc_id, "PrivateIpAddress": instance.private_ip}
    profile = placement.profile or f"arn:aws:iam::{target.key.account}:instance-profile/{DEFAULT_PROFILE}"
    found = find_type(instance.type)
    described = {
        "InstanceId": instance.id,
        "State": {"Name": instance.state, "Code": STATE_CODES[instance.state]},
        "InstanceType": instance.type,
        "Architecture": found.architecture if found else "x86_64",
        "LaunchTime": iso(instance.launched_at),
        "Placement": {"AvailabilityZone": placement.zone, "Tenancy": "default"},
        **network,
        "SecurityGroups": groups,
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": _interface_id(instance.id),
                "Groups": groups,
                "Status": "in-use",
                "Attachment": {"DeviceIndex": 0, "Status": "attached"},
                **network,
            }
        ],
        "IamInstanceProfile": {"Arn": profile, "Id": f"AIPA{zlib.crc32(profile.encode()):017}"},
        "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()],
    }
    optional = {"KeyName": placement.key_name, "PublicIpAddress": placement.public_ip}
    return described | {name: value for name, value in optional.items() if value}


def describe_interfaces(target: Target) -> dict[str, Values]:
    """Return the network interfaces of the instances that launches have placed, by id."""
    placed = {each: found for each, found in target.ec2.placements.items() if each.startswith("i-")}
    return {
        _interface_id(instance_id): {
            "NetworkInterfaceId": _interface_id(instance_id),
            "InterfaceType": "interface",
            "Status": "in-use",
            "OwnerId": target.key.account,
            "Attachment": {"DeviceIndex": 0, "Status": "attached", "InstanceId": instance_id},
            "Groups": [{"GroupId": each} for each in found.groups],
            "SubnetId": found.subnet_id,
            "VpcId": found.vpc_id,
            "AvailabilityZone": found.zone,
            "PrivateIpAddress": found.private_ip,
            "PrivateIpAddresses": [{"PrivateIpAddress": found.private_ip, "Primary": True}],
        }
        for instance_id, found in placed.items()
    }


def _interface_id(instance_id: str) -> str:
    return f"eni-{digest(instance_id)[:17]}"


def _place_by_default(target: Target, instance: SimulatedInstance) -> Placement:
    """Return where an instance is shown that was not placed: one that a launch has overwritten."""
    subnet = default_subnet(target, instance.private_ip) or next(iter(resources_of(target, "Subnet").values()), {})
    groups = [
        name
        for name, each in resources_of(target, "SecurityGroup").items()
        if each["GroupName"] == "default" and each.get("VpcId") == subnet.get("VpcId")
    ]
    zone = str(subnet.get("AvailabilityZone", f"{target.key.region}a"))
    vpc, name = str(subnet.get("VpcId", "")), str(subnet.get("SubnetId", ""))
    return Placement(name, vpc, zone, instance.type, instance.private_ip, groups)
