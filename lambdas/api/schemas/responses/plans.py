"""Recovery plans, as the API shows them."""

from typing import Any, Self

from pydantic import Field

from api.schemas.responses.base import PageModel, ResponseModel, Versioned
from recovery.domain import plan as domain_plan
from recovery.domain.plan import OnFailure, OnTimeout, RunAfter


class GroupUse(ResponseModel):
    """A protection group in a wave; without `sourceServerIds`, all of its servers."""

    group_id: str
    source_server_ids: list[str] = Field(default=[])
    optional: bool = False


class Approval(ResponseModel):
    """The approval that a wave needs before it starts."""

    required: bool
    timeout_minutes: int
    on_timeout: OnTimeout


class PlanWave(ResponseModel):
    """A wave of a plan; `dependsOn` is always written out."""

    name: str
    groups: list[GroupUse]
    depends_on: list[str]
    run_after: RunAfter
    max_failed_percent: int
    on_failure: OnFailure
    approval: Approval | None = None
    pause_before: bool = False
    rto_target_minutes: int | None = None


class RecoveryPlan(Versioned):
    """A recovery plan; `activeExecutionId` names its running execution."""

    plan_id: str
    name: str
    description: str
    launch_attempts: int
    rpo_target_minutes: int | None = None
    rto_target_minutes: int | None = None
    clean_up_after_hours: int | None = None
    waves: list[PlanWave]
    active_execution_id: str | None

    @classmethod
    def from_plan(cls, plan: domain_plan.RecoveryPlan, **computed: Any) -> Self:
        """The plan as drs-waves knows it."""
        return cls.from_item(plan.to_item(), active_execution_id=plan.active_execution_id, **computed)


class DrillInstances(ResponseModel):
    """The instances that drills of a plan have left running; `since` is the oldest launch."""

    count: int
    since: str | None
    executions: list[str]


class RecoveryPlanRead(RecoveryPlan):
    """A recovery plan, with the instances that its drills have left running."""

    drill_instances: DrillInstances


class RecoveryPlans(PageModel):
    """A page of recovery plans."""

    recovery_plans: list[RecoveryPlan]
