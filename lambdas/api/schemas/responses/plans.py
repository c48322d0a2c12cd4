"""Recovery plans, as the API shows them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Authored, Paged, Time, build_from_row
from api.schemas.responses.drills.policy import DrillPolicy
from api.schemas.responses.readiness.answers import LastReadiness
from api.schemas.responses.steps.of_plans import Action, Check
from recovery.domain import plan as domain_plan
from recovery.domain.plan import OnFailure, RunAfter
from recovery.domain.wave_steps.approvals import OnTimeout


class GroupUse(TypedDict):
    """A protection group in a wave; without `sourceServerIds`, all of its servers."""

    groupId: str
    sourceServerIds: NotRequired[list[str]]
    optional: NotRequired[bool]
    checks: NotRequired[list[Check]]


class Approval(TypedDict):
    """The approval that a wave needs before it starts."""

    required: bool
    timeoutMinutes: int
    onTimeout: OnTimeout


class PlanWave(TypedDict):
    """A wave of a plan; `dependsOn` is always written out."""

    name: str
    groups: list[GroupUse]
    dependsOn: list[str]
    runAfter: RunAfter
    maxFailedPercent: int
    onFailure: OnFailure
    approval: NotRequired[Approval | None]
    pauseBefore: NotRequired[bool]
    rtoTargetMinutes: NotRequired[int | None]
    checks: NotRequired[list[Check]]
    checksTimeoutMinutes: NotRequired[int]
    checksEverySeconds: NotRequired[int]
    before: NotRequired[list[Action]]
    after: NotRequired[list[Action]]


class PlanContent(Authored):
    """What a recovery plan says."""

    planId: str
    name: str
    description: str
    launchAttempts: int
    rpoTargetMinutes: NotRequired[int | None]
    rtoTargetMinutes: NotRequired[int | None]
    cleanUpAfterHours: NotRequired[int | None]
    fourEyes: NotRequired[bool]
    commentsRequired: NotRequired[bool]
    readinessEveryHours: NotRequired[
        Annotated[
            int | None, Field(description="Hours between two checks by the schedule; without it, on demand only.")
        ]
    ]
    drillPolicy: NotRequired[
        Annotated[DrillPolicy | None, Field(description="When it is drilled by itself; without it, on demand only.")]
    ]
    before: NotRequired[list[Action]]
    after: NotRequired[list[Action]]
    waves: list[PlanWave]


class RecoveryPlan(PlanContent):
    """A recovery plan; `activeExecutionId` names its running execution, `lastReadiness` has its last answer."""

    activeExecutionId: str | None
    lastReadiness: NotRequired[
        Annotated[LastReadiness, Field(description="The last answer of its readiness; missing before the first.")]
    ]


class DrillInstances(TypedDict):
    """The instances that drills of a plan have left running; `since` is the oldest launch."""

    count: int
    since: Time | None
    executions: list[str]


class RecoveryPlanRead(RecoveryPlan):
    """A recovery plan, with the instances that its drills have left running."""

    drillInstances: DrillInstances


class RecoveryPlans(Paged):
    """A page of recovery plans."""

    recoveryPlans: list[RecoveryPlan]


def build_plan(plan: domain_plan.RecoveryPlan) -> RecoveryPlan:
    """The plan as drs-waves knows it."""
    last = plan.last_readiness.to_item() if plan.last_readiness else None
    return build_from_row(RecoveryPlan, plan.to_item(), activeExecutionId=plan.active_execution_id, lastReadiness=last)


def build_plan_as_run(plan: domain_plan.RecoveryPlan) -> PlanContent:
    """The plan as a run used it."""
    return build_from_row(PlanContent, plan.to_item())
