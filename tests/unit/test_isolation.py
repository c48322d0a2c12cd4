"""What counts as a way out of a drill's network, and what does not. EC2's answers are written as EC2 gives them."""

from dataclasses import replace
from typing import Any

import pytest

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.isolation.judgement import Surroundings, judge
from recovery.domain.isolation.networks import (
    Acl,
    Endpoint,
    Interface,
    Peering,
    PlacedSubnet,
    RouteTable,
    SecurityGroup,
    VpcNetwork,
    read_vpc_ranges,
)
from recovery.domain.isolation.verdicts import UNTOLD_SUBNET, Answer, IsolationVerdict, Place
from recovery.domain.launch_profiles.profiles import Isolation
from recovery.domain.launch_profiles.settings import read_place

ACCOUNT, OTHER = "111122223333", "999988887777"
SUBNET, NEAR, VPC = "subnet-0d11111a", "subnet-0d11111b", "vpc-0d111111"
GROUP, TABLE, MAIN = "sg-0d111111", "rtb-0d111111", "rtb-0d111110"
LOCAL = {"DestinationCidrBlock": "10.77.0.0/16", "GatewayId": "local", "State": "active"}
ALL = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
INSIDE = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": GROUP}]}
PEERING = {
    "VpcPeeringConnectionId": "pcx-0d111111",
    "RequesterVpcInfo": {"VpcId": VPC, "OwnerId": ACCOUNT},
    "AccepterVpcInfo": {"VpcId": "vpc-0c111111", "OwnerId": OTHER},
}


def allow_all(number: int = 100, **more: Any) -> list[dict[str, Any]]:
    rule = {"RuleNumber": number, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0", **more}
    return [{**rule, "Egress": egress} for egress in (True, False)]


def deny(block: str, number: int = 50, **more: Any) -> list[dict[str, Any]]:
    return allow_all(number, RuleAction="deny", CidrBlock=block, **more)


def network(
    *routes: dict[str, Any],
    main: list[dict[str, Any]] | None = None,
    egress: list[dict[str, Any]] | None = None,
    ingress: list[dict[str, Any]] | None = None,
    acl: list[dict[str, Any]] | None = None,
    endpoints: list[dict[str, Any]] | None = None,
    interfaces: list[dict[str, Any]] | None = None,
    associations: list[dict[str, Any]] | None = None,
) -> VpcNetwork:
    """A VPC whose subnet has a table with these routes, beside the local one; its group allows everything."""
    own = [{"SubnetId": SUBNET}] if associations is None else associations
    group: dict[str, Any] = {"GroupId": GROUP, "IpPermissionsEgress": [ALL] if egress is None else egress}
    blocks = [{"CidrBlock": "100.64.0.0/16"}]
    default: dict[str, Any] = {
        "GroupId": "sg-0default",
        "GroupName": "default",
        "IpPermissionsEgress": [ALL],
        "IpPermissions": [],
    }
    return VpcNetwork(
        vpc_id=VPC,
        ranges=read_vpc_ranges({"CidrBlock": "10.77.0.0/16", "CidrBlockAssociationSet": blocks}),
        tables=(
            RouteTable.from_ec2(
                {"RouteTableId": MAIN, "Routes": [LOCAL, *(main or [])], "Associations": [{"Main": True}]}
            ),
            RouteTable.from_ec2({"RouteTableId": TABLE, "Routes": [LOCAL, *routes], "Associations": own}),
        ),
        acls=(
            Acl.from_ec2(
                {"NetworkAclId": "acl-0d", "Entries": allow_all() if acl is None else acl}
                | {"Associations": [{"SubnetId": SUBNET}, {"SubnetId": NEAR}]}
            ),
        ),
        groups={
            each["GroupId"]: SecurityGroup.from_ec2(each)
            for each in (group | {"IpPermissions": [ALL] if ingress is None else ingress}, default)
        },
        endpoints=tuple(map(Endpoint.from_ec2, endpoints or ())),
        interfaces=tuple(map(Interface.from_ec2, interfaces or ())),
        peerings={"pcx-0d111111": Peering.from_ec2(PEERING)},
    )


def verdict(vpc: VpcNetwork, groups: tuple[str, ...] = (GROUP,), **subnet: Any) -> IsolationVerdict:
    given = {"SubnetId": SUBNET, "VpcId": VPC, "OwnerId": ACCOUNT, **subnet}
    around = Surroundings(ACCOUNT, frozenset(("i-0000000000000ours",)), ("vpc-0c111111",))
    return judge(Place.of(SUBNET, groups), PlacedSubnet.from_ec2(given), vpc, around)


def to(target: str, destination: str = "10.20.0.0/16", **more: Any) -> dict[str, Any]:
    """A route to a target, in the member that EC2 has for it."""
    members = {
        "pcx": "VpcPeeringConnectionId",
        "nat": "NatGatewayId",
        "tgw": "TransitGatewayId",
        "eni": "NetworkInterfaceId",
    }
    members |= {"eigw": "EgressOnlyInternetGatewayId", "lgw": "LocalGatewayId", "cagw": "CarrierGatewayId"}
    block = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    block = "DestinationPrefixListId" if destination.startswith("pl-") else block
    return {block: destination, members.get(target.partition("-")[0], "GatewayId"): target, "State": "active", **more}


def interface(**more: Any) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": "eni-0d000001", "SubnetId": NEAR, "PrivateIpAddress": "10.77.200.9", "Status": "in-use",
        "Groups": [{"GroupId": "sg-0other"}], **more,
    }  # fmt: skip


