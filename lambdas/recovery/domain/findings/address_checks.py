"""Checks of private addresses: those that launches want, and whether subnets have enough for all of them."""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import Address, PlannedLaunch, TargetFacts
from recovery.domain.findings.gathering import Found
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.wording import name_first, plural

# Servers and subnets that an evidence names.
MAX_NAMES = 5


def find_wanted(launch: PlannedLaunch, facts: TargetFacts) -> Address | None:
    """The subnet and the address that the launch wants; None without a wanted address, or if no subnet has it."""
    subnet = _find_subnet(launch, facts)
    if subnet is None or launch.place is None or not launch.place.address:
        return None
    return (subnet.subnet_id, launch.place.address) if _contains(subnet, launch.place.address) else None


def _find_subnet(launch: PlannedLaunch, facts: TargetFacts) -> Subnet | None:
    """The subnet of a launch with an address of its own: the named one, or the default one that has the address."""
    place = launch.place
    if place is None or not place.address:
        return None
    subnets = facts.subnets_of(place)
    if place.subnet_ids:
        return next(iter(subnets), None)
    return next((subnet for subnet in subnets if _contains(subnet, place.address)), None)


def _contains(subnet: Subnet, address: str) -> bool:
    return _is_address(address) and subnet.contains(address)


def _is_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


def check_addresses(launches: Sequence[PlannedLaunch], facts: TargetFacts) -> Iterator[Found]:
    """What is wrong with the addresses that these launches want; all of them are of one kind of run."""
    if facts.subnets is None:
        return
    wanted: dict[Address, list[PlannedLaunch]] = defaultdict(list)
    for launch in launches:
        if place := find_wanted(launch, facts):
            wanted[place].append(launch)
        else:
            yield from _check_outside(launch, facts)
    holders = _find_holders(facts)
    for (subnet_id, address), wanting in wanted.items():
        names, modes = tuple(sorted(each.server_id for each in wanting)), (wanting[0].mode,)
        if facts.subnets[subnet_id].reserves(address):
            yield Found(Code.ADDRESS_RESERVED, f"{address} of {subnet_id}", names, modes)
        if len(wanting) > 1:
            who = name_first(names, MAX_NAMES)
            yield Found(Code.ADDRESS_WANTED_TWICE, f"{address} of {subnet_id} is wanted by {who}", names, modes)
        for launch in wanting:
            holder = holders.get((subnet_id, address))
            if holder and holder not in launch.replaces:
                found = f"{address} of {subnet_id} is that of {holder}"
                yield Found(Code.ADDRESS_IN_USE, found, (launch.server_id,), modes)


def _check_outside(launch: PlannedLaunch, facts: TargetFacts) -> Iterator[Found]:
    place, address = launch.place, launch.place.address if launch.place else None
    if place is None or not address or place.interface_ids:
        return
    subnets = facts.subnets_of(place)
    who = ((launch.server_id,), (launch.mode,))
    if place.subnet_ids and subnets:
        yield Found(Code.ADDRESS_OUTSIDE, f"{address} is not in {subnets[0].subnet_id} ({subnets[0].cidr})", *who)
    elif subnets:
        ranges = ", ".join(f"{each.subnet_id} ({each.cidr})" for each in subnets)
        yield Found(Code.ADDRESS_OUTSIDE_DEFAULT, f"{address} is in none of {ranges}", *who)


def _find_holders(facts: TargetFacts) -> dict[Address, str]:
    """What has each address now; an instance rather than its network interface."""
    instances = {(each.subnet_id, each.address): each.instance_id for each in facts.instances or ()}
    return {**(facts.interfaces or {}), **instances}


def check_room(launches: Iterable[PlannedLaunch], facts: TargetFacts) -> Iterator[Found]:
    """Subnets without room for all these launches, which are of one kind of run.

    A drill runs on while later waves launch, so all servers of the plan have to fit at once. A launch frees what the
    instance has that it replaces. Launches that name no subnet share the default subnets.
    """
    if facts.subnets is None:
        return
    landing: dict[tuple[str, ...], list[PlannedLaunch]] = defaultdict(list)
    for launch in launches:
        for place in _list_landings(launch, facts):
            landing[place].append(launch)
    for place, landed in landing.items():
        free = sum(facts.subnets[subnet_id].free_addresses for subnet_id in place)
        replaced = frozenset[str]().union(*(launch.replaces for launch in landed))
        freed = sum(each.instance_id in replaced and each.subnet_id in place for each in facts.instances or ())
        if len(landed) > free + freed:
            also = f", and launches free {plural(freed, 'other')}" if freed else ""
            has = "has" if len(place) == 1 else "have"
            evidence = (
                f"{name_first(place, MAX_NAMES)} {has} {plural(free, 'free address', 'free addresses')}{also}; "
                f"{plural(len(landed), 'server')} of the plan would launch there"
            )
            names = tuple(sorted({launch.server_id for launch in landed}))
            yield Found(Code.SUBNET_FULL, evidence, names, (landed[0].mode,))


def _list_landings(launch: PlannedLaunch, facts: TargetFacts) -> list[tuple[str, ...]]:
    """The subnets that the launch takes an address of, each alone; or all default ones, of which it takes one."""
    place = launch.place
    if place is None or place.interface_ids or facts.subnets is None:
        return []
    if place.subnet_ids:
        return [(subnet_id,) for subnet_id in place.subnet_ids if subnet_id in facts.subnets]
    defaults = tuple(sorted(subnet.subnet_id for subnet in facts.default_subnets))
    return [defaults] if defaults else []
