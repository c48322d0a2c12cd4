"""What is measured of compliance every hour, and said of it every week."""

from datetime import UTC, datetime

from recovery import clock
from recovery.domain.drills.compliance import MOST_SOON_SECONDS, DrillStanding, PlanStanding
from recovery.drills.compliance import Fleet, read_fleet
from recovery.observability import compliance_messages, metrics
from recovery.observability.compliance_messages import WeekOfDrills
from recovery.store.drills import weeks

# Plans with metrics of their own, each of which CloudWatch bills. The worst ones come first.
MAX_PLANS_WITH_METRICS = 200
DAY_SECONDS = 86_400


def judge() -> Fleet:
    """Judge all plans, emit the metrics, and send the message of the week once. Raise ClientError, BotoCoreError."""
    fleet = read_fleet()
    emit_metrics(fleet)
    tell_week(fleet)
    return fleet


def emit_metrics(fleet: Fleet) -> None:
    """Emit the counts, and for each plan with a policy the days since its last drill and until the next."""
    metrics.emit_compliance(fleet.count_plans(DrillStanding.OVERDUE), len(fleet.unplanned))
    for plan in _with_policy(fleet)[:MAX_PLANS_WITH_METRICS]:
        last = plan.facts.last_counting
        since = (fleet.at - clock.parse_iso(last.requested_at)) / DAY_SECONDS if last else None
        until = (plan.due - fleet.at) / DAY_SECONDS if plan.due is not None else None
        metrics.emit_plan_drills(plan.facts.plan.plan_id, since, until)


def tell_week(fleet: Fleet) -> bool:
    """Send the message of this ISO week unless it was sent; return whether it was now.

    There is none while no plan has a drill policy. If it cannot be sent, the next look tries again.
    """
    plans = _with_policy(fleet)
    if not plans:
        return False
    year, week, _ = datetime.fromtimestamp(fleet.at, UTC).isocalendar()
    name = f"{year}-W{week:02}"
    if not weeks.claim_week(name):
        return False
    try:
        compliance_messages.send_week(_describe(fleet, plans, name))
    except BaseException:
        weeks.release_week(name)
        raise
    weeks.note_sent(name)
    return True


def _with_policy(fleet: Fleet) -> list[PlanStanding]:
    return [plan for plan in fleet.plans if plan.status is not DrillStanding.NO_POLICY]


def _describe(fleet: Fleet, plans: list[PlanStanding], week: str) -> WeekOfDrills:
    overdue = [plan for plan in plans if plan.status is DrillStanding.OVERDUE]
    rest = [plan for plan in plans if plan.status is not DrillStanding.OVERDUE]
    due = [plan for plan in rest if plan.due is not None and plan.due - fleet.at <= MOST_SOON_SECONDS]
    return WeekOfDrills(
        week=week,
        plans=len(plans),
        overdue=[_describe_overdue(plan) for plan in overdue],
        due=[f"{_name(plan)}: until {_minute(plan.due)}{_paused(plan)}" for plan in due],
        stale=[f"{_name(plan)}: {plan.stale[0]}" for plan in plans if plan.stale],
        unplanned=[
            f"{server.hostname} ({server.server_id}) in {listed.target.key}" for listed, server in fleet.unplanned
        ],
    )


def _describe_overdue(plan: PlanStanding) -> str:
    """`shop (rp-…): since 2026-11-28 02:00 UTC; its last drill, drill-…, does not count. It ended as PARTIAL, …`"""
    last = plan.facts.last
    why = f"; its last drill, {last.execution_id}, does not count. {last.why_not[0]}" if last and last.why_not else ""
    return f"{_name(plan)}: since {_minute(plan.due)}{_paused(plan)}{why}"


def _name(plan: PlanStanding) -> str:
    return f"{plan.facts.plan.name} ({plan.facts.plan.plan_id})"


def _paused(plan: PlanStanding) -> str:
    return "; its schedule is paused" if plan.facts.is_paused else ""


def _minute(moment: float | None) -> str:
    return clock.iso(moment)[:16].replace("T", " ") + " UTC"
