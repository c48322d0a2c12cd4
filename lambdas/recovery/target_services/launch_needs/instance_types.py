"""Instance types of a Region, and the zones that offer them."""

import re
from collections.abc import Iterable, Sequence

from recovery.domain.findings.facts import InstanceKind
from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.known_ids import ask_in_parts
from recovery.target_services.permissions import Permission

# DescribeInstanceTypes takes at most 100 types (EC2's API reference).
MAX_TYPES = 100

UNKNOWN = "InvalidInstanceType"

_NAME = re.compile(r"\b[a-z][a-z0-9-]*\.[a-z0-9-]+\b")


def describe_types(target: Target, names: Iterable[str]) -> dict[str, InstanceKind]:
    """Those of the types that the Region has, by name; one call for 100 of them, and more if some are unknown.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    found = ask_in_parts(names, MAX_TYPES, UNKNOWN, lambda part: _describe(target, part), _NAME)
    return {name: kind for name, kind in found.items() if kind}


def _describe(target: Target, part: Sequence[str]) -> dict[str, InstanceKind]:
    pages = calls.read_pages(
        target, "ec2", "describe_instance_types", permission=Permission.READINESS, InstanceTypes=list(part)
    )
    return {
        each["InstanceType"]: InstanceKind(
            name=each["InstanceType"],
            vcpus=int(each.get("VCpuInfo", {}).get("DefaultVCpus", 0)),
            architectures=frozenset(each.get("ProcessorInfo", {}).get("SupportedArchitectures") or ()),
            is_nitro=each.get("Hypervisor") == "nitro" or bool(each.get("BareMetal")),
        )
        for page in pages
        for each in page["InstanceTypes"]
    }


def find_zones(target: Target, names: Iterable[str]) -> dict[str, frozenset[str]]:
    """The zones that offer each of the types; none for a type that is nowhere. One call for 200 types and page.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    asked, zones = sorted(set(names)), dict[str, set[str]]()
    pages = calls.read_filtered(
        target,
        "ec2",
        "describe_instance_type_offerings",
        permission=Permission.READINESS,
        by="instance-type",
        values=asked,
        LocationType="availability-zone",
    )
    for page in pages:
        for each in page["InstanceTypeOfferings"]:
            zones.setdefault(each["InstanceType"], set()).add(each["Location"])
    return {name: frozenset(zones.get(name, ())) for name in asked}
