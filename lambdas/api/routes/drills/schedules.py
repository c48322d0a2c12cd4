"""Schedules of drills: the next appointments of plans, what became of the last ones, and pauses."""

from api.http.parameters import PAGE, Parameter, page_parameters, query_parameters
from api.http.request import invalid_field, name_caller, require_id
from api.router import Router
from api.schemas.requests.executions import DecisionRequest
from api.schemas.responses.drills.schedules import DrillSchedule, DrillSchedules, build_item, build_schedule
from recovery.catalog import plans
from recovery.domain.drills.schedules import Appointment, Schedule
from recovery.domain.plan import RecoveryPlan
from recovery.drill_errors import SchedulePaused
from recovery.drills import schedules
from recovery.errors import PlanNotFound
from recovery.store.drills import schedules as store

router = Router("Drill schedules")

DEFAULT_COUNT, MAX_COUNT = 10, 100
# Appointments and pauses that an answer about one plan shows.
MAX_PAST = 20

COUNT = Parameter(
    "count",
    f"How many of the next appointments; {DEFAULT_COUNT} without it.",
    {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
)


@router.operation("GET", "/drill-schedules", parameters=PAGE)
def list_schedules() -> DrillSchedules:
    """Lists the plans with a drill policy, with their next and their last appointment.

    It reads a page of plans, and shows those of them that have a policy: a page may be empty before the last one.
    """
    page = plans.list_plans(*page_parameters(router.current_event))
    scheduled = [RecoveryPlan.from_item(row) for row in page.items if row.get("drillPolicy")]
    read = store.read_schedules([plan.plan_id for plan in scheduled])
    return {
        "drillSchedules": [
            build_item(plan, plan.drill_policy, *read[plan.plan_id]) for plan in scheduled if plan.drill_policy
        ],
        "nextToken": page.next_token,
    }


@router.operation("GET", "/recovery-plans/{planId}/drill-schedule", parameters=(COUNT,), errors=(PlanNotFound,))
def read_schedule(plan_id: str) -> DrillSchedule:
    """Returns the drill policy of a plan, its next appointments, and what became of the last ones."""
    plan = _get_plan(plan_id)
    return _build(plan, _read_count())


@router.operation("POST", "/recovery-plans/{planId}/drill-schedule/pause", errors=(PlanNotFound, SchedulePaused))
def pause_schedule(plan_id: str, body: DecisionRequest) -> DrillSchedule:
    """Pauses the schedule of a plan: no drill of it begins until it is resumed. A run that has begun goes on.

    Appointments that come meanwhile are missed. A schedule that is paused keeps its pause: the same request again
    changes nothing, and one of another person, or with another comment, is refused.
    """
    plan = _get_plan(plan_id)
    schedules.pause(plan, name_caller(router.current_event), body.comment or "")
    return _build(plan, DEFAULT_COUNT)


@router.operation("POST", "/recovery-plans/{planId}/drill-schedule/resume", errors=(PlanNotFound,))
def resume_schedule(plan_id: str) -> DrillSchedule:
    """Resumes the schedule of a plan, which goes on with the next appointment. One that is not paused stays so."""
    plan = _get_plan(plan_id)
    schedules.resume(plan, name_caller(router.current_event))
    return _build(plan, DEFAULT_COUNT)


def _get_plan(plan_id: str) -> RecoveryPlan:
    return plans.get_plan(require_id(plan_id, PlanNotFound, "recovery plan"))


def _build(plan: RecoveryPlan, count: int) -> DrillSchedule:
    schedule, counted = store.read_schedules([plan.plan_id])[plan.plan_id]
    return build_schedule(
        plan, schedule, counted, _list_past(schedule), store.list_pauses(plan.plan_id, MAX_PAST), count
    )


def _list_past(schedule: Schedule) -> list[Appointment]:
    rows = store.list_appointments(schedule.plan_id, MAX_PAST, None).items
    return [each for each in map(Appointment.from_item, rows) if each]


def _read_count() -> int:
    text = query_parameters(router.current_event).get("count")
    if text is None:
        return DEFAULT_COUNT
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and 1 <= int(text) <= MAX_COUNT):
        raise invalid_field("count", f"must be a whole number from 1 to {MAX_COUNT}")
    return int(text)
