"""The readiness of plans: the last answer, its age, when it is checked next, and what a drill costs."""

from api.http.parameters import Parameter, query_parameters
from api.http.request import invalid_field, require_id
from api.router import Router
from api.schemas.responses.readiness.answers import PlanReadiness, build_readiness
from recovery import clock
from recovery.catalog import plans, standing
from recovery.domain.costs.estimate import CostEstimate, estimate_drill
from recovery.domain.findings.launches import LaunchSize
from recovery.domain.plan import RecoveryPlan
from recovery.errors import PlanNotFound
from recovery.store.launches import findings

router = Router("Recovery plans")

# As long as instances of a drill may stay: four weeks.
MAX_HOURS = 4 * 7 * 24

HOURS = Parameter(
    "hours",
    "For how many hours the instances of the drill run; without it, until the plan terminates them, or 8.",
    {"type": "integer", "minimum": 1, "maximum": MAX_HOURS},
)


@router.operation("GET", "/recovery-plans/{planId}/readiness", parameters=(HOURS,), errors=(PlanNotFound,))
def read_readiness(plan_id: str) -> PlanReadiness:
    """Returns the last answer of the plan's readiness, with its age, and an estimate of what a drill costs.

    It checks nothing: a readiness run does, on request or on the schedule that `readinessEveryHours` gives.
    """
    plan_id, hours = require_id(plan_id, PlanNotFound, "recovery plan"), _read_hours()
    plan = plans.get_plan(plan_id)
    now = clock.now()
    scheduled = standing.find_standing(plan_id)
    next_at = clock.iso(scheduled.next_at(now)) if scheduled else None
    return build_readiness(plan, now, next_at, _estimate(plan, hours))


def _read_hours() -> int | None:
    text = query_parameters(router.current_event).get("hours")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 5 and 1 <= int(text) <= MAX_HOURS):
        raise invalid_field("hours", f"must be a whole number from 1 to {MAX_HOURS}")
    return int(text)


def _estimate(plan: RecoveryPlan, hours: int | None) -> CostEstimate | None:
    """None as long as no readiness run has said how large the launches are."""
    if plan.last_readiness is None:
        return None
    launches: dict[str, list[LaunchSize]] = {}
    for found in findings.list_findings(plan.last_readiness.execution_id):
        launches.setdefault(found.target.region, []).extend(found.launches)
    return estimate_drill(launches, hours, plan.clean_up_after_hours)
