"""What EC2 describes of a network, with filters and pages, and how tests change it."""

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

PLACE = {"accountId": ACCOUNT, "region": REGION}
SOURCE, DRILL_VPC = "vpc-05011111", "vpc-0d111111"


def add(emulator: EmulatorClient, kind: str, **resource: Any) -> str:
    status, answer = emulator.control("POST", "ec2-resources", PLACE | {"kind": kind, "resource": resource})
    assert status == 201, answer
    return str(answer["id"])


def by(name: str, *values: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": list(values)}]


def test_an_account_has_a_default_network(emulator: EmulatorClient) -> None:
    ec2 = emulator.ec2
    (vpc,) = ec2.describe_vpcs(Filters=by("is-default", "true"))["Vpcs"]
    subnets = ec2.describe_subnets(Filters=by("vpc-id", vpc["VpcId"]))["Subnets"]
    assert {each["AvailabilityZone"] for each in subnets} == {f"{REGION}{zone}" for zone in "abc"}
    assert {each["AvailableIpAddressCount"] for each in subnets} == {16_379}
    (table,) = ec2.describe_route_tables(Filters=by("association.main", "true"))["RouteTables"]
    (gateway,) = ec2.describe_internet_gateways(Filters=by("attachment.vpc-id", vpc["VpcId"]))["InternetGateways"]
    routes = {each["DestinationCidrBlock"]: each["GatewayId"] for each in table["Routes"]}
    assert routes == {vpc["CidrBlock"]: "local", "0.0.0.0/0": gateway["InternetGatewayId"]}
    (acl,) = ec2.describe_network_acls(Filters=by("default", "true"))["NetworkAcls"]
    assert {each["SubnetId"] for each in acl["Associations"]} == {each["SubnetId"] for each in subnets}
    (group,) = ec2.describe_security_groups(Filters=by("group-name", "default"))["SecurityGroups"]
    (egress,) = group["IpPermissionsEgress"]
    assert (egress["IpProtocol"], egress["IpRanges"]) == ("-1", [{"CidrIp": "0.0.0.0/0"}])
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [each["ZoneName"] for each in zones] == [f"{REGION}{zone}" for zone in "abc"]


def test_a_route_to_another_vpc_is_added_and_taken_away(emulator: EmulatorClient) -> None:
    for vpc, cidr in ((SOURCE, "10.20.0.0/16"), (DRILL_VPC, "10.77.0.0/16")):
        add(emulator, "Vpc", VpcId=vpc, CidrBlock=cidr)
    subnet = add(emulator, "Subnet", VpcId=DRILL_VPC, CidrBlock="10.77.0.0/24")
    peering = add(
        emulator,
        "VpcPeeringConnection",
        RequesterVpcInfo={"VpcId": DRILL_VPC, "CidrBlock": "10.77.0.0/16", "OwnerId": ACCOUNT},
        AccepterVpcInfo={"VpcId": SOURCE, "CidrBlock": "10.20.0.0/16", "OwnerId": ACCOUNT, "Region": REGION},
    )
    local = {"DestinationCidrBlock": "10.77.0.0/16", "GatewayId": "local", "State": "active"}
    leak = {"DestinationCidrBlock": "10.20.0.0/16", "VpcPeeringConnectionId": peering, "State": "active"}
    association = {"Main": False, "RouteTableAssociationId": "rtbassoc-0d1", "SubnetId": subnet}
    table = add(emulator, "RouteTable", VpcId=DRILL_VPC, Routes=[local, leak], Associations=[association])

    def routes() -> list[dict[str, Any]]:
        found = emulator.ec2.describe_route_tables(Filters=by("association.subnet-id", subnet))["RouteTables"]
        return [dict(route) for each in found for route in each["Routes"]]

    assert routes() == [local, leak]
    by_peering = by("route.vpc-peering-connection-id", peering)
    assert emulator.ec2.describe_route_tables(Filters=by_peering)["RouteTables"][0]["RouteTableId"] == table
    active = by("status-code", "active") + by("accepter-vpc-info.vpc-id", SOURCE)
    (found,) = emulator.ec2.describe_vpc_peering_connections(Filters=active)["VpcPeeringConnections"]
    assert (found["VpcPeeringConnectionId"], found["Status"]["Code"]) == (peering, "active")
    add(emulator, "RouteTable", RouteTableId=table, Routes=[local])
    assert routes() == [local]
    assert emulator.control("DELETE", f"ec2-resources/{peering}")[0] == 200
    assert emulator.ec2.describe_vpc_peering_connections()["VpcPeeringConnections"] == []


@pytest.mark.parametrize(
    ("kind", "operation", "answer", "resource", "name", "value"),
    [
        (
            "NatGateway",
            "describe_nat_gateways",
            "NatGateways",
            {"VpcId": SOURCE, "SubnetId": "subnet-01"},
            "vpc-id",
            SOURCE,
        ),
        ("VpnGateway", "describe_vpn_gateways", "VpnGateways", {"Type": "ipsec.1"}, "state", "available"),
        (
            "TransitGatewayAttachment",
            "describe_transit_gateway_attachments",
            "TransitGatewayAttachments",
            {"TransitGatewayId": "tgw-01", "ResourceId": SOURCE, "ResourceType": "vpc"},
            "resource-id",
            SOURCE,
        ),
        (
            "TransitGatewayVpcAttachment",
            "describe_transit_gateway_vpc_attachments",
            "TransitGatewayVpcAttachments",
            {"TransitGatewayId": "tgw-01", "VpcId": SOURCE, "SubnetIds": ["subnet-01"]},
            "vpc-id",
            SOURCE,
        ),
        (
            "EgressOnlyInternetGateway",
            "describe_egress_only_internet_gateways",
            "EgressOnlyInternetGateways",
            {"Attachments": [{"VpcId": SOURCE, "State": "attached"}]},
            "attachment.vpc-id",
            SOURCE,
        ),
        (
            "TransitGatewayRouteTable",
            "describe_transit_gateway_route_tables",
            "TransitGatewayRouteTables",
            {"TransitGatewayId": "tgw-01", "State": "available"},
            "transit-gateway-id",
            "tgw-01",
        ),
        (
            "TransitGateway",
            "describe_transit_gateways",
            "TransitGateways",
            {"State": "available"},
            "state",
            "available",
        ),
        (
            "VpnConnection",
            "describe_vpn_connections",
            "VpnConnections",
            {"VpnGatewayId": "vgw-01", "State": "available"},
            "vpn-gateway-id",
            "vgw-01",
        ),
        (
            "DhcpOptions",
            "describe_dhcp_options",
            "DhcpOptions",
            {"DhcpConfigurations": [{"Key": "domain-name", "Values": [{"Value": "shop.internal"}]}]},
            "dhcp-options-id",
            "dopt-*",
        ),
        (
            "ManagedPrefixList",
            "describe_managed_prefix_lists",
            "PrefixLists",
            {"PrefixListName": "offices"},
            "prefix-list-name",
            "offices",
        ),
        (
            "VpcEndpoint",
            "describe_vpc_endpoints",
            "VpcEndpoints",
            {"VpcId": SOURCE, "ServiceName": "com.amazonaws.eu-west-1.ssm", "State": "Available"},
            "service-name",
            "*.ssm",
        ),
        (
            "NetworkInterface",
            "describe_network_interfaces",
            "NetworkInterfaces",
            {"SubnetId": "subnet-01", "VpcId": SOURCE, "PrivateIpAddress": "10.20.0.9"},
            "private-ip-address",
            "10.20.0.?",
        ),
        ("Address", "describe_addresses", "Addresses", {"PublicIp": "203.0.113.7", "Domain": "vpc"}, "domain", "vpc"),
        ("KeyPairInfo", "describe_key_pairs", "KeyPairs", {"KeyName": "ops"}, "key-name", "ops"),
        ("SecurityGroup", "describe_security_groups", "SecurityGroups", {"VpcId": SOURCE}, "vpc-id", SOURCE),
        ("NetworkAcl", "describe_network_acls", "NetworkAcls", {"VpcId": SOURCE}, "vpc-id", SOURCE),
    ],
)
def test_a_resource_of_each_kind_is_described_as_it_was_added(
    emulator: EmulatorClient, kind: str, operation: str, answer: str, resource: dict[str, Any], name: str, value: str
) -> None:
    add(emulator, kind, **resource)
    filters = {"Filter" if kind == "NatGateway" else "Filters": by(name, value)}
    (found,) = getattr(emulator.ec2, operation)(**filters)[answer]
    assert found.items() >= resource.items()
    filters = {key: by(name, "another") for key in filters}
    assert getattr(emulator.ec2, operation)(**filters)[answer] == []


def test_an_unknown_id_fails_the_whole_call_and_a_filter_must_exist(emulator: EmulatorClient) -> None:
    known = emulator.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    with pytest.raises(ClientError, match=r"InvalidSubnetID\.NotFound.*subnet-00000000"):
        emulator.ec2.describe_subnets(SubnetIds=[known, "subnet-00000000"])
    with pytest.raises(ClientError, match=r"InvalidGroup\.NotFound"):
        emulator.ec2.describe_security_groups(GroupIds=["sg-00000000"])
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*The filter 'flavour' is invalid"):
        emulator.ec2.describe_subnets(Filters=by("flavour", "sweet"))
    vpc = emulator.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for number in range(3):
        add(emulator, "Subnet", VpcId=vpc, CidrBlock=f"10.0.{200 + number}.0/24")
    pages = emulator.ec2.get_paginator("describe_subnets").paginate(PaginationConfig={"PageSize": 5})
    assert [len(page["Subnets"]) for page in pages] == [5, 1]


@pytest.mark.parametrize(
    ("kind", "resource", "field"),
    [
        ("Moon", {}, "kind"),
        ("Subnet", {"CidrBlock": "10.0.0.0/24"}, "resource.VpcId"),
        ("Subnet", {"VpcId": SOURCE, "CidrBlock": "10.0.0.0/24"}, "resource.VpcId"),
        ("Subnet", {"VpcId": DRILL_VPC, "CidrBlock": "10.0.0.1/24"}, "resource.CidrBlock"),
        ("RouteTable", {"VpcId": DRILL_VPC, "Routes": [{"GatewayId": 7}]}, "resource.Routes[0].GatewayId"),
        ("NatGateway", {"State": "asleep"}, "resource.State"),
        ("SecurityGroup", {"VpcId": DRILL_VPC, "Colour": "red"}, "resource.Colour"),
    ],
)
def test_a_bad_resource_is_rejected_and_its_field_is_named(
    emulator: EmulatorClient, kind: str, resource: dict[str, Any], field: str
) -> None:
    add(emulator, "Vpc", VpcId=DRILL_VPC, CidrBlock="10.0.0.0/16")
    before = emulator.control("GET", "ec2-resources")
    status, answer = emulator.control("POST", "ec2-resources", PLACE | {"kind": kind, "resource": resource})
    assert (status, answer["message"].split(":")[0]) == (400, field)
    assert emulator.control("GET", "ec2-resources") == before


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("DELETE", "ec2-resources/vpc-00000000", None, "id"),
        ("DELETE", "instance-profiles/unknown", None, "name"),
        ("POST", "instance-profiles", {"accountId": ACCOUNT, "name": "a b"}, "name"),
        ("PATCH", "launch-templates/lt-00000000000000000", PLACE | {"defaultVersion": 1}, "id"),
        ("PATCH", "launch-templates/lt-00000000000000000", PLACE | {"defaultVersion": 0}, "defaultVersion"),
        ("PUT", "service-quotas", PLACE | {"quotaCode": "L-1", "value": 1}, "quotaCode"),
        ("PUT", "service-quotas", PLACE | {"quotaCode": "L-1216C47A", "value": -1}, "value"),
        ("PUT", "service-quotas", PLACE | {"serviceCode": "drs", "quotaCode": "L-D88FAC3A", "value": 1}, "serviceCode"),
        ("PUT", "instance-type-offerings", PLACE | {"instanceType": "m5.huge", "zones": []}, "instanceType"),
        ("PUT", "instance-type-offerings", PLACE | {"instanceType": "m5.large", "zones": "a"}, "zones"),
        ("POST", "ec2-instances", PLACE | {"subnetId": "subnet-00000000"}, "subnetId"),
        ("POST", "ec2-instances", PLACE | {"privateIpAddress": "192.168.0.1"}, "privateIpAddress"),
        ("POST", "ec2-instances", PLACE | {"instanceType": "m5.huge"}, "instanceType"),
    ],
)
def test_bad_changes_are_rejected_and_their_field_is_named(
    emulator: EmulatorClient, method: str, path: str, body: object, field: str
) -> None:
    status, answer = emulator.control(method, path, body)
    assert (status, answer["message"].split(":")[0]) == (400, field)


