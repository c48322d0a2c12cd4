"""The checks and actions of the run."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.values import Seconds, Time


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
    failedAtFirst: NotRequired[
        Annotated[int, Field(description="Servers that did not pass it in an earlier turn, the first that had any.")]
    ]
    since: NotRequired[Annotated[str, Field(description="What came of these, in words; absent if there are none.")]]
    failures: list[CheckFailure]


class CheckCounts(TypedDict):
    """The servers of a wave that are at a check, or failed it."""

    check: str
    checking: int
    unverified: int


class FailedCheck(TypedDict):
    """How many servers did not pass a check in a turn."""

    check: str
    unverified: int


class EarlierChecks(TypedDict):
    """Checks that a verify or retry of the wave had made again."""

    turn: int
    beganAt: Time
    endedAt: Time | None
    checked: Annotated[int, Field(description="Servers that were checked, without those that had passed before.")]
    verified: int
    unverified: int
    failed: list[FailedCheck]


class WaveChecks(TypedDict):
    """How far the checks of a wave are."""

    checking: int
    verified: int
    unverified: int
    since: Time | None
    until: Time | None
    checks: list[CheckCounts]
    earlier: NotRequired[Annotated[list[EarlierChecks], Field(description="The turns before, oldest first.")]]


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
    cutOff: NotRequired[
        Annotated[bool, Field(description="True if its run was halted before this check had an answer.")]
    ]
