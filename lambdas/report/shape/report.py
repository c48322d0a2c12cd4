"""The whole report."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # pydantic does not read typing's before Python 3.12

from report.shape.assessment import Assessment
from report.shape.launches import Launches
from report.shape.run import (
    Chain,
    Cleanup,
    Costs,
    Decision,
    Event,
    Job,
    Outage,
    QuotaUse,
    Rpo,
    Rto,
    RunCounts,
    Verdict,
    Wait,
    Wave,
)
from report.shape.steps import Action, Check
from report.shape.tested import Group, Plan, Server, Tested
from report.shape.values import Sha256, Time


class Versions(TypedDict):
    """Versions of drs-waves."""

    command: Annotated[str, Field(description="Of the command that wrote the report.")]
    deployment: NotRequired[Annotated[str, Field(description="Of the deployed stack; absent if not known.")]]


class Report(TypedDict):
    """The report of a run of drs-waves: report.json. Times are in UTC. What is not known is null."""

    schema: Literal["drs-waves/report/5"]
    executionId: str
    executionArn: str | None
    planId: str
    planName: str
    mode: Literal["DRILL", "RECOVERY", "READINESS"]
    requestedAt: Time
    requestedBy: str
    startedAt: Time | None
    endedAt: Annotated[Time | None, Field(description="Null while the run goes on.")]
    asOf: Annotated[Time, Field(description="The end of the run, or when its record was read.")]
    madeAt: Annotated[
        Time | None,
        Field(description="When the report was made. Clean-up, verdict and findings are as they were then."),
    ]
    environment: Annotated[
        Literal["sandbox", "aws"], Field(description="In the sandbox, AWS, DRS, servers and time are emulated.")
    ]
    timeScale: Annotated[float | None, Field(description="How many times as fast as the wall, in the sandbox.")]
    pointInTime: Time | None
    continues: str | None
    continuedBy: str | None
    chain: Annotated[Chain | None, Field(description="Null for a run that stands alone.")]
    verdict: Verdict
    assessment: Annotated[
        Assessment | None, Field(description="Null for a readiness check, and if the API does not know it.")
    ]
    servers: RunCounts
    rto: Rto
    rpo: Rpo
    notes: list[str]
    waves: list[Wave]
    actionsOption: NotRequired[
        Annotated[Literal["run", "skip", "verifyOnly"], Field(description="What the run did with its actions.")]
    ]
    checks: NotRequired[list[Check]]
    actions: NotRequired[list[Action]]
    plan: Annotated[Plan | None, Field(description="Null if the API does not return the plan of a run.")]
    tested: Tested | None
    groups: list[Group]
    launches: NotRequired[
        Annotated[Launches | None, Field(description="Null for a run without launch profiles and isolation.")]
    ]
    cleanup: Annotated[Cleanup | None, Field(description="Null for what is no drill.")]
    jobs: list[Job]
    outages: list[Outage]
    waits: list[Wait]
    fourEyes: bool
    decisions: list[Decision]
    events: list[Event]
    quotaUse: list[QuotaUse]
    costs: Costs
    versions: Versions
    sourceServers: list[Server]
    files: Annotated[dict[str, Sha256], Field(description="The SHA-256 of the files beside this one.")]
