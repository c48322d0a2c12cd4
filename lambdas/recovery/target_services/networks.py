"""EC2's networks of a target: the subnets that servers are launched into, and what surrounds them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# The most entries of a page that DescribeRouteTables permits (botocore's ec2 model).
PAGE_OF_TABLES = 100

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Networks:
    """Subnets by id, those that EC2 knows, and their VPCs by id."""

    subnets: Mapping[str, PlacedSubnet]
    vpcs: Mapping[str, VpcNetwork]


def describe_subnets(target: Target, subnet_ids: Iterable[str] | None) -> dict[str, Subnet]:
    """The subnets with these ids that EC2 knows, by id; all of the target for None. One call for 200 ids.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    pages = calls.read_filtered(
        target, "ec2", "describe_subnets", permission=Permission.PROFILES, by="subnet-id", values=subnet_ids
    )
    return {subnet.subnet_id: subnet for page in pages for subnet in map(Subnet.from_ec2, page["Subnets"])}


def read_networks(target: Target, subnet_ids: Iterable[str]) -> Networks:
    """The subnets with their VPCs, as far as isolation depends on them.

    It takes eight calls for up to 200 subnets and 200 VPCs, one of them only if there are peerings, and one for each
    further page. Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    by_subnet: Any = {"permission": Permission.READINESS, "by": "subnet-id", "values": subnet_ids}
    shown = _items(calls.read_filtered(target, "ec2", "describe_subnets", **by_subnet), "Subnets")
    subnets = {subnet.subnet_id: subnet for subnet in map(PlacedSubnet.from_ec2, shown)}
    vpc_ids = sorted({subnet.vpc_id for subnet in subnets.values()})
    by_vpc: Any = {"permission": Permission.READINESS, "by": "vpc-id", "values": vpc_ids}
    vpcs = _sort(calls.read_filtered(target, "ec2", "describe_vpcs", **by_vpc), "Vpcs")
    tables = _sort(
        calls.read_filtered(target, "ec2", "describe_route_tables", **by_vpc, page=PAGE_OF_TABLES), "RouteTables"
    )
    acls = _sort(calls.read_filtered(target, "ec2", "describe_network_acls", **by_vpc), "NetworkAcls")
    groups = _sort(calls.read_filtered(target, "ec2", "describe_security_groups", **by_vpc), "SecurityGroups")
    endpoints = _sort(calls.read_filtered(target, "ec2", "describe_vpc_endpoints", **by_vpc), "VpcEndpoints")
    interfaces = _sort(calls.read_filtered(target, "ec2", "describe_network_interfaces", **by_vpc), "NetworkInterfaces")
    peerings = _find_peerings(target, (table for each in tables.values() for table in each))
    return Networks(
        subnets,
        {
            vpc_id: VpcNetwork(
                vpc_id=vpc_id,
                ranges=tuple(each for vpc in vpcs[vpc_id] for each in read_vpc_ranges(vpc)),
                tables=tuple(map(RouteTable.from_ec2, tables[vpc_id])),
                acls=tuple(map(Acl.from_ec2, acls[vpc_id])),
                groups={group["GroupId"]: SecurityGroup.from_ec2(group) for group in groups[vpc_id]},
                endpoints=tuple(map(Endpoint.from_ec2, endpoints[vpc_id])),
                interfaces=tuple(map(Interface.from_ec2, interfaces[vpc_id])),
                peerings=peerings,
            )
            for vpc_id in vpc_ids
        },
    )


def _find_peerings(target: Target, tables: Iterable[Item]) -> dict[str, Peering]:
    """The peerings that routes lead to, by id."""
    routes = (route for table in tables for route in table.get("Routes") or ())
    ids = {route["VpcPeeringConnectionId"] for route in routes if route.get("VpcPeeringConnectionId")}
    by_id: Any = {"permission": Permission.READINESS, "by": "vpc-peering-connection-id", "values": ids}
    pages = calls.read_filtered(target, "ec2", "describe_vpc_peering_connections", **by_id)
    peerings = map(Peering.from_ec2, _items(pages, "VpcPeeringConnections"))
    return {peering.peering_id: peering for peering in peerings}


def _items(pages: Iterable[Item], member: str) -> Iterator[Item]:
    return (item for page in pages for item in page[member])


def _sort(pages: Iterable[Item], member: str) -> Mapping[str, list[Item]]:
    """What the pages list, by VPC."""
    found = defaultdict[str, list[Item]](list)
    for item in _items(pages, member):
        found[item["VpcId"]].append(item)
    return found
