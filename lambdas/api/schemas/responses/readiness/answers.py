"""The readiness of a plan, as the API shows it."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time
from recovery import clock
from recovery.domain.costs import prices
from recovery.domain.costs.estimate import CostEstimate
from recovery.domain.plan import RecoveryPlan
from recovery.domain.standing.answers import AnswerStatus


class FindingCounts(TypedDict):
    """How many findings of each severity a readiness run has."""

    BLOCKING: Annotated[int, Field(description="Findings of which a launch would fail or do harm.")]
    WARNING: Annotated[int, Field(description="Findings that operators should know.")]
    NOTE: Annotated[int, Field(description="What was not looked at.")]


class LastReadiness(TypedDict):
    """What the last readiness run of a plan has answered."""

    executionId: Annotated[str, Field(description="The readiness run.")]
    status: Annotated[AnswerStatus, Field(description="Whether a run of the plan would be refused: NOT_READY.")]
    reason: Annotated[str, Field(description="Why, in short.")]
    at: Annotated[Time, Field(description="When it ended.")]
    findings: Annotated[FindingCounts, Field(description="How many findings it has, by severity.")]
    blockingCodes: Annotated[
        list[str], Field(description="The codes of findings that block servers or the run, sorted.")
    ]


class DrillCost(TypedDict):
    """What a drill of a plan costs, estimated."""

    hours: Annotated[float, Field(description="For how many hours the instances run.")]
    servers: Annotated[int, Field(description="How many servers are launched.")]
    instances: Annotated[float, Field(description="What the instances cost.")]
    volumes: Annotated[float, Field(description="What their volumes cost.")]
    conversion: Annotated[float, Field(description="What the instances cost in which DRS converts the servers.")]
    total: Annotated[float, Field(description="The sum.")]
    currency: Annotated[str, Field(description="The currency of the figures.")]
    pricesOf: Annotated[str, Field(description="The day of the prices, which do not change by themselves.")]
    assumptions: Annotated[list[str], Field(description="What the figures leave out or take for granted.")]


class PlanReadiness(TypedDict):
    """The last answer of a plan's readiness."""

    planId: str
    executionId: Annotated[str | None, Field(description="The last readiness run that has answered; null if none has.")]
    status: Annotated[
        AnswerStatus | None, Field(description="Its answer: NOT_READY if a run of the plan would be refused.")
    ]
    reason: Annotated[str | None, Field(description="Why, in short.")]
    at: Annotated[Time | None, Field(description="When it ended.")]
    ageSeconds: Annotated[int | None, Field(description="Seconds since then.")]
    findings: Annotated[FindingCounts | None, Field(description="How many findings it has, by severity.")]
    blockingCodes: Annotated[
        list[str], Field(description="The codes of findings that block servers or the run, sorted.")
    ]
    readinessEveryHours: Annotated[int | None, Field(description="How often the schedule checks; null if it does not.")]
    nextAt: Annotated[
        Time | None, Field(description="When the schedule checks next at the earliest; null without a schedule.")
    ]
    cost: Annotated[
        DrillCost | None,
        Field(description="What a drill costs, estimated; null until a readiness run knows its launches."),
    ]


def build_readiness(
    plan: RecoveryPlan, now: float, next_at: str | None, estimate: CostEstimate | None
) -> PlanReadiness:
    """The readiness of a plan, with nulls for one that was never checked. `now` is in epoch seconds."""
    last = plan.last_readiness
    return {
        "planId": plan.plan_id,
        "executionId": last.execution_id if last else None,
        "status": last.status if last else None,
        "reason": last.reason if last else None,
        "at": last.at if last else None,
        "ageSeconds": max(0, int(now - clock.parse_iso(last.at))) if last else None,
        "findings": last.to_item()["findings"] if last else None,
        "blockingCodes": list(last.codes) if last else [],
        "readinessEveryHours": plan.readiness_every_hours,
        "nextAt": next_at,
        "cost": _build_cost(estimate) if estimate else None,
    }


def _build_cost(estimate: CostEstimate) -> DrillCost:
    return {
        "hours": estimate.hours,
        "servers": estimate.servers,
        "instances": estimate.instances,
        "volumes": estimate.volumes,
        "conversion": estimate.conversion,
        "total": estimate.total,
        "currency": prices.CURRENCY,
        "pricesOf": prices.PRICES_OF,
        "assumptions": list(estimate.assumptions),
    }
