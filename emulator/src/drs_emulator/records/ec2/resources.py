"""The resources of a network, in the API's form: subnets, route tables, security groups and what else EC2 describes.

`KINDS` has what differs between them. A default network is that of a new account: a VPC with a subnet in each of three
zones, an internet gateway, and a security group that lets everything out.
"""

import ipaddress
from dataclasses import dataclass
from typing import Any

from drs_emulator.ids import digest
from drs_emulator.target_key import TargetKey

Values = dict[str, Any]
Resources = dict[str, dict[str, Values]]  # by kind and id
RESERVED_ADDRESSES = 5  # of each subnet: the first four and the last
DEFAULT_CIDR = "10.0.0.0/16"  # AWS has 172.31.0.0/16; instances have always had these addresses here
ZONES = "abc"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource, by the name of its shape: the member of its id, the operation that describes it, the members
    of that operation's answer and request, and the code of the error of an unknown id.
    """

    id: str
    prefix: str
    operation: str
    answer: str
    ids: str
    unknown: str


KINDS = {
    "Vpc": Kind("VpcId", "vpc-", "DescribeVpcs", "Vpcs", "VpcIds", "InvalidVpcID.NotFound"),
    "Subnet": Kind("SubnetId", "subnet-", "DescribeSubnets", "Subnets", "SubnetIds", "InvalidSubnetID.NotFound"),
    "RouteTable": Kind(
        "RouteTableId", "rtb-", "DescribeRouteTables", "RouteTables", "RouteTableIds", "InvalidRouteTableID.NotFound"
    ),
    "VpcPeeringConnection": Kind(
        "VpcPeeringConnectionId",
        "pcx-",
        "DescribeVpcPeeringConnections",
        "VpcPeeringConnections",
        "VpcPeeringConnectionIds",
        "InvalidVpcPeeringConnectionID.NotFound",
    ),
    "InternetGateway": Kind(
        "InternetGatewayId",
        "igw-",
        "DescribeInternetGateways",
        "InternetGateways",
        "InternetGatewayIds",
        "InvalidInternetGatewayID.NotFound",
    ),
    "EgressOnlyInternetGateway": Kind(
        "EgressOnlyInternetGatewayId",
        "eigw-",
        "DescribeEgressOnlyInternetGateways",
        "EgressOnlyInternetGateways",
        "EgressOnlyInternetGatewayIds",
        "InvalidEgressOnlyInternetGatewayId.NotFound",
    ),
    "NatGateway": Kind(
        "NatGatewayId", "nat-", "DescribeNatGateways", "NatGateways", "NatGatewayIds", "NatGatewayNotFound"
    ),
    "VpnGateway": Kind(
        "VpnGatewayId", "vgw-", "DescribeVpnGateways", "VpnGateways", "VpnGatewayIds", "InvalidVpnGatewayID.NotFound"
    ),
    "TransitGatewayAttachment": Kind(
        "TransitGatewayAttachmentId",
        "tgw-attach-",
        "DescribeTransitGatewayAttachments",
        "TransitGatewayAttachments",
        "TransitGatewayAttachmentIds",
        "InvalidTransitGatewayAttachmentID.NotFound",
    ),
    "TransitGatewayVpcAttachment": Kind(
        "TransitGatewayAttachmentId",
        "tgw-attach-",
        "DescribeTransitGatewayVpcAttachments",
        "TransitGatewayVpcAttachments",
        "TransitGatewayAttachmentIds",
        "InvalidTransitGatewayAttachmentID.NotFound",
    ),
    "TransitGateway": Kind(
        "TransitGatewayId",
        "tgw-",
        "DescribeTransitGateways",
        "TransitGateways",
        "TransitGatewayIds",
        "InvalidTransitGatewayID.NotFound",
    ),
    "TransitGatewayRouteTable": Kind(
        "TransitGatewayRouteTableId",
        "tgw-rtb-",
        "DescribeTransitGatewayRouteTables",
        "TransitGatewayRouteTables",
        "TransitGatewayRouteTableIds",
        "InvalidRouteTableID.NotFound",
    ),
    "VpnConnection": Kind(
        "VpnConnectionId", "vpn-", "DescribeVpnConnections", "VpnConnections", "VpnConnectionIds",
        "InvalidVpnConnectionID.NotFound",
    ),
    "DhcpOptions": Kind(
        "DhcpOptionsId", "dopt-", "DescribeDhcpOptions", "DhcpOptions", "DhcpOptionsIds",
        "InvalidDhcpOptionID.NotFound",
    ),
    "ManagedPrefixList": Kind(
        "PrefixListId", "pl-", "DescribeManagedPrefixLists", "PrefixLists", "PrefixListIds",
        "InvalidPrefixListID.NotFound",
    ),
    "VpcEndpoint": Kind(
        "VpcEndpointId", "vpce-", "DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointIds",
        "InvalidVpcEndpointId.NotFound",
    ),
    "NetworkAcl": Kind(
        "NetworkAclId", "acl-", "DescribeNetworkAcls", "NetworkAcls", "NetworkAclIds", "InvalidNetworkAclID.NotFound"
    ),
    "SecurityGroup": Kind(
        "GroupId", "sg-", "DescribeSecurityGroups", "SecurityGroups", "GroupIds", "InvalidGroup.NotFound"
    ),
    "NetworkInterface": Kind(
        "NetworkInterfaceId",
        "eni-",
        "DescribeNetworkInterfaces",
        "NetworkInterfaces",
        "NetworkInterfaceIds",
        "InvalidNetworkInterfaceID.NotFound",
    ),
    "Address": Kind(
        "AllocationId", "eipalloc-", "DescribeAddresses", "Addresses", "AllocationIds", "InvalidAllocationID.NotFound"
    ),
    "KeyPairInfo": Kind("KeyName", "", "DescribeKeyPairs", "KeyPairs", "KeyNames", "InvalidKeyPair.NotFound"),
    "CapacityReservation": Kind(
        "CapacityReservationId",
        "cr-",
        "DescribeCapacityReservations",
        "CapacityReservations",
        "CapacityReservationIds",
        "InvalidCapacityReservationId.NotFound",
    ),
}  # fmt: skip


def default_network(key: TargetKey) -> Resources:
    """Return the resources of an account that nobody has changed. Their ids are always the same."""
    seed = digest(key)[:17]
    vpc, igw, acl, group = f"vpc-{seed}", f"igw-{seed}", f"acl-{seed}", f"sg-{seed}"
    subnets = {f"subnet-{digest(key, zone)[:17] if zone != 'a' else seed}": zone for zone in ZONES}
    cidrs = ipaddress.ip_network(DEFAULT_CIDR).subnets(new_prefix=18)
    anywhere = [{"CidrIp": "0.0.0.0/0"}]
    owner = {"OwnerId": key.account}
    local = {
        "DestinationCidrBlock": DEFAULT_CIDR,
        "GatewayId": "local",
        "State": "active",
        "Origin": "CreateRouteTable",
    }
    internet = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": igw, "State": "active", "Origin": "CreateRoute"}
    main = {"Main": True, "RouteTableAssociationId": f"rtbassoc-{seed}", "RouteTableId": f"rtb-{seed}"}
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group, "UserId": key.account}]}
    return {
        "Vpc": {vpc: complete(key, "Vpc", {"VpcId": vpc, "CidrBlock": DEFAULT_CIDR, "IsDefault": True})},
        "Subnet": {
            name: complete(
                key,
                "Subnet",
                {"SubnetId": name, "VpcId": vpc, "CidrBlock": str(cidr), "AvailabilityZone": f"{key.region}{zone}"}
                | {"DefaultForAz": True},
            )
            for (name, zone), cidr in zip(subnets.items(), cidrs, strict=False)
        },
        "InternetGateway": {
            igw: {"InternetGatewayId": igw, "Attachments": [{"State": "available", "VpcId": vpc}], **owner}
        },
        "RouteTable": {
            f"rtb-{seed}": {"RouteTableId": f"rtb-{seed}", "VpcId": vpc, "Routes": [local, internet], **owner}
            | {"Associations": [main]}
        },
        "NetworkAcl": {
            acl: {"NetworkAclId": acl, "VpcId": vpc, "IsDefault": True, "Entries": _allow_all(), **owner}
            | {
                "Associations": [
                    {"NetworkAclAssociationId": f"aclassoc-{name[7:]}", "NetworkAclId": acl, "SubnetId": name}
                    for name in subnets
                ]
            }
        },
        "SecurityGroup": {
            group: {"GroupId": group, "GroupName": "default", "Description": "default VPC security group", **owner}
            | {"VpcId": vpc, "IpPermissions": [inside]}
            | {"IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": anywhere}]}
        },
    }


def _allow_all() -> list[Values]:
    """Return the entries of a default network ACL."""
    any_traffic = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    return [
        any_traffic | {"Egress": egress, "RuleAction": action, "RuleNumber": number}
        for egress in (True, False)
        for action, number in (("allow", 100), ("deny", 32767))
    ]


def complete(key: TargetKey, kind: str, resource: Values) -> Values:
    """Add the members that a resource of this kind always has, unless it has them."""
    owner = {"OwnerId": key.account}
    match kind:
        case "Vpc":
            cidr = resource.get("CidrBlock", DEFAULT_CIDR)
            state = {"AssociationId": f"vpc-cidr-assoc-{resource['VpcId'][4:]}", "CidrBlock": cidr}
            blocks = [state | {"CidrBlockState": {"State": "associated"}}]
            defaults = {"State": "available", "IsDefault": False, "InstanceTenancy": "default", "CidrBlock": cidr}
            return defaults | {"CidrBlockAssociationSet": blocks} | owner | resource
        case "Subnet":
            zone = {"AvailabilityZone": f"{key.region}a", "MapPublicIpOnLaunch": False, "DefaultForAz": False}
            return {"State": "available", **zone} | owner | resource
        case "SecurityGroup":
            name = {"GroupName": resource["GroupId"], "Description": resource["GroupId"]}
            return name | {"IpPermissions": [], "IpPermissionsEgress": []} | owner | resource
        case "RouteTable":
            return {"Routes": [], "Associations": [], **owner} | resource
        case "NetworkAcl":
            return {"IsDefault": False, "Associations": [], "Entries": [], **owner} | resource
        case "VpcPeeringConnection":
            return {"Status": {"Code": "active", "Message": "Active"}} | resource
        case "NatGateway" | "VpnGateway" | "TransitGatewayAttachment" | "TransitGatewayVpcAttachment":
            return {"State": "available"} | resource
        case "NetworkInterface":
            return {"Status": "in-use"} | owner | resource
        case _:
            return dict(resource)
