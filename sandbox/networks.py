"""The networks of each account and Region of the sandbox: one for drills, one for recoveries, and that of the sources.

Their ids are the same in every account and Region, so that a plan file can name them. The network of drills has no way
out but endpoints for services of AWS. That of recoveries is peered with the network of the sources. A peering of the
network of drills with that of the sources waits for a route: `build_route_to_sources` makes it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

SOURCE_VPC, SOURCE_CIDR = "vpc-0c111111", "10.1.0.0/16"
"""The network of the source servers. It is another account's, and the emulator gives servers addresses of it."""

DRILL_VPC, DRILL_CIDR = "vpc-0d111111", "10.77.0.0/16"
DRILL_SUBNETS: Mapping[str, str] = {"a": "subnet-0d11111a", "b": "subnet-0d11111b"}
"""Subnets by the letter of their zone."""
DRILL_GROUP, DRILL_ROUTES, DRILL_PEERING = "sg-0d111111", "rtb-0d111111", "pcx-0d111111"

RECOVERY_VPC, RECOVERY_CIDR = "vpc-0a111111", "10.20.0.0/16"
RECOVERY_SUBNETS: Mapping[str, str] = {"a": "subnet-0a11111a", "b": "subnet-0a11111b"}
RECOVERY_GROUP, RECOVERY_ROUTES, RECOVERY_PEERING = "sg-0a111111", "rtb-0a111111", "pcx-0a111111"

Control = Callable[[str, str, Any], Any]
"""Calls the control API of the emulator: method, path, body."""
Resource = dict[str, Any]

_RANGES: Mapping[str, Mapping[str, str]] = {
    DRILL_VPC: {"a": "10.77.0.0/17", "b": "10.77.128.0/17"},
    RECOVERY_VPC: {"a": "10.20.0.0/17", "b": "10.20.128.0/17"},
}
_EVERYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def list_rights() -> dict[str, str]:
    """The parameters of the target role that let launches be looked at, changed, and held capacity for."""
    return {"AllowDeepReadiness": "true", "AllowLaunchProfiles": "true", "AllowCapacityReservations": "true"}


def lay_networks(control: Control, account_id: str, region: str) -> None:
    """Create the networks of an account and Region, or set them back to how they begin."""
    for kind, resource in (
        *_network(region, DRILL_VPC, DRILL_CIDR, DRILL_SUBNETS, DRILL_GROUP),
        *_network(region, RECOVERY_VPC, RECOVERY_CIDR, RECOVERY_SUBNETS, RECOVERY_GROUP),
        _peering(account_id, DRILL_PEERING, DRILL_VPC, DRILL_CIDR),
        _peering(account_id, RECOVERY_PEERING, RECOVERY_VPC, RECOVERY_CIDR),
        *_endpoints(region),
        ("RouteTable", build_drill_routes()),
        ("RouteTable", _routes(RECOVERY_ROUTES, RECOVERY_VPC, RECOVERY_CIDR, build_route_to_sources(RECOVERY_PEERING))),
    ):
        set_resource(control, account_id, region, kind, resource)


def set_resource(control: Control, account_id: str, region: str, kind: str, resource: Resource) -> None:
    """Create a resource, or change the given members of one."""
    place = {"accountId": account_id, "region": region}
    control("POST", "/ec2-resources", {**place, "kind": kind, "resource": resource})


def build_drill_routes(*more: Resource) -> Resource:
    """The route table of the drill subnets: the route to the VPC itself, and `more`."""
    return _routes(DRILL_ROUTES, DRILL_VPC, DRILL_CIDR, *more)


def build_route_to_sources(peering: str = DRILL_PEERING) -> Resource:
    """A route to the network of the sources."""
    return {
        "DestinationCidrBlock": SOURCE_CIDR,
        "VpcPeeringConnectionId": peering,
        "State": "active",
        "Origin": "CreateRoute",
    }


def drill_subnets(region: str) -> dict[str, str]:
    """The subnets of drills by zone, as a launch profile names them."""
    return {f"{region}{letter}": subnet for letter, subnet in DRILL_SUBNETS.items()}


def recovery_subnets(region: str) -> dict[str, str]:
    """The subnets of recoveries by zone, as a launch profile names them."""
    return {f"{region}{letter}": subnet for letter, subnet in RECOVERY_SUBNETS.items()}


def _network(
    region: str, vpc: str, cidr: str, subnets: Mapping[str, str], group: str
) -> tuple[tuple[str, Resource], ...]:
    """A VPC with its subnets, its default network ACL, and a security group that lets everything out."""
    allow = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    acl = vpc.replace("vpc-", "acl-")
    entries = [
        {**allow, "Egress": egress, "RuleAction": action, "RuleNumber": number}
        for egress in (True, False)
        for action, number in (("allow", 100), ("deny", 32767))
    ]
    used_by = [
        {"NetworkAclAssociationId": subnet.replace("subnet-", "aclassoc-"), "NetworkAclId": acl, "SubnetId": subnet}
        for subnet in subnets.values()
    ]
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    return (
        ("Vpc", {"VpcId": vpc, "CidrBlock": cidr}),
        *(
            ("Subnet", {"SubnetId": subnet, "VpcId": vpc, "CidrBlock": _RANGES[vpc][letter]} | _in_zone(region, letter))
            for letter, subnet in subnets.items()
        ),
        ("NetworkAcl", {"NetworkAclId": acl, "VpcId": vpc, "IsDefault": True, "Entries": entries} | _of(used_by)),
        (
            "SecurityGroup",
            {"GroupId": group, "VpcId": vpc, "GroupName": f"shop-{'drill' if vpc == DRILL_VPC else 'recovery'}"}
            | {"IpPermissions": [inside], "IpPermissionsEgress": [_EVERYWHERE]},
        ),
    )


def _in_zone(region: str, letter: str) -> Resource:
    return {"AvailabilityZone": f"{region}{letter}"}


def _of(associations: list[Resource]) -> Resource:
    return {"Associations": associations}


def _routes(table: str, vpc: str, cidr: str, *more: Resource) -> Resource:
    """The main route table of a VPC."""
    local = {"DestinationCidrBlock": cidr, "GatewayId": "local", "State": "active", "Origin": "CreateRouteTable"}
    main = {"Main": True, "RouteTableAssociationId": table.replace("rtb-", "rtbassoc-"), "RouteTableId": table}
    return {"RouteTableId": table, "VpcId": vpc, "Routes": [local, *more]} | _of([main])


def _peering(account_id: str, peering: str, vpc: str, cidr: str) -> tuple[str, Resource]:
    own = {"VpcId": vpc, "CidrBlock": cidr, "OwnerId": account_id}
    sources = {"VpcId": SOURCE_VPC, "CidrBlock": SOURCE_CIDR, "OwnerId": account_id}
    return (
        "VpcPeeringConnection",
        {"VpcPeeringConnectionId": peering, "RequesterVpcInfo": own, "AccepterVpcInfo": sources},
    )


def _endpoints(region: str) -> Iterator[tuple[str, Resource]]:
    """What agents of Systems Manager need of AWS in a network without a way out."""
    for name, service in {"0": "ssm", "1": "ssmmessages", "2": "ec2messages"}.items():
        yield (
            "VpcEndpoint",
            {
                "VpcEndpointId": f"vpce-0d11111{name}",
                "VpcEndpointType": "Interface",
                "VpcId": DRILL_VPC,
                "ServiceName": f"com.amazonaws.{region}.{service}",
                "SubnetIds": list(DRILL_SUBNETS.values()),
                "State": "Available",
            },
        )