INSTANCE = interface(Attachment={"InstanceId": "i-00000000000theirs"})


# --- routes -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("route", "answer", "words"),
    [
        (to("pcx-0d111111"), Answer.NO, "goes to peering pcx-0d111111 (vpc-0c111111 of the sources)"),
        (to("pcx-0gone"), Answer.NO, "goes to peering pcx-0gone"),
        (to("igw-01", "0.0.0.0/0"), Answer.NO, "goes to internet gateway igw-01"),
        (to("vgw-01"), Answer.NO, "goes to virtual private gateway vgw-01"),
        (to("lgw-01"), Answer.NO, "goes to local gateway lgw-01"),
        (to("tgw-01"), Answer.UNKNOWN, "goes to transit gateway tgw-01"),
        (to("eni-01"), Answer.UNKNOWN, "goes to network interface eni-01"),
        (to("eni-01", "10.77.4.0/24"), Answer.UNKNOWN, "goes to network interface eni-01"),
        (to("vpce-01"), Answer.UNKNOWN, "endpoint vpce-01, which EC2 does not show"),
        (to("igw-01", "pl-01"), Answer.NO, "route pl-01 of rtb-0d111111 goes to internet gateway igw-01"),
        ({"DestinationCidrBlock": "10.20.0.0/16", "GatewayId": "VpcLattice"}, Answer.UNKNOWN, "target VpcLattice"),
        ({"DestinationCidrBlock": "10.20.0.0/16"}, Answer.UNKNOWN, "a target that EC2 does not name"),
    ],
)  # fmt: skip
def test_a_route_that_leads_out_is_named_with_where_it_leads(route: dict[str, Any], answer: Answer, words: str) -> None:
    found = verdict(network(route))
    assert found.answer is answer
    assert words in found.because[0]


def test_a_blackhole_and_a_gateway_endpoint_of_aws_lead_nowhere() -> None:
    s3 = {"VpcEndpointId": "vpce-01", "VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.eu-west-1.s3"}
    found = verdict(network(to("pcx-0d111111", State="blackhole"), to("vpce-01", "pl-02"), endpoints=[s3]))
    assert found.answer is Answer.YES
    assert found.because == (
        f"all other routes of {TABLE} are local",
        f"no other instances are in {VPC}",
        f"route 10.20.0.0/16 of {TABLE} is a blackhole (pcx-0d111111)",
        f"route pl-02 of {TABLE} goes to com.amazonaws.eu-west-1.s3 only (vpce-01)",
    )


def test_a_route_to_an_instance_that_is_stopped_may_lead_somewhere_again() -> None:
    found = verdict(network(to("eni-0d000009", State="blackhole")))
    assert found.answer is Answer.UNKNOWN
    assert "goes to network interface eni-0d000009" in found.because[0]


