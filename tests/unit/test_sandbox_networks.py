"""The networks that each account and Region of the sandbox has: what they are, and what a person changes of them."""

from typing import Any

import pytest

from api.schemas.requests.launch_profiles import LaunchProfilesRequest
from drs_emulator import Emulator
from sandbox import networks
from sandbox.networks import DRILL_ROUTES, DRILL_VPC, RECOVERY_ROUTES, RECOVERY_VPC

HUB, WEST, EUROPE = "111122223333", "us-west-2", "eu-central-1"


@pytest.fixture
def emulator() -> Emulator:
    made = Emulator()
    for region in (WEST, EUROPE):
        networks.lay_networks(control(made), HUB, region)
    return made


def control(emulator: Emulator) -> networks.Control:
    def send(method: str, path: str, body: Any) -> Any:
        assert (method, path) == ("POST", "/ec2-resources")
        return emulator.control.add_ec2_resource(body["kind"], body["accountId"], body["region"], body["resource"])

    return send


def resources(emulator: Emulator, kind: str, region: str = WEST) -> dict[str, Any]:
    listed = emulator.control.ec2_resources()
    return {each["id"]: each["resource"] for each in listed if (each["kind"], each["region"]) == (kind, region)}


def destinations(emulator: Emulator, table: str, region: str = WEST) -> set[str]:
    routes = resources(emulator, "RouteTable", region)[table]["Routes"]
    return {each["DestinationCidrBlock"] for each in routes}


def test_drills_have_subnets_in_two_zones_and_no_way_out_but_to_services_of_aws(emulator: Emulator) -> None:
    subnets = resources(emulator, "Subnet", EUROPE)
    assert networks.drill_subnets(EUROPE) == {
        each["AvailabilityZone"]: name for name, each in subnets.items() if each["VpcId"] == DRILL_VPC
    }
    assert set(networks.drill_subnets(EUROPE)) == {"eu-central-1a", "eu-central-1b"}
    assert destinations(emulator, DRILL_ROUTES, EUROPE) == {"10.77.0.0/16"}
    endpoints = [each for each in resources(emulator, "VpcEndpoint", EUROPE).values() if each["VpcId"] == DRILL_VPC]
    assert {each["ServiceName"] for each in endpoints} == {
        f"com.amazonaws.eu-central-1.{service}" for service in ("ssm", "ssmmessages", "ec2messages")
    }


def test_recoveries_have_subnets_in_two_zones_that_reach_the_sources(emulator: Emulator) -> None:
    subnets = resources(emulator, "Subnet")
    assert networks.recovery_subnets(WEST) == {
        each["AvailabilityZone"]: name for name, each in subnets.items() if each["VpcId"] == RECOVERY_VPC
    }
    assert destinations(emulator, RECOVERY_ROUTES) == {"10.20.0.0/16", "10.1.0.0/16"}


def test_networks_that_are_laid_again_are_as_they_began(emulator: Emulator) -> None:
    before = emulator.control.ec2_resources()
    routes = networks.build_drill_routes(networks.build_route_to_sources())
    networks.set_resource(control(emulator), HUB, WEST, "RouteTable", routes)
    assert "10.1.0.0/16" in destinations(emulator, DRILL_ROUTES)
    networks.lay_networks(control(emulator), HUB, WEST)
    assert emulator.control.ec2_resources() == before


def test_a_profile_can_name_them() -> None:
    drill = {"subnets": networks.drill_subnets(WEST), "securityGroups": [networks.DRILL_GROUP]}
    recovery = {"subnets": networks.recovery_subnets(WEST), "securityGroups": [networks.RECOVERY_GROUP]}
    profiles = LaunchProfilesRequest.model_validate({"drill": drill, "recovery": recovery}).to_profiles()
    assert profiles.to_item() == {"drill": drill, "recovery": recovery}
