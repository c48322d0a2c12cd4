"""What the run tested: plan, groups and servers."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.launches import Landing, ServerSettings
from report.shape.steps import Verification
from report.shape.values import Seconds, Sha256, Time


class Plan(TypedDict):
    """The plan of the run: which version, by whom, and the hash of what was tested."""

    planId: str
    name: str
    version: int
    updatedBy: Annotated[str | None, Field(description="Who changed it last; null if that was not recorded.")]
    updatedAt: Time | None
    commentsRequired: bool
    fourEyes: bool
    testedSha256: Annotated[
        Sha256, Field(description="The SHA-256 of `tested` as JSON with sorted keys and no spaces (`jq -jcS .tested`).")
    ]


class GroupAsRun(TypedDict):
    """A protection group: what selects its servers (ids, or tags), and the ids of those that the inspection found."""

    groupId: str
    name: str
    description: str
    accountId: str
    region: str
    sourceServerIds: NotRequired[list[str]]
    tags: NotRequired[dict[str, str]]
    launchProfiles: NotRequired[dict[str, Any]]
    members: list[str]


class Tested(TypedDict):
    """The plan as it was run, as the API has it, without version and author, and its groups."""

    plan: dict[str, Any]
    groups: list[GroupAsRun]


class Member(TypedDict):
    """A server that a group selected."""

    hostname: str | None
    sourceServerId: str
    wave: str


class Group(TypedDict):
    """A protection group as it was when the run was started; it has ids or tags."""

    groupId: str
    name: str
    accountId: str
    region: str
    version: int
    updatedBy: str | None
    updatedAt: Time | None
    sourceServerIds: list[str] | None
    tags: dict[str, str] | None
    members: list[Member]


class Server(TypedDict):
    """A source server of the run."""

    sourceServerId: str
    hostname: str | None
    wave: str
    groups: Annotated[list[str], Field(description="Ids of the groups that select it.")]
    accountId: str
    region: str
    optional: bool
    readiness: str | None
    status: Literal["PENDING", "LAUNCHING", "LAUNCHED", "FAILED", "EXCLUDED", "SKIPPED", "CHECKED"]
    reason: str | None
    cause: str | None
    advice: str | None
    warnings: list[str]
    jobId: str | None
    attempts: Annotated[int, Field(description="The attempt of its last job; 0 without a job.")]
    recoveryInstanceId: str | None
    endedAt: Time | None
    snapshotId: str | None
    snapshotAt: Annotated[Time | None, Field(description="The time of its data, as far as it is known.")]
    dataAt: Annotated[Time | None, Field(description="The time of the launched data, as DRS reports it.")]
    lagSeconds: Seconds | None
    newerThanRequest: bool
    rpoSeconds: Annotated[int | None, Field(description="The age of its data.")]
    rpoMet: bool | None
    launchSettings: NotRequired[Annotated[ServerSettings | None, Field(description="Null without a launch profile.")]]
    landing: NotRequired[Annotated[Landing | None, Field(description="Null without a profile or an instance.")]]
    verification: NotRequired[Annotated[Verification | None, Field(description="Null if it has no checks.")]]
