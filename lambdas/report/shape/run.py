"""What happened in the run."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.steps import WaveChecks
from report.shape.values import RunStatus, Seconds, Time, WaveStatus


class Verdict(TypedDict):
    """How the run ended, or that it has not."""

    status: RunStatus
    state: Annotated[str, Field(description="The same with what an open run does, such as WAITING_FOR_PEOPLE.")]
    outcome: Literal["succeeded", "partly", "failed", "running"]
    words: str
    reason: str | None


class Counts(TypedDict):
    """Servers by outcome."""

    total: int
    launched: int
    failed: int
    excluded: int
    launching: NotRequired[int]
    verified: NotRequired[Annotated[int, Field(description="Launched and verified; absent without checks.")]]
    unverified: NotRequired[
        Annotated[int, Field(description="Launched, and has not passed a check in time; absent without checks.")]
    ]


class RunCounts(Counts):
    """The servers of the run by outcome. The counts beside `total` add up to it."""

    skipped: Annotated[int, Field(description="Not launched, because their wave was skipped or the run ended.")]
    checked: Annotated[int, Field(description="Judged by a readiness check.")]
    pending: Annotated[int, Field(description="Not launched yet.")]


class ChainRun(TypedDict):
    """A run of a chain."""

    executionId: str
    status: RunStatus
    requestedAt: Time
    endedAt: Time | None


class Chain(TypedDict):
    """The runs that continue one another, oldest first, counted as one."""

    executions: list[ChainRun]
    requestedAt: Time
    endedAt: Time | None
    durationSeconds: Seconds
    servers: Counts


class AgainstTarget(TypedDict):
    """A time against its target.

    `met` is null without a target, and while the run or wave is open, unless the time is past the target already. It
    is false if a required server was not launched.
    """

    seconds: Seconds | None
    targetMinutes: int | None
    met: bool | None
    required: Annotated[int, Field(description="Servers that are not optional.")]
    unrecovered: Annotated[int, Field(description="Those of them that were not launched; 0 while it is open.")]


class StepTimes(TypedDict):
    """How long it took until servers were launched and until they were verified. Null without checks, or while open."""

    toLaunchedSeconds: NotRequired[Seconds | None]
    toVerifiedSeconds: NotRequired[Seconds | None]


class WaveAgainstTarget(AgainstTarget, StepTimes):
    """The time of a wave against its target."""

    wave: str
    status: WaveStatus
    waitedBeforeStartSeconds: Annotated[
        Seconds, Field(description="For its approval, or to be resumed. Not in the wave's time, but in the run's.")
    ]
    waitedWithinSeconds: Annotated[
        Seconds, Field(description="For a decision on it, or while the whole run was paused. In the wave's time.")
    ]


class Rto(StepTimes):
    """Recovery times. What was not recovered, or not verified, has missed its target."""

    whole: AgainstTarget
    chain: Annotated[AgainstTarget | None, Field(description="From the first request of the chain; null for one run.")]
    waves: list[WaveAgainstTarget]
    waitedForPeopleSeconds: Seconds


class RpoFigures(TypedDict):
    """The age of the launched data. A server that was not recovered has missed the target, unless it is optional.

    `met` is null without a target, if an age is not known, and while the run is open, unless it is missed already.
    """

    targetMinutes: int | None
    measuredFrom: Literal["pointInTime", "requestedAt", "firstRequest"]
    known: Annotated[int, Field(description="Launched servers whose data has a known age.")]
    unknown: Annotated[int, Field(description="Launched servers whose data has no known age.")]
    newerThanRequest: Annotated[
        int,
        Field(description="Launched servers with data newer than the request: their age is the lag of the replica."),
    ]
    unrecovered: Annotated[int, Field(description="Servers that the plan requires and the run did not launch.")]
    worstSeconds: Seconds | None
    medianSeconds: Seconds | None
    missed: Annotated[int, Field(description="Launched servers whose data is older than the target.")]
    met: bool | None
    metVacuously: Annotated[
        bool, Field(description="All data is newer than the request, so the target was met but not put to a test.")
    ]


class Rpo(RpoFigures):
    """The age of the data that the run launched, and of what its chain launched."""

    chain: Annotated[
        RpoFigures | None,
        Field(description="From the first request of the chain, of the servers of all its runs; null for one run."),
    ]


class EarlierVerdict(TypedDict):
    """A status of a wave that late results replaced."""

    status: WaveStatus
    reason: str
    replacedAt: Time


class Wave(TypedDict):
    """A wave of the run."""

    name: str
    order: int
    status: WaveStatus
    dependsOn: list[str]
    startedAt: Time | None
    endedAt: Time | None
    reason: str | None
    rtoTargetMinutes: int | None
    overdueAt: Time | None
    round: int
    durationSeconds: Seconds | None
    servers: Counts
    earlierVerdicts: list[EarlierVerdict]
    launchedAt: NotRequired[Annotated[Time | None, Field(description="When the checks of its servers began.")]]
    verifiedAt: NotRequired[Annotated[Time | None, Field(description="When each had passed or failed its checks.")]]
    checks: NotRequired[Annotated[WaveChecks | None, Field(description="Null for a wave without checks.")]]


class CleanupCounts(TypedDict):
    """Instances by outcome."""

    total: int
    terminated: int
    failed: int


class CleanupFailure(TypedDict):
    """An instance that was not terminated, and why."""

    hostname: str | None
    sourceServerId: str
    recoveryInstanceId: str
    accountId: str
    region: str
    reason: str


class Cleanup(TypedDict):
    """The clean-up of a drill and its chain when the report was made; NONE if none had been started."""

    status: Literal["NONE", "RUNNING", "COMPLETED", "PARTIAL", "FAILED"]
    askedAt: Time | None
    askedBy: Annotated[str | None, Field(description="Null if the plan had it started.")]
    endedAt: Time | None
    reason: str | None
    executions: list[str] | None
    instances: CleanupCounts
    failures: list[CleanupFailure]
    running: Annotated[
        int | None, Field(description="Instances of the run that the cache has; null if the cache did not answer.")
    ]


class Job(TypedDict):
    """A DRS job. What is not known yet is null."""

    jobId: str | None
    wave: str
    accountId: str
    region: str
    batch: int
    attempt: int
    servers: int
    startedAt: Time | None
    endedAt: Time | None
    launched: int | None
    failed: int | None


class Outage(TypedDict):
    """A time in which DRS kept batches of a wave waiting: it did not answer, throttled, or was busy."""

    wave: str
    accountId: str
    region: str
    since: Time
    until: Annotated[Time | None, Field(description="Null while it lasts.")]
    seconds: Seconds
    batches: int
    reason: str


Wait = TypedDict(
    "Wait",
    {
        "wave": Annotated[str | None, Field(description="Null if the whole run waited.")],
        "action": NotRequired[Annotated[str, Field(description="The action that waited, if one did.")]],
        "for": Literal["approval", "decision", "resume", "action"],
        "since": Time,
        "until": Annotated[Time | None, Field(description="Null while it lasts.")],
        "by": Annotated[str | None, Field(description="Who ended it, or `the plan`; null if the run ended first.")],
        "seconds": Seconds,
    },
)


class Decision(TypedDict):
    """Who decided what, and when."""

    wave: Annotated[str | None, Field(description="Null for a decision about the whole run.")]
    action: NotRequired[Annotated[str, Field(description="The action that it is about, if it is about one.")]]
    decision: str
    by: str
    at: Time
    comment: str
    bySamePerson: Annotated[
        bool | None,
        Field(
            description="Whether an approval, acceptance, confirmation or skip is by who may have started the run; "
            "null for others."
        ),
    ]


class Event(TypedDict):
    """An event of the run."""

    at: Time
    event: str
    wave: str | None
    text: str


class QuotaStep(TypedDict):
    """How many jobs run from this time on, and how many servers are in them."""

    at: Time
    jobs: int
    servers: int


class QuotaUse(TypedDict):
    """The jobs of the run in one account and Region."""

    accountId: str
    region: str
    mostJobs: int
    mostServers: int
    until: Time
    steps: list[QuotaStep]


class Costs(TypedDict):
    """What was counted of the run."""

    drsCalls: NotRequired[dict[str, int]]
    stateTransitions: NotRequired[int]
