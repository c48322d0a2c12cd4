"""What EC2 shows of the networks of a VPC, as far as isolation depends on it (shapes of botocore's ec2 model)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.isolation.addresses import EVERYTHING, Range, read_ranges

# Members of EC2's Route shape that name its target; each route has one of them.
_ROUTE_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "CarrierGatewayId",
    "LocalGatewayId",
    "CoreNetworkArn",
    "OdbNetworkArn",
    "NetworkInterfaceId",
    "InstanceId",
)

# Every protocol, in EC2's rules of security groups and network ACLs.
ALL_PROTOCOLS = "-1"


@dataclass(frozen=True, slots=True)
class PlacedSubnet:
    """A subnet. `owner_id` is an account: that of the VPC, which may share the subnet with others."""

    subnet_id: str
    vpc_id: str
    owner_id: str = ""
    has_ipv6: bool = False

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "PlacedSubnet":
        """Read EC2's Subnet shape."""
        blocks = item.get("Ipv6CidrBlockAssociationSet") or ()
        return cls(item["SubnetId"], item.get("VpcId", ""), item.get("OwnerId", ""), bool(blocks))


@dataclass(frozen=True, slots=True)
class Route:
    """A route. `destination` is as EC2 shows it, and `ranges` is everything for a prefix list. `target` is an id."""

    destination: str
    ranges: tuple[Range, ...]
    target: str
    is_blackhole: bool = False

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Route":
        """Read EC2's Route shape."""
        block = item.get("DestinationCidrBlock") or item.get("DestinationIpv6CidrBlock")
        target = next((item[member] for member in _ROUTE_TARGETS if item.get(member)), "")
        return cls(
            destination=block or item.get("DestinationPrefixListId") or "?",
            ranges=read_ranges([block]) if block else EVERYTHING,
            target=str(target),
            is_blackhole=item.get("State") == "blackhole",
        )

    @property
    def is_local(self) -> bool:
        """Whether it leads to the VPC itself."""
        return self.target == "local"

    @property
    def is_of_prefix_list(self) -> bool:
        """Whether its destination is a list of ranges that is not looked at."""
        return not self.destination[:1].isdigit() and ":" not in self.destination


@dataclass(frozen=True, slots=True)
class RouteTable:
    """A route table. `subnets` are those that are surely associated; `changing` those whose association changes now."""

    table_id: str
    routes: tuple[Route, ...] = ()
    is_main: bool = False
    subnets: frozenset[str] = frozenset()
    changing: frozenset[str] = frozenset()

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "RouteTable":
        """Read EC2's RouteTable shape."""
        subnets, changing = set[str](), set[str]()
        associations = item.get("Associations") or ()
        for association in associations:
            state = (association.get("AssociationState") or {}).get("State", "associated")
            if association.get("SubnetId") and state not in ("disassociated", "failed"):
                (subnets if state == "associated" else changing).add(association["SubnetId"])
        return cls(
            table_id=item["RouteTableId"],
            routes=tuple(map(Route.from_ec2, item.get("Routes") or ())),
            is_main=any(association.get("Main") for association in associations),
            subnets=frozenset(subnets),
            changing=frozenset(changing),
        )


@dataclass(frozen=True, slots=True)
class AclRule:
    """A rule of a network ACL. `is_for_all` is whether it is for every protocol, so that a deny is a whole one."""

    number: int
    is_egress: bool
    is_allow: bool
    ranges: tuple[Range, ...]
    is_for_all: bool = True

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "AclRule":
        """Read EC2's NetworkAclEntry shape."""
        return cls(
            number=int(item.get("RuleNumber", 0)),
            is_egress=bool(item.get("Egress")),
            is_allow=item.get("RuleAction") != "deny",
            ranges=read_ranges([item.get("CidrBlock"), item.get("Ipv6CidrBlock")]),
            is_for_all=item.get("Protocol") == ALL_PROTOCOLS,
        )