def test_instances_are_filtered_by_where_they_are(emulator: EmulatorClient) -> None:
    first, second = (each["SubnetId"] for each in emulator.ec2.describe_subnets()["Subnets"][:2])
    for subnet, state in ((first, "running"), (first, "stopped"), *[(second, "running")] * 4):
        emulator.control("POST", "ec2-instances", PLACE | {"subnetId": subnet, "state": state, "tags": {"at": subnet}})
    filters = by("subnet-id", first) + by("instance-state-name", "running", "pending")
    found = emulator.ec2.describe_instances(Filters=filters)["Reservations"]
    assert [each["Instances"][0]["SubnetId"] for each in found] == [first]
    pages = emulator.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    assert [len(page["Reservations"]) for page in pages] == [5, 1]
    assert len(emulator.ec2.describe_instances(Filters=by("tag:at", second))["Reservations"]) == 4


def test_a_placed_instance_has_a_network_interface(emulator: EmulatorClient) -> None:
    subnet = emulator.ec2.describe_subnets()["Subnets"][0]
    status, instance = emulator.control(
        "POST", "ec2-instances", PLACE | {"state": "running", "subnetId": subnet["SubnetId"]}
    )
    assert status == 201
    (shown,) = emulator.ec2.describe_network_interfaces(Filters=by("vpc-id", subnet["VpcId"]))["NetworkInterfaces"]
    (described,) = emulator.ec2.describe_instances()["Reservations"][0]["Instances"]
    assert shown["Attachment"]["InstanceId"] == instance["instanceId"]
    assert shown["NetworkInterfaceId"] == described["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert (shown["SubnetId"], shown["PrivateIpAddress"]) == (subnet["SubnetId"], described["PrivateIpAddress"])
    found = emulator.ec2.describe_network_interfaces(NetworkInterfaceIds=[shown["NetworkInterfaceId"]])
    assert len(found["NetworkInterfaces"]) == 1


def test_every_describing_operation_of_ec2_answers_in_every_profile(any_profile: EmulatorClient) -> None:
    emulator = any_profile
    emulator.start(emulator.seed(2))
    emulator.advance(2 * DRILL)
    built = emulator.control("GET", "health")[1]["otherServices"]["ec2"]
    describing = [name for name in built if name.startswith("Describe")]
    assert len(describing) > 25
    for name in describing:
        more = {"Versions": ["$Default"]} if name == "DescribeLaunchTemplateVersions" else {}
        answer = getattr(emulator.ec2, xform_name(name))(**more)
        assert any(isinstance(value, list) for value in answer.values())
    calls = emulator.control("GET", "calls")[1]["operations"]
    assert all(calls[name] == {"OK": 1} for name in describing)
