"""EC2's networks of a target: the subnets that servers are launched into, and what surrounds them."""

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

# A filter takes at most 200 values (EC2's API reference).
MAX_VALUES = 200

# The most entries of a page that the operations permit (botocore's ec2 model); DescribeRouteTables permits fewer.
PAGE, PAGE_OF_TABLES = 1_000, 100

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Networks:
    """Subnets by id, those that EC2 knows, and their VPCs by id."""

    subnets: Mapping[str, PlacedSubnet]
    vpcs: Mapping[str, VpcNetwork]


def describe_subnets(target: Target, subnet_ids: Iterable[str] | None) -> dict[str, Subnet]:
    """The subnets with these ids that EC2 knows, by id; all of the target for None. One call for 200 ids.

    It uses a filter, because one unknown id in `SubnetIds` makes EC2 refuse the whole call. Raise TargetAccessDenied,
    TargetRefused, and errors that are transient.
    """
    found = _find(target, "describe_subnets", "Subnets", "subnet-id", subnet_ids, Permission.PROFILES)
    return {subnet.subnet_id: subnet for subnet in map(Subnet.from_ec2, found)}


def read_networks(target: Target, subnet_ids: Iterable[str]) -> Networks:
    """The subnets with their VPCs, as far as isolation depends on them.

    It takes eight calls for up to 200 subnets and 200 VPCs, one of them only if there are peerings, and one for each
    further page. Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    found = _find(target, "describe_subnets", "Subnets", "subnet-id", subnet_ids, Permission.READINESS)
    subnets = {subnet.subnet_id: subnet for subnet in map(PlacedSubnet.from_ec2, found)}
    vpc_ids = sorted({subnet.vpc_id for subnet in subnets.values()})
    vpcs = _by_vpc(target, "describe_vpcs", "Vpcs", vpc_ids)
    tables = _by_vpc(target, "describe_route_tables", "RouteTables", vpc_ids, PAGE_OF_TABLES)
    acls = _by_vpc(target, "describe_network_acls", "NetworkAcls", vpc_ids)
    groups = _by_vpc(target, "describe_security_groups", "SecurityGroups", vpc_ids)
    endpoints = _by_vpc(target, "describe_vpc_endpoints", "VpcEndpoints", vpc_ids)
    interfaces = _by_vpc(target, "describe_network_interfaces", "NetworkInterfaces", vpc_ids)
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


def _by_vpc(target: Target, method: str, member: str, vpc_ids: list[str], page: int = PAGE) -> dict[str, list[Item]]:
    """What the operation lists, by VPC."""
    found: dict[str, list[Item]] = {vpc_id: [] for vpc_id in vpc_ids}
    for item in _find(target, method, member, "vpc-id", vpc_ids, Permission.READINESS, page):
        found[item["VpcId"]].append(item)
    return found


def _find_peerings(target: Target, tables: Iterable[Item]) -> dict[str, Peering]:
    """The peerings that routes lead to, by id."""
    routes = (route for table in tables for route in table.get("Routes") or ())
    ids = {route["VpcPeeringConnectionId"] for route in routes if route.get("VpcPeeringConnectionId")}
    by, member = "vpc-peering-connection-id", "VpcPeeringConnections"
    found = _find(target, "describe_vpc_peering_connections", member, by, ids, Permission.READINESS)
    return {peering.peering_id: peering for peering in map(Peering.from_ec2, found)}


def _find(
    target: Target,
    method: str,
    member: str,
    by: str,
    values: Iterable[str] | None,
    permission: Permission,
    page: int = PAGE,
) -> Iterator[Item]:
    """What the operation lists for each part of the values of its filter `by`; everything for None."""
    ids = None if values is None else sorted(set(values))
    parts = [None] if ids is None else [ids[at : at + MAX_VALUES] for at in range(0, len(ids), MAX_VALUES)]
    for part in parts:
        filters = {} if part is None else {"Filters": [{"Name": by, "Values": part}]}
        pages = calls.read_pages(target, "ec2", method, permission=permission, MaxResults=page, **filters)
        for each in pages:
            yield from each[member]