def test_a_subnet_without_a_table_of_its_own_has_the_main_one() -> None:
    leads_out = [to("pcx-0d111111")]
    assert verdict(network(main=leads_out)).answer is Answer.YES
    assert verdict(network(main=leads_out, associations=[{"SubnetId": NEAR}])).answer is Answer.NO
    changing = [{"SubnetId": SUBNET, "AssociationState": {"State": "associating"}}]
    assert verdict(network(main=leads_out, associations=changing)).answer is Answer.NO
    assert verdict(network(to("pcx-0d111111"), associations=changing)).answer is Answer.NO
    gone = [{"SubnetId": SUBNET, "AssociationState": {"State": "disassociated"}}]
    assert verdict(network(to("pcx-0d111111"), associations=gone)).answer is Answer.YES


def test_a_more_specific_blackhole_takes_what_a_wider_route_would() -> None:
    halves = [to("pcx-0d111111", block, State="blackhole") for block in ("10.20.0.0/17", "10.20.128.0/17")]
    assert verdict(network(to("pcx-0d111111"), *halves)).answer is Answer.YES
    assert verdict(network(to("pcx-0d111111"), halves[0])).answer is Answer.NO


def test_routes_of_version_6_count_in_a_subnet_that_has_such_addresses() -> None:
    version_6 = [{**rule, "CidrBlock": None, "Ipv6CidrBlock": "::/0"} for rule in allow_all(101)]
    vpc = network(to("eigw-01", "::/0"), acl=[*allow_all(), *version_6])
    assert verdict(vpc).answer is Answer.YES
    found = verdict(vpc, Ipv6CidrBlockAssociationSet=[{"Ipv6CidrBlock": "2001:db8::/64"}])
    assert (found.answer, found.internet) == (Answer.NO, True)


def test_the_internet_is_the_only_way_out_through_a_nat_gateway_whose_subnet_has_no_other() -> None:
    nat = interface(InterfaceType="natGateway", Description="Interface for NAT Gateway nat-01")
    out, internet = to("nat-01", "0.0.0.0/0"), to("igw-01", "0.0.0.0/0")
    alone = verdict(network(out, main=[internet], interfaces=[nat]))
    assert (alone.answer, alone.internet) == (Answer.NO, True)
    assert alone.satisfies(Isolation.INTERNET_ALLOWED)
    assert not alone.satisfies(Isolation.REQUIRED)
    beside = verdict(network(out, main=[internet, to("pcx-0d111111")], interfaces=[nat]))
    assert (beside.answer, beside.internet) == (Answer.NO, False)
    assert f"goes to nat-01, and route 10.20.0.0/16 of {MAIN} goes to peering" in "; ".join(beside.because)
    assert not verdict(network(out, main=[internet])).internet, "nobody knows where it is"


def test_a_nat_gateway_whose_subnet_routes_to_another_one_leads_where_that_leads() -> None:
    def nat(number: str, subnet: str) -> dict[str, Any]:
        described = {"Description": f"Interface for NAT Gateway nat-{number}", "SubnetId": subnet}
        return interface(InterfaceType="natGateway", NetworkInterfaceId=f"eni-{number}", **described)

    far = {"RouteTableId": "rtb-far", "Associations": [{"SubnetId": "subnet-far"}]}
    out, on = to("nat-01", "0.0.0.0/0"), to("nat-02", "0.0.0.0/0")
    both = [nat("01", NEAR), nat("02", "subnet-far")]

    def judged(*routes: dict[str, Any]) -> IsolationVerdict:
        vpc = network(out, main=[on], interfaces=both)
        return verdict(replace(vpc, tables=(*vpc.tables, RouteTable.from_ec2({**far, "Routes": [LOCAL, *routes]}))))

    assert judged(to("igw-01", "0.0.0.0/0")).internet
    beside = judged(to("igw-01", "0.0.0.0/0"), to("pcx-0d111111"))
    assert (beside.answer, beside.internet) == (Answer.NO, False)
    assert "route 10.20.0.0/16 of rtb-far goes to peering pcx-0d111111" in "; ".join(beside.because)
    assert judged(to("nat-01", "0.0.0.0/0")).answer is Answer.NO, "a circle ends"


# --- what blocks a way --------------------------------------------------------------------------------------------
def only(block: str) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": block}]}]


