"""Operations that describe the resources of a network, one for each kind, and tags."""

import re
from collections.abc import Callable
from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.ec2.describing import describe, refuse_unknown
from drs_emulator.operations.ec2.instances import describe_interfaces
from drs_emulator.operations.registry import Call, Handler, operation
from drs_emulator.records.ec2.launch_template import LaunchTemplate
from drs_emulator.records.ec2.resources import KINDS, Kind, Values
from drs_emulator.world.ec2.capacity import all_zones, available_in
from drs_emulator.world.ec2.networks import count_free, resources_of
from drs_emulator.world.target import Target

MAX_TAGS = 50


def _show_subnet(target: Target, subnet: Values) -> Values:
    arn = f"arn:aws:ec2:{target.key.region}:{target.key.account}:subnet/{subnet['SubnetId']}"
    return subnet | {"AvailableIpAddressCount": count_free(target, subnet), "SubnetArn": arn}


def _show_reservation(target: Target, reservation: Values) -> Values:
    left = available_in(target, reservation) if reservation["State"] == "active" else 0
    return reservation | {"AvailableInstanceCount": left}


SHOWN: dict[str, Callable[[Target, Values], Values]] = {
    "Subnet": _show_subnet,
    "CapacityReservation": _show_reservation,
}


# What is described beside the resources that were added.
MORE: dict[str, Callable[[Target], dict[str, Values]]] = {"NetworkInterface": describe_interfaces}


def show(target: Target, kind: str, resource: Values) -> Values:
    """Return a resource with what follows from the rest of the state."""
    return SHOWN[kind](target, resource) if kind in SHOWN else resource


def _describe_kind(name: str, kind: Kind) -> Handler:
    what = re.sub(r"(?<!^)([A-Z])", r" \1", name).lower()

    def describe_kind(call: Call) -> dict[str, Any]:
        known = resources_of(call.target, name) | (MORE[name](call.target) if name in MORE else {})
        asked = call.input.get(kind.ids) or list(known)
        refuse_unknown(asked, known, kind.unknown, what)
        found = [show(call.target, name, known[each]) for each in dict.fromkeys(asked)]
        for other, member in (("GroupNames", "GroupName"), ("PublicIps", "PublicIp")):
            if names := call.input.get(other):
                found = [each for each in found if each.get(member) in names]
        return describe(call, name, found, lambda each: str(each[kind.id]), kind.answer)

    return describe_kind


for _name, _kind in KINDS.items():
    operation(_kind.operation, "ec2")(_describe_kind(_name, _kind))


@operation("DescribeAvailabilityZones", "ec2")
def describe_availability_zones(call: Call) -> dict[str, Any]:
    region = call.target.key.region
    zones = [
        {"ZoneName": zone, "ZoneId": f"{region}-az{number}", "RegionName": region, "State": "available"}
        | {"ZoneType": "availability-zone", "OptInStatus": "opt-in-not-required"}
        for number, zone in enumerate(all_zones(call.target), 1)
    ]
    asked = call.input.get("ZoneNames") or [each["ZoneName"] for each in zones]
    return describe(
        call,
        "AvailabilityZone",
        [each for each in zones if each["ZoneName"] in asked],
        lambda each: str(each["ZoneName"]),
        "AvailabilityZones",
    )


def knows_tagged(target: Target, resource_id: str) -> bool:
    """Return whether the tags of a resource are kept here. Those of instances are EC2's behind the emulator."""
    return resource_id in target.ec2.templates or any(resource_id in resources_of(target, kind) for kind in KINDS)


def _change_tags(call: Call, change: Callable[[dict[str, str]], dict[str, str]]) -> dict[str, Any]:
    """Change the tags of all resources of the call, or of none. Raise Refused."""
    target = call.target
    changed: list[tuple[LaunchTemplate | Values, dict[str, str]]] = []
    for resource_id in call.input["Resources"]:
        if template := target.ec2.templates.get(resource_id):
            changed.append((template, change(dict(template.tags))))
            continue
        found = next((kind for kind in KINDS if resource_id in resources_of(target, kind)), None)
        if found is None:
            raise Refused("InvalidID", f"The ID '{resource_id}' is not valid")
        resource = resources_of(target, found)[resource_id]
        changed.append((resource, change({tag["Key"]: tag["Value"] for tag in resource.get("Tags", [])})))
    if any(len(tags) > MAX_TAGS for _, tags in changed):
        raise Refused("TagLimitExceeded", "More than 50 tags specified")
    for owner, tags in changed:
        if isinstance(owner, dict):
            owner["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        else:
            owner.tags = tags
    return {}


@operation("CreateTags", "ec2")
def create_tags(call: Call) -> dict[str, Any]:
    added = {tag["Key"]: tag.get("Value", "") for tag in call.input["Tags"]}
    if any(key.startswith("aws:") for key in added):
        raise Refused("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    return _change_tags(call, lambda tags: tags | added)


@operation("DeleteTags", "ec2")
def delete_tags(call: Call) -> dict[str, Any]:
    """Without tags, delete all of them. A tag with a value is deleted only if it has that value."""
    asked = call.input.get("Tags")

    def remove(tags: dict[str, str]) -> dict[str, str]:
        if not asked:
            return {}
        gone = {tag["Key"] for tag in asked if tag.get("Value") in (None, tags.get(tag["Key"]))}
        return {key: value for key, value in tags.items() if key not in gone}

    return _change_tags(call, remove)
