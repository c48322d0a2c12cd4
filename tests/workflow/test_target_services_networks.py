"""What isolation and launch profiles read of the networks of a target, and how many calls that takes."""

from collections.abc import Iterator

import pytest

from recovery.domain.launch_profiles.subnets import Subnet
from recovery.target_services import networks
from tests.support.product import HUB, OTHER, WEST
from tests.support.recovered_instances import TARGET, Recovered, recovered


@pytest.fixture
def world() -> Iterator[Recovered]:
    with recovered() as found:
        yield found


def add(world: Recovered, kind: str, **resource: object) -> None:
    world.control.add_ec2_resource(kind, HUB, WEST, resource)


def test_subnets_are_found_by_id_and_unknown_ones_are_left_out(world: Recovered) -> None:
    add(world, "Vpc", VpcId="vpc-0d111111", CidrBlock="10.77.0.0/16")
    add(
        world, "Subnet", SubnetId="subnet-0d111111", VpcId="vpc-0d111111", CidrBlock="10.77.0.0/24",
        AvailabilityZone=f"{WEST}b", AvailableIpAddressCount=20,
    )  # fmt: skip
    found = networks.describe_subnets(TARGET, ["subnet-0d111111", "subnet-0eeeeeee"])
    assert list(found) == ["subnet-0d111111"]
    subnet = found["subnet-0d111111"]
    assert (subnet.vpc_id, subnet.zone, subnet.cidr) == ("vpc-0d111111", f"{WEST}b", "10.77.0.0/24")
    assert subnet.free_addresses == 20
    assert len(networks.describe_subnets(TARGET, None)) == 4, "those of the default VPC, too"
    assert networks.describe_subnets(TARGET, []) == {}
    assert world.calls("DescribeSubnets") == 2


def test_the_networks_around_subnets_take_a_call_for_each_kind_and_page(world: Recovered) -> None:
    add(world, "Vpc", VpcId="vpc-0d111111", CidrBlock="10.77.0.0/16")
    add(world, "Subnet", SubnetId="subnet-0d111111", VpcId="vpc-0d111111", CidrBlock="10.77.0.0/24")
    for number in range(103):
        route = {"DestinationCidrBlock": "10.20.0.0/16", "VpcPeeringConnectionId": "pcx-0d111111", "State": "active"}
        add(world, "RouteTable", RouteTableId=f"rtb-{number:08}", VpcId="vpc-0d111111", Routes=[route])
    peer = {"VpcId": "vpc-0c111111", "OwnerId": OTHER}
    add(
        world, "VpcPeeringConnection", VpcPeeringConnectionId="pcx-0d111111",
        RequesterVpcInfo={"VpcId": "vpc-0d111111"}, AccepterVpcInfo=peer,
    )  # fmt: skip
    found = networks.read_networks(TARGET, ["subnet-0d111111", "subnet-0eeeeeee"])
    assert list(found.subnets) == ["subnet-0d111111"]
    (vpc,) = found.vpcs.values()
    assert len(vpc.tables) == 103
    assert vpc.peerings["pcx-0d111111"].vpcs["vpc-0c111111"] == OTHER
    assert world.control.calls()["total"] == 9, "two pages of route tables"


def test_an_instance_of_a_drill_is_an_interface_in_its_subnet(world: Recovered) -> None:
    (instance,) = world.launch("db01").values()
    (subnet,) = {each.subnet_id for each in networks.describe_subnets(TARGET, None).values() if in_use(world, each)}
    (vpc,) = networks.read_networks(TARGET, [subnet]).vpcs.values()
    (interface,) = vpc.interfaces
    assert (interface.instance_id, interface.subnet_id, interface.is_in_use) == (instance, subnet, True)
    default = vpc.default_group
    assert default is not None
    assert interface.groups == {default.group_id}


def in_use(world: Recovered, subnet: Subnet) -> bool:
    """Whether an instance has taken an address of it."""
    shown = world.emulator.ec2_client(HUB, WEST).describe_instances()["Reservations"]
    return any(each["SubnetId"] == subnet.subnet_id for page in shown for each in page["Instances"])
