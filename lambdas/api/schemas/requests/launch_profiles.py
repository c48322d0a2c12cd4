"""Launch profiles of protection groups, as callers send them."""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, model_validator

from api.schemas.requests.base import MAX_SERVERS, RequestModel, ServerId, TagKey, TagValue
from api.schemas.requests.forms import Form
from recovery.domain.launch_profiles.profiles import (
    KEEP,
    RELEASE,
    Disposition,
    GroupProfiles,
    Isolation,
    LaunchProfile,
    RecoveryMode,
)
from recovery.domain.wave_steps.modes import RunMode

ADDRESS_PATTERN = r"^(keep|release|\d{1,3}(\.\d{1,3}){3})$"
MAX_TYPES, MAX_RANGES, MAX_TAGS = 10, 20, 40
MAX_GROUPS = 5
"""EC2 allows five security groups for a network interface (VPC guide, "Amazon VPC quotas")."""

# DRS marks what it manages with tags of this prefix, and AWS keeps its own prefix for itself.
_RESERVED_TAGS = ("aws:", "AWSElasticDisasterRecovery")


def _require_address(text: str) -> str:
    if text not in (KEEP, RELEASE):
        try:
            ipaddress.IPv4Address(text)
        except ValueError:
            raise ValueError(f"{text} is no IPv4 address; give keep, release or one such as 10.20.4.11") from None
    return text


def _require_range(text: str) -> str:
    try:
        ipaddress.IPv4Network(text)
    except ValueError as error:
        raise ValueError(f"{text} is no range of IPv4 addresses, such as 10.1.0.0/16: {error}") from None
    return text


def _require_own_tags(tags: dict[str, str]) -> dict[str, str]:
    for key in tags:
        if key.startswith(_RESERVED_TAGS):
            raise ValueError(f"{key} is a tag that AWS sets itself; choose another key")
    return tags


Zone = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z0-9-]*[a-z]$", max_length=40),
    Form("the name of an Availability Zone", "us-west-2a"),
]
SubnetId = Annotated[
    str,
    StringConstraints(pattern=r"^subnet-[0-9a-f]{8,17}$"),
    Form("the id of a subnet", "subnet-0123456789abcdef0"),
]
SecurityGroupId = Annotated[
    str,
    StringConstraints(pattern=r"^sg-[0-9a-f]{8,17}$"),
    Form("the id of a security group", "sg-0123456789abcdef0"),
]
PrivateIp = Annotated[
    str,
    StringConstraints(pattern=ADDRESS_PATTERN),
    AfterValidator(_require_address),
    Form("keep, release or an IPv4 address", "release"),
]
Range = Annotated[
    str,
    StringConstraints(pattern=r"^\d{1,3}(\.\d{1,3}){3}/\d{1,2}$"),
    AfterValidator(_require_range),
    Form("a range of IPv4 addresses", "10.1.0.0/16"),
]
InstanceType = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9-]{2,20}\.[a-z0-9-]{2,20}$"),
    Form("an instance type of EC2", "m5.large"),
]
ProfileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9+=,.@_-]{1,128}$"),
    Form("the name of an instance profile, without its ARN", "payroll-drill"),
]


class ServerProfileRequest(RequestModel):
    """What one server is launched with. Leave out what its launch settings, or the profile of its group, say."""

    EXAMPLE_HAS: ClassVar[tuple[str, ...]] = ("private_ip",)

    subnets: dict[Zone, SubnetId] = Field(
        default={},
        max_length=6,
        description="The subnet of each Availability Zone. A server goes into the subnet that has its address, or else "
        "the servers spread over the zones. All its network interfaces move there.",
    )
    security_groups: list[SecurityGroupId] = Field(
        default=[], max_length=MAX_GROUPS, description="The security groups of the instances."
    )
    private_ip: PrivateIp | None = Field(
        default=None,
        description="`keep`: that of the source. `release`: one that EC2 chooses. For one server, an address too.",
    )
    private_ip_map: dict[Range, Range] = Field(
        default={},
        max_length=MAX_RANGES,
        description="Ranges of source addresses and the ranges of equal size that they become: with 10.1.0.0/16 mapped "
        "to 10.9.0.0/16, 10.1.2.3 becomes 10.9.2.3.",
    )
    instance_types: list[InstanceType] = Field(
        default=[],
        max_length=MAX_TYPES,
        description="Instance types. The first is tried first; the next one after a launch that failed because EC2 had "
        "no capacity, or too few vCPUs in the quota.",
    )
    right_sizing: StrictBool | None = Field(
        default=None, description="Whether DRS chooses the instance type by the size of the source."
    )
    instance_profile: ProfileName | None = Field(default=None, description="The instance profile of the instances.")
    tags: Annotated[
        dict[TagKey, TagValue], AfterValidator(_require_own_tags), Form("a mapping", {"purpose": "drill"})
    ] = Field(default={}, max_length=MAX_TAGS, description="Tags that the instances get besides their others.")
    disposition: Disposition | None = Field(default=None, description="Whether DRS starts the instances.")
    recovery_mode: RecoveryMode | None = Field(
        default=None, description="FAST launches without a conversion, which not every server can do; or OPTIMAL."
    )

    @model_validator(mode="after")
    def _one_rule_each(self) -> Self:
        if self.private_ip and self.private_ip_map:
            raise ValueError("has both privateIp and privateIpMap: give one of them")
        if self.instance_types and self.right_sizing:
            raise ValueError("has instanceTypes and lets DRS choose the type (rightSizing: true): give one of them")
        for source, mapped in self.private_ip_map.items():
            if ipaddress.ip_network(source).prefixlen != ipaddress.ip_network(mapped).prefixlen:
                raise ValueError(f"privateIpMap maps {source} to {mapped}, which has another size")
        if _have_overlap(self.private_ip_map):
            raise ValueError("privateIpMap has two ranges of sources that overlap")
        if _have_overlap(self.private_ip_map.values()):
            raise ValueError("privateIpMap maps two ranges to ones that overlap: two servers would get one address")
        if twice := _find_twice(self.security_groups):
            raise ValueError(f"securityGroups has {twice} twice: give it once")
        return self

    def to_profile(self) -> LaunchProfile:
        """The profile to store."""
        return LaunchProfile.from_item(self.model_dump(by_alias=True, exclude_none=True, mode="json"))


