"""Isolation: what may only make it less sure, and what must not matter to it.

The VPC is 10.77.0.0/16. Random networks have routes, network ACLs, groups, endpoints and interfaces around a subnet.
"""

import ipaddress
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recovery.domain.isolation.addresses import read_ranges, subtract
from recovery.domain.isolation.barriers import denies
from recovery.domain.isolation.judgement import Surroundings, judge
from recovery.domain.isolation.networks import (
    Acl,
    AclRule,
    Endpoint,
    GroupRule,
    Interface,
    PlacedSubnet,
    Route,
    RouteTable,
    SecurityGroup,
    VpcNetwork,
)
from recovery.domain.isolation.verdicts import Answer, IsolationVerdict, Place

HOME, NEAR, VPC = "subnet-0d", "subnet-0e", "vpc-0d"
OURS, THEIRS = "i-00000000000000001", "i-00000000000000002"
AROUND = Surroundings("111122223333", frozenset((OURS,)))
BLOCKS = (
    "0.0.0.0/0", "10.0.0.0/8", "10.20.0.0/16", "10.20.0.0/17", "10.20.128.0/17", "10.77.0.0/16", "10.77.0.5/32",
    "10.77.1.0/24", "192.168.0.0/16", "::/0", "2001:db8::/32", "2001:db8:1::/48",
)  # fmt: skip
TARGETS = (
    "pcx-01",
    "igw-01",
    "nat-01",
    "tgw-01",
    "vgw-01",
    "eigw-01",
    "eni-09",
    "vpce-s3",
    "vpce-gwlb",
    "vpce-gone",
    "",
)
blocks = st.sampled_from(BLOCKS)
groups = st.sampled_from(("sg-01", "sg-02", "sg-peer"))

routes = st.builds(
    lambda block, target, is_blackhole: Route(block, read_ranges([block]), target, is_blackhole),
    blocks, st.sampled_from(TARGETS), st.booleans(),
)  # fmt: skip
group_rules = st.builds(
    lambda ranges, members, lists: GroupRule(read_ranges(ranges), members, lists),
    st.lists(blocks, max_size=2), st.frozensets(groups, max_size=1), st.sampled_from((False, False, False, True)),
)  # fmt: skip
acl_rules = st.builds(
    lambda number, egress, allow, block, for_all: AclRule(number, egress, allow, read_ranges([block]), for_all),
    st.integers(1, 30), st.booleans(), st.booleans(), blocks, st.booleans(),
)  # fmt: skip
rule_lists = st.lists(group_rules, max_size=2).map(tuple)
security_groups = st.builds(SecurityGroup, st.just("sg-01"), st.just("drill"), rule_lists, rule_lists)
interfaces = st.builds(
    lambda number, subnet, address, members, kind, instance: Interface(
        f"eni-{number:02}", subnet, read_ranges([address]), members, kind, instance, "nat-01", is_in_use=True
    ),
    st.integers(10, 99), st.sampled_from((HOME, NEAR)), st.sampled_from(("10.77.0.5", "10.77.1.9", "2001:db8::9")),
    st.frozensets(groups, max_size=2), st.sampled_from(("interface", "natGateway", "lambda", "load_balancer")),
    st.sampled_from((None, OURS, THEIRS)),
)  # fmt: skip
acls = st.builds(
    Acl,
    st.just("acl-01"),
    st.lists(acl_rules, max_size=5, unique_by=lambda rule: (rule.number, rule.is_egress)).map(tuple),
    st.just(frozenset((HOME,))),
)
ENDPOINTS = (
    Endpoint("vpce-s3", "Gateway", "com.amazonaws.eu-west-1.s3"),
    Endpoint("vpce-gwlb", "GatewayLoadBalancer", "com.amazonaws.vpce.eu-west-1.vpce-svc-01"),
)
LOCAL = Route("10.77.0.0/16", read_ranges(["10.77.0.0/16"]), "local")


@st.composite
def networks(draw: st.DrawFn) -> VpcNetwork:
    own = st.lists(routes, max_size=4, unique_by=lambda route: route.destination).map(tuple)
    return VpcNetwork(
        vpc_id=VPC,
        ranges=read_ranges(["10.77.0.0/16"]),
        tables=(
            RouteTable("rtb-main", (LOCAL, *draw(own)), is_main=True),
            *([RouteTable("rtb-own", (LOCAL, *draw(own)), subnets=frozenset((HOME,)))] if draw(st.booleans()) else ()),
        ),
        acls=(draw(acls),),
        groups={"sg-01": draw(security_groups), "sg-02": SecurityGroup("sg-02", "other")},
        endpoints=ENDPOINTS,
        interfaces=tuple(draw(st.lists(interfaces, max_size=3))),
    )


