"""Runs of servers with launch profiles, in the networks of the sandbox, and what came of them in EC2."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox import networks
from tests.support.product import HUB, WEST, Product
from tests.support.shops import target_client

DRILL: Mapping[str, Any] = {
    "subnets": networks.drill_subnets(WEST),
    "securityGroups": [networks.DRILL_GROUP],
    "privateIp": "release",
}
"""A profile of drills that requires nothing of the network."""

DRILL_SUBNETS = frozenset(networks.DRILL_SUBNETS.values())

WRITES = ("UpdateLaunchConfiguration", "CreateLaunchTemplateVersion", "ModifyLaunchTemplate")
"""The calls that change launch settings."""


def lay_networks(product: Product) -> None:
    """Create the networks for drills and recoveries in the first target."""

    def control(method: str, path: str, body: Any) -> None:
        product.emulator.control.add_ec2_resource(body["kind"], body["accountId"], body["region"], body["resource"])

    networks.lay_networks(control, HUB, WEST)


def plan_of(product: Product, servers: Sequence[str], profiles: Mapping[str, Any], **more: Any) -> str:
    """A plan of one wave with one group, which has these profiles; returns its id."""
    return product.plan({"name": "web", "groups": [product.group(servers, launchProfiles=profiles)]}, **more)


def launched(product: Product) -> dict[str, dict[str, Any]]:
    """The running instances as EC2 describes them, by the source server that their tag names."""
    pages = target_client(product, "ec2").describe_instances()["Reservations"]
    found = [each for page in pages for each in page["Instances"] if each["State"]["Name"] in ("pending", "running")]
    return {read_tags(each)["AWSElasticDisasterRecoverySourceServerID"]: each for each in found}


def read_tags(instance: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an instance."""
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}


def calls_made(product: Product, *operations: str) -> list[str]:
    """The calls of these operations, in the order in which the emulator received them."""
    calls = product.emulator.control.calls(detail=True)["calls"]
    return [call["operation"] for call in calls if call["operation"] in operations]


def add_subnet(product: Product, subnet_id: str, cidr: str, **more: Any) -> str:
    """A subnet of the network for drills with another range; returns its id."""
    resource = {"SubnetId": subnet_id, "VpcId": networks.DRILL_VPC, "CidrBlock": cidr, "AvailabilityZone": f"{WEST}a"}
    return product.emulator.control.add_ec2_resource("Subnet", HUB, WEST, {**resource, **more})
