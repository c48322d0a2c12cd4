"""Target accounts, as the API shows them."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Versioned, build_from_row
from recovery.domain import target
from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.target_services.prerequisites import StepProblem


class TargetAccount(Versioned):
    """A target account, without its external id."""

    accountId: str
    name: str
    roleArn: str
    regions: list[str]


class TargetAccounts(Paged):
    """A page of target accounts."""

    targetAccounts: list[TargetAccount]


class RegionReachability(TypedDict):
    """Whether DRS can be reached in a Region of an account."""

    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None


class StepRefusal(TypedDict):
    """A check or an action of a plan that would not work in the account as things are."""

    planId: str
    planName: Annotated[str, Field(description="The name of the plan.")]
    wave: Annotated[str | None, Field(description="The wave of the step; null for an action of the plan itself.")]
    step: Annotated[str, Field(description="The check or the action.")]
    region: Annotated[str | None, Field(description="The Region that lacks or refuses what it needs.")]
    status: Annotated[ReachabilityStatus, Field(description="Whether it is not permitted, or refused otherwise.")]
    message: Annotated[str, Field(description="What is missing or refused.")]
    advice: str | None


class Verification(TypedDict):
    """Whether DRS can be reached in an account; `ok` if it can be in each of its Regions.

    `refusedSteps` has the checks and actions of plans that would not work there.
    """

    accountId: str
    ok: bool
    regions: list[RegionReachability]
    refusedSteps: Annotated[
        list[StepRefusal], Field(description="The checks and actions of plans that would not work there as things are.")
    ]


def build_account(account: target.TargetAccount) -> TargetAccount:
    """The account as drs-waves knows it."""
    return build_from_row(TargetAccount, account.to_item())


def build_refusal(problem: StepProblem) -> StepRefusal:
    """A step that would not work."""
    step = problem.step
    return {
        "planId": step.plan.plan_id,
        "planName": step.plan.name,
        "wave": step.wave,
        "step": step.title,
        "region": problem.target.region if problem.target else None,
        "status": problem.status,
        "message": problem.message,
        "advice": problem.advice,
    }


def build_reachability(region: str, answer: Any) -> RegionReachability:
    """Whether the Region answered; `answer` may be the error that was raised instead."""
    outcome = Reachability.of(answer)
    return {"region": region, "status": outcome.status, "message": outcome.message, "advice": outcome.advice}