subnets = st.builds(
    PlacedSubnet, st.just(HOME), st.just(VPC), st.sampled_from(("111122223333", "999988887777")), st.booleans()
)
PLACE = Place.of(HOME, ["sg-01"])
enough = settings(max_examples=150, deadline=None)


def answer(network: VpcNetwork, subnet: PlacedSubnet, around: Surroundings = AROUND) -> IsolationVerdict:
    return judge(PLACE, subnet, network, around)


def assert_not_closer(before: IsolationVerdict, after: IsolationVerdict) -> None:
    """What was not isolated is not isolated after the change either."""
    if before.answer is not Answer.YES:
        assert after.answer is not Answer.YES, (before.because, after.because)
    if not (before.answer is Answer.YES or before.internet):
        assert after.answer is not Answer.YES, (before.because, after.because)
        assert not after.internet, (before.because, after.because)


def is_of_drill(interface: Interface) -> bool:
    """Whether it is of an instance of a drill, and no gateway."""
    return interface.kind != "natGateway" and interface.instance_id == OURS


def is_inside(inner: str, outer: str) -> bool:
    """Whether a range of addresses is a part of the other one, or the same."""
    one, other = ipaddress.ip_network(inner), ipaddress.ip_network(outer)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]


def with_table(network: VpcNetwork, **changes: Any) -> VpcNetwork:
    """The network with the route table of the subnet changed."""
    used = network.tables[-1]
    return replace(network, tables=(*network.tables[:-1], replace(used, **changes)))


@enough
@given(network=networks(), subnet=subnets, route=routes)
def test_another_route_isolates_nothing(network: VpcNetwork, subnet: PlacedSubnet, route: Route) -> None:
    assume(not route.is_blackhole and route.target != "vpce-s3")
    # A route inside another splits its traffic: each part may be blocked by something else, and then nothing leaves.
    assume(not any(is_inside(route.destination, each.destination) for each in network.tables[-1].routes))
    more = with_table(network, routes=(*network.tables[-1].routes, route))
    before, after = answer(network, subnet), answer(more, subnet)
    if before.answer is not Answer.YES:
        assert after.answer is not Answer.YES, (before.because, after.because)


@enough
@given(network=networks(), subnet=subnets, rule=group_rules, is_egress=st.booleans())
def test_another_rule_of_a_group_isolates_nothing(
    network: VpcNetwork, subnet: PlacedSubnet, rule: GroupRule, is_egress: bool
) -> None:
    group = network.groups["sg-01"]
    wider = (
        replace(group, egress=(*group.egress, rule)) if is_egress else replace(group, ingress=(*group.ingress, rule))
    )
    more = replace(network, groups={**network.groups, "sg-01": wider})
    assert_not_closer(answer(network, subnet), answer(more, subnet))


@enough
@given(network=networks(), subnet=subnets, rule=acl_rules)
def test_another_rule_of_an_acl_that_allows_isolates_nothing(
    network: VpcNetwork, subnet: PlacedSubnet, rule: AclRule
) -> None:
    acl = network.acls[0]
    more = replace(acl, rules=(*acl.rules, replace(rule, is_allow=True)))
    assert_not_closer(answer(network, subnet), answer(replace(network, acls=(more,)), subnet))


@enough
@given(network=networks(), subnet=subnets, interface=interfaces)
def test_another_interface_isolates_nothing(network: VpcNetwork, subnet: PlacedSubnet, interface: Interface) -> None:
    more = replace(network, interfaces=(*network.interfaces, replace(interface, kind="interface")))
    assert_not_closer(answer(network, subnet), answer(more, subnet))


@enough
@given(network=networks(), subnet=subnets)
def test_an_instance_of_a_drill_isolates_as_well_as_none_and_one_of_others_no_better(
    network: VpcNetwork, subnet: PlacedSubnet
) -> None:
    without = replace(network, interfaces=tuple(each for each in network.interfaces if not is_of_drill(each)))
    assert answer(network, subnet) == answer(without, subnet)
    assert_not_closer(answer(network, subnet), answer(network, subnet, Surroundings(AROUND.account_id)))


