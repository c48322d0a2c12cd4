"""Checks of the settings of single launches: templates, subnets, security groups, types, profiles and keys."""

from collections.abc import Iterator, Mapping

from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import InstanceKind, PlannedLaunch, TargetFacts
from recovery.domain.launch_profiles.settings import LaunchPlace
from recovery.domain.launch_profiles.subnets import Subnet

Problem = tuple[Code, str]
"""A code, and the evidence."""

# What EC2 launches if neither DRS nor the template chooses a type (RunInstances, EC2's API reference).
DEFAULT_TYPE = "m1.small"


def choose_type(launch: PlannedLaunch) -> str | None:
    """The type that the launch gets; None if that is not known before it, as with requirements instead of a type."""
    if launch.place is None:
        return None
    if launch.configuration.right_sizes:
        return launch.machine.recommended_type
    if launch.place.instance_type:
        return launch.place.instance_type
    return None if (launch.data or {}).get("InstanceRequirements") else DEFAULT_TYPE


def check_settings(launch: PlannedLaunch, facts: TargetFacts) -> Iterator[Problem]:
    """What is wrong with the settings of the launch."""
    if launch.refusal:
        yield Code.PROFILE_REFUSED, launch.refusal
    for subnet_id in launch.missing_subnets:
        yield Code.SUBNET_MISSING, f"{subnet_id} of its launch profile is not there"
    if launch.place is None:
        return
    subnets = facts.subnets_of(launch.place)
    yield from _check_subnets(launch.place, facts)
    yield from _check_groups(launch, facts, subnets)
    yield from _check_type(launch, facts, subnets)
    yield from _check_names(launch.place, facts)


def _check_subnets(place: LaunchPlace, facts: TargetFacts) -> Iterator[Problem]:
    if facts.subnets is None:
        return
    for subnet_id in place.subnet_ids:
        if subnet_id not in facts.subnets:
            yield Code.SUBNET_MISSING, f"{subnet_id} is not there"
    if not place.subnet_ids and not place.interface_ids and not facts.default_subnets:
        yield Code.NO_DEFAULT_SUBNET, "the Region has no default subnet in this account"


def _check_groups(launch: PlannedLaunch, facts: TargetFacts, subnets: list[Subnet]) -> Iterator[Problem]:
    data = launch.data or {}
    of_instance = [*(data.get("SecurityGroupIds") or ()), *(data.get("SecurityGroups") or ())]
    if of_instance and any(each.get("SubnetId") for each in data.get("NetworkInterfaces") or ()):
        yield Code.SECURITY_GROUPS_TWICE, f"{', '.join(of_instance)} beside a network interface with a subnet"
    if launch.place and facts.security_groups is not None:
        for group in launch.place.security_groups:
            yield from _check_group(group, facts.security_groups, subnets)


def _check_group(group: str, known: Mapping[str, str], subnets: list[Subnet]) -> Iterator[Problem]:
    vpcs = sorted({subnet.vpc_id for subnet in subnets})
    if group not in known:
        yield Code.SECURITY_GROUP_MISSING, f"{group} is not there"
    elif vpcs and known[group] not in vpcs:
        where = " or ".join(sorted(subnet.subnet_id for subnet in subnets))
        yield Code.SECURITY_GROUP_OF_OTHER_VPC, f"{group} is of {known[group]}, and {where} is of {' or '.join(vpcs)}"


def _check_type(launch: PlannedLaunch, facts: TargetFacts, subnets: list[Subnet]) -> Iterator[Problem]:
    name = choose_type(launch)
    if name is None or facts.kinds is None:
        return
    shown = f"{name}, which DRS recommends," if launch.configuration.right_sizes else name
    kind = facts.kinds.get(name)
    if kind is None:
        yield Code.TYPE_UNKNOWN, f"the Region has no {name}"
        return
    if facts.zones is not None and subnets:
        offered = facts.zones.get(name, frozenset())
        wanted = {subnet.zone for subnet in subnets}
        if not offered & wanted:
            zones = ", ".join(sorted(offered)) or "no zone"
            where = " or ".join(f"{subnet.zone} ({subnet.subnet_id})" for subnet in subnets)
            yield Code.TYPE_NOT_IN_ZONE, f"{shown} is offered in {zones}, not in {where}"
    yield from _check_machine(launch, kind, shown)


def _check_machine(launch: PlannedLaunch, kind: InstanceKind, shown: str) -> Iterator[Problem]:
    machine = launch.machine
    if machine.architecture and kind.architectures and machine.architecture not in kind.architectures:
        has = ", ".join(sorted(kind.architectures))
        yield Code.TYPE_OF_OTHER_ARCHITECTURE, f"{shown} is {has}, and the source is {machine.architecture}"
    if machine.supports_nitro is False and kind.is_nitro:
        yield Code.TYPE_NEEDS_NITRO, f"{shown} is built on Nitro, and DRS says that the source does not support that"


def _check_names(place: LaunchPlace, facts: TargetFacts) -> Iterator[Problem]:
    if place.instance_profile and facts.profiles is not None and place.instance_profile not in facts.profiles:
        yield Code.INSTANCE_PROFILE_MISSING, f"{place.instance_profile} is not there"
    if place.key_name and facts.key_pairs is not None and place.key_name not in facts.key_pairs:
        yield Code.KEY_PAIR_MISSING, f"{place.key_name} is not there"
