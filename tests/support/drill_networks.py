"""A VPC for drills in the emulator: one subnet and one security group."""

from tests.support.product import HUB, WEST, Product

DRILL_VPC, DRILL_SUBNET, DRILL_GROUP = "vpc-0d1111111111111d1", "subnet-0d1111111111111d1", "sg-0d1111111111111d1"


def add_drill_network(product: Product) -> None:
    """A VPC for drills with a subnet in one zone and a security group."""
    add = product.emulator.control.add_ec2_resource
    add("Vpc", HUB, WEST, {"VpcId": DRILL_VPC, "CidrBlock": "10.99.0.0/16"})
    subnet = {"SubnetId": DRILL_SUBNET, "VpcId": DRILL_VPC, "CidrBlock": "10.99.1.0/24"}
    add("Subnet", HUB, WEST, {**subnet, "AvailabilityZone": f"{WEST}a", "AvailableIpAddressCount": 250})
    add("SecurityGroup", HUB, WEST, {"GroupId": DRILL_GROUP, "VpcId": DRILL_VPC, "GroupName": "drill"})