def _refuse_one_address(profile: ServerProfileRequest) -> None:
    if profile.private_ip not in (None, KEEP, RELEASE):
        raise ValueError(
            f"privateIp {profile.private_ip} is the address of one server: write it under servers, or give keep or "
            "release for the group"
        )


class RecoveryProfileRequest(ServerProfileRequest):
    """What the servers of the group are launched with in recoveries."""

    EXAMPLE_HAS: ClassVar[tuple[str, ...]] = ("instance_types",)

    @model_validator(mode="after")
    def _of_many_servers(self) -> Self:
        _refuse_one_address(self)
        return self


class DrillProfileRequest(ServerProfileRequest):
    """What the servers of the group are launched with in drills."""

    EXAMPLE_HAS: ClassVar[tuple[str, ...]] = ("subnets", "private_ip", "isolation")

    isolation: Isolation | None = Field(
        default=None,
        description="What a drill requires of the networks: `required` that nothing leaves the VPC but to services of "
        "AWS through endpoints, `internetAllowed` that nothing does but to the internet. The drill is refused "
        "otherwise. `reported` only records what the servers could reach.",
    )

    @model_validator(mode="after")
    def _of_many_servers(self) -> Self:
        _refuse_one_address(self)
        return self


class ServerProfilesRequest(RequestModel):
    """What differs for one server of the group."""

    EXAMPLE_HAS: ClassVar[tuple[str, ...]] = ("recovery",)

    drill: ServerProfileRequest | None = Field(default=None, description="In drills.")
    recovery: ServerProfileRequest | None = Field(default=None, description="In recoveries.")


class LaunchProfilesRequest(RequestModel):
    """How the servers of a group are launched instead of as their own launch settings say."""

    EXAMPLE_HAS: ClassVar[tuple[str, ...]] = ("drill",)

    drill: DrillProfileRequest | None = Field(default=None, description="In drills.")
    recovery: RecoveryProfileRequest | None = Field(default=None, description="In recoveries.")
    servers: dict[ServerId, ServerProfilesRequest] = Field(
        default={}, max_length=MAX_SERVERS, description="What differs for some servers, by their ids."
    )

    @model_validator(mode="after")
    def _different_addresses(self) -> Self:
        for mode in RunMode:
            profiles = [getattr(each, mode.value) for each in self.servers.values()]
            given = [each.private_ip for each in profiles if each and each.private_ip not in (None, KEEP, RELEASE)]
            if twice := _find_twice(given):
                raise ValueError(f"servers has two servers with the private address {twice} in a {mode.value}")
        return self

    def to_profiles(self) -> GroupProfiles:
        """The profiles to store."""
        by_server = {server_id: _by_mode(each) for server_id, each in self.servers.items()}
        return GroupProfiles(_by_mode(self), {server_id: each for server_id, each in by_server.items() if each})

    def find_foreign_zone(self, region: str) -> str | None:
        """A zone that is not in this Region, if a profile names one."""
        owners = (self, *self.servers.values())
        profiles = [profile for owner in owners for mode in RunMode if (profile := getattr(owner, mode.value))]
        return next((zone for each in profiles for zone in each.subnets if not zone.startswith(region)), None)


def _by_mode(owner: LaunchProfilesRequest | ServerProfilesRequest) -> dict[RunMode, LaunchProfile]:
    given = {mode: getattr(owner, mode.value) for mode in RunMode}
    profiles = {mode: each.to_profile() for mode, each in given.items() if each}
    return {mode: profile for mode, profile in profiles.items() if not profile.is_empty}


def _have_overlap(ranges: Iterable[str]) -> bool:
    networks = [ipaddress.ip_network(each) for each in ranges]
    return any(one.overlaps(other) for at, one in enumerate(networks) for other in networks[:at])


def _find_twice(values: Iterable[str]) -> str | None:
    seen = set[str]()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