@enough
@given(network=networks(), subnet=subnets, data=st.data())
def test_the_order_in_which_ec2_lists_things_does_not_matter(
    network: VpcNetwork, subnet: PlacedSubnet, data: st.DataObject
) -> None:
    shuffled = with_table(network, routes=tuple(data.draw(st.permutations(network.tables[-1].routes))))
    acl, group = shuffled.acls[0], shuffled.groups["sg-01"]
    shuffled = replace(
        shuffled,
        acls=(replace(acl, rules=tuple(data.draw(st.permutations(acl.rules)))),),
        groups=dict(reversed({**shuffled.groups, "sg-01": replace(group, egress=group.egress[::-1])}.items())),
        interfaces=tuple(data.draw(st.permutations(network.interfaces))),
        endpoints=tuple(reversed(network.endpoints)),
        tables=tuple(reversed(shuffled.tables)),
    )
    one, other = answer(network, subnet), answer(shuffled, subnet)
    assert (one.answer, one.internet, set(one.because)) == (other.answer, other.internet, set(other.because))


@enough
@given(network=networks(), subnet=subnets)
def test_isolated_means_that_no_open_route_and_no_foreign_instance_is_left(
    network: VpcNetwork, subnet: PlacedSubnet
) -> None:
    """With groups that allow everything, only the routes and the neighbours count, which are judged here anew."""
    everything = (GroupRule(read_ranges(["0.0.0.0/0", "::/0"])),)
    group = SecurityGroup("sg-01", "drill", everything, everything)
    allow = tuple(
        AclRule(1 + version + egress, bool(egress), True, read_ranges([block]))
        for egress in (0, 10)
        for version, block in ((4, "0.0.0.0/0"), (6, "::/0"))
    )
    acl = replace(network.acls[0], rules=allow)
    open_network = replace(network, groups={"sg-01": group}, acls=(acl,))
    routes_used = next((t for t in network.tables if HOME in t.subnets), network.tables[0]).routes
    ways_out = any(
        route.target not in ("local", "vpce-s3") and leads_on(route) and takes_some(route, routes_used, subnet)
        for route in routes_used
    )
    foreign = any(each.kind != "natGateway" and each.instance_id != OURS for each in network.interfaces)
    shared = subnet.owner_id != AROUND.account_id
    assert (answer(open_network, subnet).answer is Answer.YES) == (not (ways_out or foreign or shared))


def leads_on(route: Route) -> bool:
    """Whether traffic may go on. A route to an interface is a blackhole only while its instance is stopped."""
    return not route.is_blackhole or route.target.startswith("eni-")


def takes_some(route: Route, table: tuple[Route, ...], subnet: PlacedSubnet) -> bool:
    """Whether any address goes by the route: tried with the ends of all blocks, the edges of every choice."""
    if ":" in route.destination and not subnet.has_ipv6:
        return False
    edges = [ipaddress.ip_network(block) for block in BLOCKS]
    tried = {edge for each in edges for edge in (each[0], each[-1], each[0] - 1 if int(each[0]) else each[0])}
    tried |= {each[-1] + 1 for each in edges if int(each[-1]) < 2**each.max_prefixlen - 1}
    own = ipaddress.ip_network(route.destination)
    others = [ipaddress.ip_network(each.destination) for each in table]
    return any(
        address in own and not any(address in other and other.prefixlen > own.prefixlen for other in others)
        for address in tried
    )


@enough
@given(rules=st.lists(acl_rules, max_size=8, unique_by=lambda rule: rule.number), block=blocks, is_egress=st.booleans())
def test_an_acl_denies_a_block_if_the_first_rule_for_each_of_its_addresses_does(
    rules: list[AclRule], block: str, is_egress: bool
) -> None:
    """Tried with single addresses: the edges of all blocks, between which no rule decides otherwise."""
    edges = [ipaddress.ip_network(each) for each in BLOCKS]
    points = {edge for each in edges for edge in (each[0], each[-1])}
    points |= {each[-1] + 1 for each in edges if int(each[-1]) < 2**each.max_prefixlen - 1}
    own = [point for point in points if point in ipaddress.ip_network(block)]
    ordered = sorted((rule for rule in rules if rule.is_egress is is_egress), key=lambda rule: rule.number)

    def some_is_allowed(point: Any) -> bool:
        for rule in ordered:
            if point in rule.ranges[0] and (rule.is_allow or rule.is_for_all):
                return rule.is_allow
        return False

    assert denies(Acl("acl-01", tuple(rules)), read_ranges([block]), is_egress) is not any(map(some_is_allowed, own))


@enough
@given(block=blocks, taken=st.lists(blocks, max_size=4))
def test_what_is_subtracted_is_gone_and_the_rest_is_left(block: str, taken: list[str]) -> None:
    left = subtract(read_ranges([block]), read_ranges(taken))
    for each in BLOCKS:
        for point in (ipaddress.ip_network(each)[0], ipaddress.ip_network(each)[-1]):
            is_left = any(point in part for part in left)
            was_taken = any(point in ipaddress.ip_network(other) for other in taken)
            assert is_left == (point in ipaddress.ip_network(block) and not was_taken)
