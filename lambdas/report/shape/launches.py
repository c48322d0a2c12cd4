"""How the run launched its servers: launch profiles, isolation and launch settings."""

from typing import Annotated, Any, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.values import Time


class GroupProfile(TypedDict):
    """The launch profile of a group for such a run."""

    groupId: str
    group: Annotated[str, Field(description="The name of the group.")]
    profile: Annotated[
        dict[str, Any] | None, Field(description="As the API has it; null if only some servers have one.")
    ]
    words: Annotated[str, Field(description="The profile in words.")]
    servers: Annotated[dict[str, dict[str, Any]], Field(description="What differs for some servers, by their ids.")]


Answer = Annotated[Literal["YES", "NO", "UNKNOWN"], Field(description="UNKNOWN counts as not isolated.")]
InternetOnly = Annotated[bool, Field(description="Whether the internet can be reached, and no other network.")]

IsolationAnswer = TypedDict(
    "IsolationAnswer",
    {
        "isolated": Answer,
        "internetOnly": InternetOnly,
        "because": Annotated[list[str], Field(description="Why.")],
        "from": Annotated[Time | None, Field(description="The first look with this answer.")],
        "until": Annotated[Time | None, Field(description="The last one without another answer between.")],
        "looks": Annotated[int, Field(description="How many they are.")],
        "wave": Annotated[str | None, Field(description="The wave that was to start; null for the inspection.")],
        "batch": Annotated[int | None, Field(description="The batch, from 1.")],
    },
)
"""What looks at a place have found, one after another."""


class Isolation(TypedDict):
    """A place that the run launches into, or that a drill would, and whether it is isolated, by the worst answer."""

    accountId: str
    region: str
    subnetId: str
    vpcId: str | None
    securityGroups: list[str]
    isolated: Answer
    internetOnly: InternetOnly
    because: Annotated[list[str], Field(description="Why.")]
    firstLookAt: Annotated[Time | None, Field(description="When its networks were read first.")]
    lastLookAt: Annotated[Time | None, Field(description="When they were read last.")]
    looks: Annotated[int, Field(description="How often they were read.")]
    answers: Annotated[list[IsolationAnswer], Field(description="Every answer, the worst first.")]


class LandingCounts(TypedDict):
    """Where the instances of servers with a profile landed."""

    launched: Annotated[int, Field(description="Servers with a profile and an instance. The others add up to it.")]
    asAsked: Annotated[int, Field(description="Those in the subnet, VPC and groups, at the address of their settings.")]
    differs: int
    unknown: Annotated[int, Field(description="Those whose instance the cache does not have.")]


class Landing(TypedDict):
    """Where the instance of a server is. Null and empty as far as that is not known."""

    state: Literal["AS_ASKED", "DIFFERS", "UNKNOWN"]
    differences: Annotated[list[str], Field(description="In what it differs from what the profile asks for.")]
    reason: Annotated[str | None, Field(description="Why it is UNKNOWN.")]
    subnetId: str | None
    vpcId: str | None
    securityGroups: list[str]
    privateIp: str | None


class Launches(TypedDict):
    """The launch profiles of the run, and the isolation of the networks."""

    option: Annotated[Literal["apply", "skip"], Field(description="What the run did with launch profiles.")]
    reserveCapacity: Annotated[bool, Field(description="Whether the run held EC2 capacity until its end.")]
    profiles: list[GroupProfile]
    isolation: Annotated[
        list[Isolation] | None, Field(description="By what all looks found; null if that is not known.")
    ]
    landing: Annotated[LandingCounts | None, Field(description="Null if no server with a profile was launched.")]
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
    privateIp: Annotated[str | None, Field(description="The address that it was to have; null for any.")]
    launchTemplateId: str | None
    version: Annotated[int | None, Field(description="The version of the template that DRS launched from.")]