@dataclass(frozen=True, slots=True)
class Acl:
    """A network ACL, and the subnets that it is of."""

    acl_id: str
    rules: tuple[AclRule, ...] = ()
    subnets: frozenset[str] = frozenset()

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Acl":
        """Read EC2's NetworkAcl shape."""
        associated = (each.get("SubnetId") for each in item.get("Associations") or ())
        return cls(
            acl_id=item["NetworkAclId"],
            rules=tuple(map(AclRule.from_ec2, item.get("Entries") or ())),
            subnets=frozenset(each for each in associated if each),
        )


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What a rule of a security group allows, whatever the protocol and the port: addresses and members of groups."""

    ranges: tuple[Range, ...] = ()
    groups: frozenset[str] = frozenset()
    has_prefix_lists: bool = False

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "GroupRule":
        """Read EC2's IpPermission shape."""
        blocks = [each.get("CidrIp") for each in item.get("IpRanges") or ()]
        blocks += [each.get("CidrIpv6") for each in item.get("Ipv6Ranges") or ()]
        pairs = (each.get("GroupId") for each in item.get("UserIdGroupPairs") or ())
        return cls(read_ranges(blocks), frozenset(str(each) for each in pairs), bool(item.get("PrefixListIds")))


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """A security group of the VPC."""

    group_id: str
    name: str = ""
    egress: tuple[GroupRule, ...] = ()
    ingress: tuple[GroupRule, ...] = ()

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "SecurityGroup":
        """Read EC2's SecurityGroup shape."""
        return cls(
            group_id=item["GroupId"],
            name=item.get("GroupName", ""),
            egress=tuple(map(GroupRule.from_ec2, item.get("IpPermissionsEgress") or ())),
            ingress=tuple(map(GroupRule.from_ec2, item.get("IpPermissions") or ())),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A VPC endpoint. `kind` is Gateway, Interface or another of EC2's; `service` the name of what it leads to."""

    endpoint_id: str
    kind: str
    service: str
    interfaces: frozenset[str] = frozenset()

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Endpoint":
        """Read EC2's VpcEndpoint shape."""
        interfaces = frozenset(item.get("NetworkInterfaceIds") or ())
        return cls(item["VpcEndpointId"], item.get("VpcEndpointType", ""), item.get("ServiceName", ""), interfaces)

    @property
    def is_of_aws(self) -> bool:
        """Whether it leads to a service of AWS: one of com.amazonaws, cn.com.amazonaws or aws, but no endpoint service
        that an account offers, which are in `vpce` (VPC guide, "AWS services that integrate with AWS PrivateLink").
        """
        words = self.service.removeprefix("cn.").split(".")
        if self.kind not in ("Gateway", "Interface") or "vpce" in words:
            return False
        return words[0] == "aws" or words[:2] == ["com", "amazonaws"]


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface. `kind` is EC2's InterfaceType. `instance_id` is None if it is attached to no instance."""

    interface_id: str
    subnet_id: str
    ranges: tuple[Range, ...] = ()
    groups: frozenset[str] = frozenset()
    kind: str = "interface"
    instance_id: str | None = None
    description: str = ""
    is_in_use: bool = True

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Interface":
        """Read EC2's NetworkInterface shape."""
        attachment = item.get("Attachment") or {}
        addresses = [item.get("PrivateIpAddress"), item.get("Ipv6Address")]
        addresses += [each.get("PrivateIpAddress") for each in item.get("PrivateIpAddresses") or ()]
        addresses += [each.get("Ipv6Address") for each in item.get("Ipv6Addresses") or ()]
        addresses += [each.get("Ipv4Prefix") for each in item.get("Ipv4Prefixes") or ()]
        addresses += [each.get("Ipv6Prefix") for each in item.get("Ipv6Prefixes") or ()]
        return cls(
            interface_id=item["NetworkInterfaceId"],
            subnet_id=item.get("SubnetId", ""),
            ranges=tuple(dict.fromkeys(read_ranges(addresses))),
            groups=frozenset(each["GroupId"] for each in item.get("Groups") or ()),
            kind=item.get("InterfaceType", "interface"),
            instance_id=attachment.get("InstanceId"),
            description=item.get("Description", ""),
            is_in_use=item.get("Status") != "available" or bool(attachment),
        )


@dataclass(frozen=True, slots=True)
class Peering:
    """A VPC peering connection with its two VPCs, each with its account."""

    peering_id: str
    vpcs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "Peering":
        """Read EC2's VpcPeeringConnection shape."""
        sides = (item.get("RequesterVpcInfo") or {}, item.get("AccepterVpcInfo") or {})
        return cls(
            item["VpcPeeringConnectionId"],
            {side["VpcId"]: side.get("OwnerId", "") for side in sides if side.get("VpcId")},
        )


@dataclass(frozen=True, slots=True)
class VpcNetwork:
    """A VPC with all that isolation depends on. `ranges` are those of all its CIDR blocks, the secondary ones too."""

    vpc_id: str
    ranges: tuple[Range, ...] = ()
    tables: tuple[RouteTable, ...] = ()
    acls: tuple[Acl, ...] = ()
    groups: Mapping[str, SecurityGroup] = field(default_factory=dict)
    endpoints: tuple[Endpoint, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    peerings: Mapping[str, Peering] = field(default_factory=dict)

    @property
    def default_group(self) -> SecurityGroup | None:
        """The group of instances for which none is named; a VPC has one with this name."""
        return next((group for group in self.groups.values() if group.name == "default"), None)


def read_vpc_ranges(vpc: Mapping[str, Any]) -> tuple[Range, ...]:
    """The CIDR blocks of EC2's Vpc shape, also those that are about to be removed."""
    blocks: Iterable[str | None] = [
        vpc.get("CidrBlock"),
        *(each.get("CidrBlock") for each in vpc.get("CidrBlockAssociationSet") or ()),
        *(each.get("Ipv6CidrBlock") for each in vpc.get("Ipv6CidrBlockAssociationSet") or ()),
    ]
    return tuple(dict.fromkeys(read_ranges(blocks)))
