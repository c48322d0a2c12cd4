"""Protection groups, as the API shows them."""

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Authored, Paged, build_from_row
from recovery.domain.launch_profiles.profiles import Disposition, Isolation, RecoveryMode


class LaunchProfile(TypedDict):
    """What servers are launched with; a field that is missing stays as the launch settings of the server say."""

    subnets: NotRequired[Annotated[dict[str, str], Field(description="The subnet of each Availability Zone.")]]
    securityGroups: NotRequired[Annotated[list[str], Field(description="The security groups of the instances.")]]
    privateIp: NotRequired[Annotated[str, Field(description="keep, release, or the address of one server.")]]
    privateIpMap: NotRequired[
        Annotated[dict[str, str], Field(description="Ranges of source addresses, and what they become.")]
    ]
    instanceTypes: NotRequired[Annotated[list[str], Field(description="Instance types, in the order of their use.")]]
    rightSizing: NotRequired[Annotated[bool, Field(description="Whether DRS chooses the instance type.")]]
    instanceProfile: NotRequired[Annotated[str, Field(description="The instance profile of the instances.")]]
    tags: NotRequired[Annotated[dict[str, str], Field(description="Tags that the instances get besides others.")]]
    disposition: NotRequired[Annotated[Disposition, Field(description="Whether DRS starts the instances.")]]
    recoveryMode: NotRequired[Annotated[RecoveryMode, Field(description="FAST launches without a conversion.")]]
    isolation: NotRequired[Annotated[Isolation, Field(description="What a drill requires of the networks.")]]


class ServerLaunchProfiles(TypedDict):
    """What differs for one server of the group."""

    drill: NotRequired[Annotated[LaunchProfile, Field(description="In drills.")]]
    recovery: NotRequired[Annotated[LaunchProfile, Field(description="In recoveries.")]]


class LaunchProfiles(ServerLaunchProfiles):
    """How the servers of a group are launched, in drills and in recoveries."""

    servers: NotRequired[Annotated[dict[str, ServerLaunchProfiles], Field(description="By the ids of servers.")]]


class ProtectionGroup(Authored):
    """A protection group; it has either `sourceServerIds` or `tags`."""

    groupId: str
    name: str
    description: str
    accountId: str
    region: str
    sourceServerIds: NotRequired[list[str]]
    tags: NotRequired[dict[str, str]]
    launchProfiles: NotRequired[
        Annotated[
            LaunchProfiles, Field(description="How the servers are launched, if not as their launch settings say.")
        ]
    ]
    usedBy: Annotated[list[str], Field(description="Ids of the plans that use it.")]


class ProtectionGroups(Paged):
    """A page of protection groups."""

    protectionGroups: list[ProtectionGroup]


def build_group(row: Mapping[str, Any]) -> ProtectionGroup:
    """A group from its row, whose `usedBy` is a set."""
    return build_from_row(ProtectionGroup, row, version=row.get("version", 1), usedBy=sorted(row.get("usedBy") or ()))