def test_a_way_is_closed_if_groups_allow_it_in_neither_direction() -> None:
    route = to("pcx-0d111111")
    closed = verdict(network(route, egress=only("10.77.0.0/16"), ingress=[INSIDE]))
    assert closed.answer is Answer.YES
    assert any(each.endswith(f"(vpc-0c111111 of the sources), but {GROUP} blocks it") for each in closed.because)
    assert verdict(network(route, egress=only("10.20.3.0/24"), ingress=[INSIDE])).answer is Answer.NO
    assert verdict(network(route, egress=only("10.77.0.0/16"), ingress=only("10.0.0.0/8"))).answer is Answer.NO
    by_list = [{"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-02"}]}]
    assert verdict(network(route, egress=by_list, ingress=[])).answer is Answer.NO
    peer_group = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-0peer", "VpcPeeringConnectionId": "pcx"}]}]
    assert verdict(network(route, egress=[], ingress=peer_group)).answer is Answer.NO


def test_a_way_is_closed_if_the_acl_denies_all_of_it_in_both_directions() -> None:
    route = to("pcx-0d111111")
    closed = verdict(network(route, acl=[*deny("10.20.0.0/16"), *allow_all()]))
    assert closed.answer is Answer.YES
    assert verdict(network(route, acl=[*deny("10.20.0.0/16", 200), *allow_all()])).answer is Answer.NO, "rule 100 first"
    assert verdict(network(route, acl=[*deny("10.20.0.0/17"), *allow_all()])).answer is Answer.NO
    assert verdict(network(route, acl=[*deny("10.20.0.0/16", Protocol="6"), *allow_all()])).answer is Answer.NO
    one_way = [*deny("10.20.0.0/16")[:1], *allow_all()]
    assert verdict(network(route, acl=one_way)).answer is Answer.NO
    assert verdict(network(route, acl=one_way, ingress=[])).answer is Answer.YES, "out by the ACL, in by the group"
    assert verdict(network(route, acl=[])).answer is Answer.YES, "an ACL without rules denies everything"


def test_groups_that_are_not_known_block_nothing() -> None:
    vpc = network(to("pcx-0d111111"), egress=[], ingress=[])
    assert verdict(vpc).answer is Answer.YES
    assert verdict(vpc, groups=(GROUP, "sg-0gone")).answer is Answer.NO
    assert verdict(vpc, groups=()).answer is Answer.NO, "the default group allows what it is asked for"


# --- the same VPC -------------------------------------------------------------------------------------------------
def test_an_instance_in_the_same_vpc_is_reached_by_the_local_route_unless_groups_block_it() -> None:
    found = verdict(network(interfaces=[INSTANCE]))
    assert found.because == (f"instance i-00000000000theirs is at 10.77.200.9 in {NEAR} of the same VPC",)
    closed = verdict(network(interfaces=[INSTANCE], egress=[INSIDE], ingress=[INSIDE]))
    assert closed.answer is Answer.YES
    assert f"but {GROUP} blocks it" in closed.because[-1]
    assert f"no other instances are in {VPC}" not in closed.because
    member = interface(Attachment={"InstanceId": "i-00000000000theirs"}, Groups=[{"GroupId": GROUP}])
    assert verdict(network(interfaces=[member], egress=[INSIDE], ingress=[])).answer is Answer.NO


def test_an_acl_blocks_between_subnets_and_never_within_one() -> None:
    acl = [*deny("10.77.200.0/24"), *allow_all()]
    assert verdict(network(interfaces=[INSTANCE], acl=acl)).answer is Answer.YES
    assert verdict(network(interfaces=[{**INSTANCE, "SubnetId": SUBNET}], acl=acl)).answer is Answer.NO


def test_instances_of_drills_and_interfaces_that_nothing_uses_are_no_way_out() -> None:
    ours = interface(Attachment={"InstanceId": "i-0000000000000ours"})
    assert verdict(network(interfaces=[ours, interface(Status="available")])).answer is Answer.YES


def test_addresses_of_a_secondary_range_and_of_version_6_count_too() -> None:
    more = {"PrivateIpAddress": "100.64.3.4", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::9"}]}
    vpc = network(interfaces=[{**INSTANCE, **more}], egress=only("100.64.0.0/16"), ingress=[])
    assert verdict(vpc).answer is Answer.NO
    by_6 = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}]
    assert verdict(network(interfaces=[{**INSTANCE, **more}], egress=[], ingress=by_6)).answer is Answer.NO


