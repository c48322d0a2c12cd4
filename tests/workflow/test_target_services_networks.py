"""What isolation and launch profiles read of the networks of a target, and how many calls that takes."""

from collections.abc import Iterator

import pytest

from recovery.target_services import networks
from tests.support.product import HUB, WEST
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
