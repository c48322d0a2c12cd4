"""Subnets that servers are launched into."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet as EC2 describes it. `free_addresses` is how many it has left."""

    subnet_id: str
    vpc_id: str
    zone: str
    cidr: str
    free_addresses: int = 0
    is_default: bool = False

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Subnet":
        """Read EC2's Subnet shape. A subnet with addresses of version 6 only has no `cidr`."""
        return cls(
            subnet_id=item["SubnetId"],
            vpc_id=item.get("VpcId", ""),
            zone=item.get("AvailabilityZone", ""),
            cidr=item.get("CidrBlock", ""),
            free_addresses=int(item.get("AvailableIpAddressCount", 0)),
            is_default=bool(item.get("DefaultForAz", False)),
        )

    def contains(self, address: str) -> bool:
        """Whether the address is in the subnet's range."""
        return bool(self.cidr) and ipaddress.ip_address(address) in ipaddress.ip_network(self.cidr)

    def reserves(self, address: str) -> bool:
        """Whether AWS keeps the address: the first four of a subnet and the last (VPC guide, "Subnet CIDR blocks")."""
        network = ipaddress.ip_network(self.cidr)
        number = int(ipaddress.ip_address(address)) - int(network.network_address)
        return not 4 <= number < network.num_addresses - 1
