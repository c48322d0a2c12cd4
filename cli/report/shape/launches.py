"""How the run launched its servers: launch profiles, isolation and launch settings."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from cli.report.shape.values import Time


class GroupProfile(TypedDict):
    """The launch profile of a group for such a run."""

    groupId: str
    group: Annotated[str, Field(description="The name of the group.")]
    profile: Annotated[
        dict[str, Any] | None, Field(description="As the API has it; null if only some servers have one.")
    ]
    words: Annotated[str, Field(description="The profile in words.")]
    servers: Annotated[dict[str, dict[str, Any]], Field(description="What differs for some servers, by their ids.")]


class Isolation(TypedDict):
    """A place that the run launches into, or that a drill would, and whether it is isolated."""

    accountId: str
    region: str
    subnetId: str
    vpcId: str | None
    securityGroups: list[str]
    isolated: Annotated[Literal["YES", "NO", "UNKNOWN"], Field(description="UNKNOWN counts as not isolated.")]
    internetOnly: Annotated[bool, Field(description="Whether the internet can be reached, and no other network.")]
    because: Annotated[list[str], Field(description="Why.")]


class Launches(TypedDict):
    """The launch profiles of the run, and the isolation of the networks."""

    option: Annotated[Literal["apply", "skip"], Field(description="What the run did with launch profiles.")]
    reserveCapacity: Annotated[bool, Field(description="Whether the run held EC2 capacity until its end.")]
    profiles: list[GroupProfile]
    isolation: Annotated[
        list[Isolation] | None, Field(description="By what the inspection found; null if that is not known.")
    ]
    settings: Annotated[
        dict[str, int], Field(description="Servers with a profile by what became of their launch settings.")
    ]


class ServerSettings(TypedDict):
    """How a server with a launch profile was launched, and what became of its launch settings."""

    profileOf: Annotated[str | None, Field(description="The name of the group whose profile it has.")]
    state: Annotated[
        Literal["UNCHANGED", "CHANGED", "PUT_BACK", "LEFT", "REFUSED"],
        Field(
            description="UNCHANGED: its settings were as the profile wants them. CHANGED: not put back yet. LEFT: a "
            "person has changed them since, so they stay. REFUSED: it was not launched."
        ),
    ]
    reason: str | None
    appliedAt: Time | None
    subnetIds: list[str]
    securityGroups: list[str]
    launchTemplateId: str | None
    version: Annotated[int | None, Field(description="The version of the template that DRS launched from.")]