@pytest.mark.parametrize(
    ("service", "kind", "answer"),
    [
        ("com.amazonaws.eu-west-1.ssm", "Interface", Answer.YES),
        ("cn.com.amazonaws.cn-north-1.ecr.api", "Interface", Answer.YES),
        ("aws.sagemaker.eu-west-1.studio", "Interface", Answer.YES),
        ("com.amazonaws.vpce.eu-west-1.vpce-svc-0123456789abcdef0", "Interface", Answer.NO),
        ("org.example.billing", "Interface", Answer.NO),
        ("", "ServiceNetwork", Answer.UNKNOWN),
        ("", "Resource", Answer.UNKNOWN),
    ],
)
def test_an_endpoint_leads_to_a_service_of_aws_or_to_others(service: str, kind: str, answer: Answer) -> None:
    endpoint = {"VpcEndpointId": "vpce-01", "VpcEndpointType": kind, "ServiceName": service}
    shown = [{**endpoint, "NetworkInterfaceIds": ["eni-0d000001"]}]
    found = verdict(network(endpoints=shown, interfaces=[interface(InterfaceType="vpc_endpoint")]))
    assert found.answer is answer


def test_other_services_in_the_vpc_are_judged_by_what_they_are() -> None:
    def answer(**more: Any) -> Answer:
        vpc = network(interfaces=[interface(**more)], ingress=[INSIDE])
        return verdict(vpc).answer

    assert answer(Description="RDSNetworkInterface", Attachment={"InstanceOwnerId": "amazon-rds"}) is Answer.UNKNOWN
    assert answer(InterfaceType="network_load_balancer") is Answer.UNKNOWN
    assert answer(InterfaceType="natGateway") is Answer.YES, "its routes count, where one leads to it"
    assert answer(InterfaceType="lambda") is Answer.YES, "it takes no connections, and the group lets none in from it"
    lets_in = network(interfaces=[interface(InterfaceType="lambda")], egress=[])
    assert verdict(lets_in).answer is Answer.NO


def test_a_shared_subnet_is_not_proven_to_be_isolated_unless_groups_block_the_whole_vpc() -> None:
    found = verdict(network(), OwnerId=OTHER)
    assert found.answer is Answer.UNKNOWN
    assert f"account {OTHER} shares {SUBNET}" in found.because[0]
    assert verdict(network(egress=[], ingress=[]), OwnerId=OTHER).answer is Answer.YES
    assert verdict(network(egress=only("100.64.0.0/16"), ingress=[]), OwnerId=OTHER).answer is Answer.UNKNOWN
    assert verdict(network(acl=[]), OwnerId=OTHER).answer is Answer.UNKNOWN, "others may be in the same subnet"


# --- verdicts -----------------------------------------------------------------------------------------------------
def test_a_verdict_names_the_ways_that_surely_lead_out_first_and_not_all_of_them() -> None:
    routes = [to("pcx-0d111111", f"10.{number}.0.0/16") for number in range(12)]
    found = verdict(network(to("tgw-01", "10.99.0.0/16"), *routes))
    assert "peering" in found.because[0]
    assert found.because[-1] == "and 5 more"


def test_launch_settings_say_where_only_if_each_interface_names_its_subnet() -> None:
    def is_said(*interfaces: dict[str, Any], **more: Any) -> bool:
        return read_place(LaunchConfiguration(None), {"NetworkInterfaces": list(interfaces), **more}, None).is_said

    whole = {"SubnetId": SUBNET, "Groups": [GROUP]}
    assert is_said(whole)
    assert is_said({"SubnetId": SUBNET}, SecurityGroupIds=[GROUP])
    assert not is_said()
    assert not is_said(whole, {"Groups": [GROUP]})
    assert not is_said(whole, {"SubnetId": NEAR})
    assert not is_said({"NetworkInterfaceId": "eni-01"})
    assert not is_said({"SubnetId": SUBNET}, SecurityGroups=["by-name"])
    assert Place.list_for((), ()) == {Place(UNTOLD_SUBNET)}
