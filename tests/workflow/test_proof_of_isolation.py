"""Which instances in a network belong to drills, also before DRS lists them, and what one proof costs."""

from collections.abc import Iterator

import pytest

from recovery.domain.isolation.verdicts import UNTOLD_SUBNET, Answer, IsolationVerdict, Place
from recovery.errors import RetryExhausted
from recovery.isolation.prove import prove
from sandbox import networks
from tests.support.product import HUB, WEST
from tests.support.recovered_instances import DRILL_SECONDS, TARGET, Recovered, recovered

PLACE = Place.of(networks.DRILL_SUBNETS["a"], [networks.DRILL_GROUP])


@pytest.fixture
def world() -> Iterator[Recovered]:
    with recovered() as found:
        for kind, resource in (
            ("Vpc", {"VpcId": networks.DRILL_VPC, "CidrBlock": networks.DRILL_CIDR}),
            ("Subnet", {"SubnetId": PLACE.subnet_id, "VpcId": networks.DRILL_VPC, "CidrBlock": "10.77.0.0/17"}),
            ("SecurityGroup", {"GroupId": networks.DRILL_GROUP, "VpcId": networks.DRILL_VPC}),
            ("RouteTable", networks.build_drill_routes()),
        ):
            found.control.add_ec2_resource(kind, HUB, WEST, resource)
        s3 = {"VpcEndpointId": "vpce-0d111153", "VpcEndpointType": "Gateway", "VpcId": networks.DRILL_VPC}
        name = f"com.amazonaws.{WEST}.s3"
        found.control.add_ec2_resource("VpcEndpoint", HUB, WEST, {**s3, "ServiceName": name})
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        group = {"GroupId": networks.DRILL_GROUP, "IpPermissions": everything, "IpPermissionsEgress": everything}
        found.control.add_ec2_resource("SecurityGroup", HUB, WEST, group)
        yield found


def launch(world: Recovered, *, is_drill: bool) -> str:
    """Launch a new server into the place; return its id."""
    (server,) = world.emulator.seed(HUB, WEST, [{"hostname": f"db{world.now:.0f}"}])
    drs, ec2 = world.emulator.client(HUB, WEST), world.emulator.ec2_client(HUB, WEST)
    template = drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]
    interface = {"DeviceIndex": 0, "SubnetId": PLACE.subnet_id, "Groups": list(PLACE.security_groups)}
    ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData={"NetworkInterfaces": [interface]})  # type: ignore[list-item]
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=is_drill)
    world.wait(DRILL_SECONDS)
    return server


def proven(world: Recovered) -> IsolationVerdict:
    return prove(TARGET, [PLACE])[PLACE]


def test_an_empty_network_is_isolated_and_costs_seven_calls(world: Recovered) -> None:
    assert proven(world).answer is Answer.YES
    assert world.control.calls()["total"] == 7, "without peerings and instances"


@pytest.mark.parametrize("delay", [0, 3_600])
def test_instances_of_drills_belong_there_also_before_drs_lists_them(world: Recovered, delay: int) -> None:
    world.play(instanceDelaySeconds=delay)
    launch(world, is_drill=True)
    listed = world.emulator.client(HUB, WEST).describe_recovery_instances()["items"]
    assert len(listed) == (0 if delay else 1)
    assert proven(world).answer is Answer.YES


@pytest.mark.parametrize("delay", [0, 3_600])
def test_instances_of_recoveries_never_do(world: Recovered, delay: int) -> None:
    world.play(instanceDelaySeconds=delay)
    launch(world, is_drill=False)
    found = proven(world)
    assert found.answer is Answer.NO
    assert found.because[0].startswith("instance i-")


def test_a_place_that_ec2_does_not_know_or_that_nobody_names_is_unknown(world: Recovered) -> None:
    gone, untold = Place.of("subnet-0eeeeeee", ["sg-0eeeeeee"]), Place(UNTOLD_SUBNET)
    found = prove(TARGET, [gone, untold, PLACE])
    assert [found[each].answer for each in (gone, untold, PLACE)] == [Answer.UNKNOWN, Answer.UNKNOWN, Answer.YES]
    assert "EC2 does not know subnet-0eeeeeee" in found[gone].because
    assert prove(TARGET, []) == {}


def test_a_fault_that_lasts_is_an_error_and_no_answer(world: Recovered) -> None:
    world.fault("THROTTLING", "DescribeRouteTables")
    with pytest.raises(RetryExhausted):
        proven(world)
