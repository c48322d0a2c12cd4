"""Ways out of a VPC, and into it: the routes of a subnet."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from recovery.domain.isolation.addresses import Range, intersect, is_within, subtract
from recovery.domain.isolation.barriers import Barriers, Ends
from recovery.domain.isolation.networks import PlacedSubnet, Route, RouteTable, VpcNetwork
from recovery.domain.isolation.verdicts import Answer, Way

_PEERING, _NAT, _ENDPOINT = "pcx-", "nat-", "vpce-"

# What routes lead to, by the beginning of the id of their target. The internet is one network, so that such a route
# leads nowhere else. What a virtual private gateway leads to is not AWS's, so that it is surely outside.
_INTERNET: Mapping[str, str] = {
    "igw-": "internet gateway",
    "eigw-": "egress-only internet gateway",
    "cagw-": "carrier gateway",
}
_OUTSIDE: Mapping[str, str] = {"vgw-": "virtual private gateway", "lgw-": "local gateway"}

# Where these lead depends on what this account may not see, or on software.
_UNTOLD: Mapping[str, str] = {
    "tgw-": "transit gateway",
    "eni-": "network interface",
    "i-": "instance",
    "arn:": "core network or network",
}


# A route to these is a blackhole while an instance is stopped, such as an appliance at night. Others need a person who
# changes the network.
_COMES_BACK = ("eni-", "i-")


@dataclass(frozen=True, slots=True)
class RoutedWays:
    """The ways of the routes of a subnet, and the ids of its route tables: more than one while they change."""

    ways: tuple[Way, ...]
    tables: tuple[str, ...]


def find_ways(
    subnet: PlacedSubnet, vpc: VpcNetwork, barriers: Barriers, account_id: str, source_vpcs: Collection[str]
) -> RoutedWays:
    """The ways that the routes of the subnet lead. `source_vpcs` are those of source servers, which are named so."""
    tables = find_tables(subnet.subnet_id, vpc)
    found = _Finder(subnet, vpc, barriers, account_id, frozenset(source_vpcs))
    ways = tuple(way for table in tables for way in found.follow_table(table))
    if not tables:
        ways = (Way(Answer.UNKNOWN, f"EC2 shows no route table of {subnet.subnet_id}"),)
    return RoutedWays(ways, tuple(table.table_id for table in tables))


def find_tables(subnet_id: str, vpc: VpcNetwork) -> list[RouteTable]:
    """The route table of the subnet: its own or else the main one. While its association changes, both count."""
    own = [table for table in vpc.tables if subnet_id in table.subnets]
    changing = [table for table in vpc.tables if subnet_id in table.changing]
    main = [] if own else [table for table in vpc.tables if table.is_main]
    return [*own, *(table for table in (*changing, *main) if table not in own)]


def find_ranges(route: Route, table: RouteTable) -> tuple[Range, ...]:
    """The addresses for which the table takes this route: those for which it has no more specific one."""
    if route.is_of_prefix_list:
        return route.ranges
    (own,) = route.ranges
    others = (each.ranges[0] for each in table.routes if not each.is_of_prefix_list and is_within(each.ranges[0], own))
    return subtract([own], [each for each in others if each != own])


@dataclass(frozen=True, slots=True)
class _Finder:
    """Follows the routes of a subnet."""

    subnet: PlacedSubnet
    vpc: VpcNetwork
    barriers: Barriers
    account_id: str
    source_vpcs: frozenset[str]

    def follow_table(self, table: RouteTable) -> Iterator[Way]:
        for route in table.routes:
            if route.is_local:
                continue
            text = f"route {route.destination} of {table.table_id}"
            if route.is_blackhole and not route.target.startswith(_COMES_BACK):
                yield Way(Answer.YES, f"{text} is a blackhole ({route.target})")
                continue
            ranges = find_ranges(route, table)
            if not self.subnet.has_ipv6:
                ranges = tuple(each for each in ranges if each.version == 4)
            if ranges:
                yield from self._follow(route, text, ranges)

    def _follow(self, route: Route, text: str, ranges: tuple[Range, ...]) -> Iterator[Way]:
        ways = [self._classify(route, text)]
        if route.target.startswith(_NAT):
            ways += self._follow_nat(route.target, text, ranges)
        closed = self.barriers.close(Ends(ranges))
        for way in ways:
            yield way if closed is None or way.answer is Answer.YES else way.block(closed)

    def _classify(self, route: Route, text: str) -> Way:
        target = route.target
        if target.startswith(_ENDPOINT):
            return self._classify_endpoint(route, text)
        if target.startswith(_PEERING):
            return Way(Answer.NO, f"{text} goes to peering {target}{self._name_peer(target)}")
        if target.startswith(_NAT):
            return Way(Answer.NO, f"{text} goes to NAT gateway {target}", is_internet=True)
        for prefix, kind in _INTERNET.items():
            if target.startswith(prefix):
                return Way(Answer.NO, f"{text} goes to {kind} {target}", is_internet=True)
        for prefix, kind in _OUTSIDE.items():
            if target.startswith(prefix):
                return Way(Answer.NO, f"{text} goes to {kind} {target}")
        kind = next((kind for prefix, kind in _UNTOLD.items() if target.startswith(prefix)), "target")
        where = f"{kind} {target}" if target else "a target that EC2 does not name"
        return Way(Answer.UNKNOWN, f"{text} goes to {where}, and where that leads cannot be told")

    def _classify_endpoint(self, route: Route, text: str) -> Way:
        endpoint = next((each for each in self.vpc.endpoints if each.endpoint_id == route.target), None)
        if endpoint is None:
            return Way(Answer.UNKNOWN, f"{text} goes to endpoint {route.target}, which EC2 does not show")
        if endpoint.kind == "Gateway" and endpoint.is_of_aws:
            return Way(Answer.YES, f"{text} goes to {endpoint.service} only ({endpoint.endpoint_id})")
        where = f"endpoint {endpoint.endpoint_id} ({endpoint.kind}, {endpoint.service or 'no service'})"
        return Way(Answer.UNKNOWN, f"{text} goes to {where}, and where that leads cannot be told")

    def _name_peer(self, peering_id: str) -> str:
        peering = self.vpc.peerings.get(peering_id)
        others = (
            {} if peering is None else {vpc: owner for vpc, owner in peering.vpcs.items() if vpc != self.vpc.vpc_id}
        )
        names = [self._name_vpc(vpc_id, owner) for vpc_id, owner in sorted(others.items())]
        return f" ({', '.join(names)})" if names else ""

    def _name_vpc(self, vpc_id: str, owner_id: str) -> str:
        if vpc_id in self.source_vpcs:
            return f"{vpc_id} of the sources"
        return f"{vpc_id} of account {owner_id}" if owner_id and owner_id != self.account_id else vpc_id

    def _follow_nat(
        self, target: str, text: str, ranges: tuple[Range, ...], passed: tuple[str, ...] = ()
    ) -> Iterator[Way]:
        """The ways of the subnet of a NAT gateway, whose routes it uses for what it passes on, maybe to another one."""
        subnets = {
            each.subnet_id
            for each in self.vpc.interfaces
            if each.kind == "natGateway" and target in each.description.split()
        }
        if not subnets:
            lost = f"{text} goes to NAT gateway {target}, and EC2 does not show in which subnet that is"
            yield Way(Answer.UNKNOWN, lost)
        for table in (table for subnet_id in sorted(subnets) for table in find_tables(subnet_id, self.vpc)):
            for onward in table.routes:
                taken = intersect(ranges, find_ranges(onward, table))
                if onward.is_local or onward.is_blackhole or not taken:
                    continue
                onward_text = f"{text} goes to {target}, and route {onward.destination} of {table.table_id}"
                if not onward.target.startswith(_NAT):
                    yield self._classify(onward, onward_text)
                elif onward.target not in (target, *passed):
                    yield from self._follow_nat(onward.target, onward_text, taken, (*passed, target))
