"""Operations of instance types, and of where they are offered."""

from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.ec2.describing import describe
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.ec2.instance_types import find_type, usual_types
from drs_emulator.world.ec2.capacity import all_zones, zones_of


@operation("DescribeInstanceTypes", "ec2")
def describe_instance_types(call: Call) -> dict[str, Any]:
    """Of the asked types, or of the usual ones."""
    asked: list[str] = call.input.get("InstanceTypes") or list(usual_types())
    if len(asked) > 100 and call.input.get("InstanceTypes"):
        raise Refused("InvalidParameterValue", "There can be 100 instance types")
    found = [
        each.to_api() for name in dict.fromkeys(asked) if (each := find_type(name)) and zones_of(call.target, name)
    ]
    if call.input.get("InstanceTypes") and len(found) < len(set(asked)):
        missing = sorted(set(asked) - {each["InstanceType"] for each in found})
        raise Refused("InvalidInstanceType", f"The following supplied instance types do not exist: [{missing[0]}]")
    return describe(call, "InstanceTypeInfo", found, lambda each: str(each["InstanceType"]), "InstanceTypes")


@operation("DescribeInstanceTypeOfferings", "ec2")
def describe_instance_type_offerings(call: Call) -> dict[str, Any]:
    """By Region, which is the default, or by zone."""
    location = call.input.get("LocationType", "region")
    region, names = call.target.key.region, {*usual_types(), *call.target.ec2.offerings}
    for each in call.input.get("Filters") or []:
        if each.get("Name") == "instance-type":  # a type beyond the usual ones is offered too
            names |= {name for name in each.get("Values") or [] if find_type(name)}
    if location not in ("region", "availability-zone"):
        raise Refused("InvalidParameterValue", f"The location type {location} is not built")
    everywhere = all_zones(call.target)
    offered = []
    for name in sorted(names):
        zones = call.target.ec2.offerings.get(name, everywhere)
        places = zones if location == "availability-zone" else [region] if zones else []
        offered += [{"InstanceType": name, "LocationType": location, "Location": place} for place in places]
    return describe(
        call,
        "InstanceTypeOffering",
        offered,
        lambda each: f"{each['InstanceType']} {each['Location']}",
        "InstanceTypeOfferings",
    )
