"""The checks and actions of the run."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from cli.report.shape.values import Seconds, Time


class CheckFailure(TypedDict):
    """A server that has not passed a check in time."""

    hostname: str | None
    sourceServerId: str
    accountId: str
    region: str
    reason: str | None
    output: Annotated[str | None, Field(description="What the last try of the check answered.")]
    at: Time | None


class Check(TypedDict):
    """A check of the launched servers of a wave, in the order in which servers take them."""

    wave: str
    check: str
    passed: Annotated[int, Field(description="Servers that passed it.")]
    failed: Annotated[int, Field(description="Servers that did not pass it in time.")]
    waiting: Annotated[int, Field(description="Servers that have it to pass.")]
    failures: list[CheckFailure]


class ActionDecision(TypedDict):
    """What a person decided about an action."""

    decision: str
    by: str
    at: Time
    comment: str


class Action(TypedDict):
    """An action before or after a wave or the plan."""

    name: str
    wave: Annotated[str | None, Field(description="Null for an action of the plan.")]
    place: Literal["before", "after"]
    kind: str
    title: str
    instructions: Annotated[str | None, Field(description="What the person of a manual task does; null for others.")]
    status: Annotated[
        Literal[
            "PENDING", "RUNNING", "WAITING", "SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED", "VERIFIED"
        ],
        Field(description="VERIFIED could run, in a drill that only looks whether actions could."),
    ]
    attempt: int
    startedAt: Time | None
    endedAt: Time | None
    seconds: Annotated[Seconds | None, Field(description="From its start to its end, or until now.")]
    reason: str | None
    output: Annotated[str | None, Field(description="What it returned, 2,000 characters of it, secrets masked.")]
    accountId: str | None
    region: str | None
    decisions: list[ActionDecision]


class Verification(TypedDict):
    """What the checks of a launched server found."""

    status: Literal["VERIFYING", "VERIFIED", "UNVERIFIED"]
    check: Annotated[str | None, Field(description="The check that it is at, or has not passed.")]
    passed: list[str]
    output: str | None
    reason: str | None
    at: Time | None
