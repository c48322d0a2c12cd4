"""Schedules of drills, as the API shows them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, build_from_row
from api.schemas.responses.drills.policy import DrillPolicy
from recovery import clock
from recovery.domain.drills.appointments import list_appointments, list_come
from recovery.domain.drills.policy import DrillPolicy as StoredPolicy
from recovery.domain.drills.schedules import Appointment, AppointmentStatus, Pause, Schedule
from recovery.domain.plan import RecoveryPlan

NOT_LOOKED_AT = "the schedule looks every five minutes, and has not looked at it yet"


class SchedulePause(TypedDict):
    """A pause of a schedule: while it lasts, no drill begins."""

    by: Annotated[str, Field(description="Who paused it.")]
    at: Annotated[Time, Field(description="When.")]
    comment: Annotated[str, Field(description="Why; empty if nothing was said.")]


class PastPause(SchedulePause):
    """A pause that is over."""

    resumedBy: Annotated[str, Field(description="Who resumed the schedule.")]
    resumedAt: Annotated[Time, Field(description="When.")]


class NextAppointment(TypedDict):
    """An appointment that is to come."""

    at: Annotated[Time, Field(description="The appointment: when the drill is to begin.")]
    until: Annotated[Time, Field(description="The end of its window: later, it is missed.")]


class PastAppointment(TypedDict):
    """An appointment that was decided."""

    at: Annotated[Time, Field(description="The appointment: when the drill was to begin.")]
    status: Annotated[
        AppointmentStatus,
        Field(description="STARTED, SKIPPED because the plan was NOT_READY, or MISSED: nothing could begin in time."),
    ]
    reason: Annotated[str | None, Field(description="Why it was skipped or missed.")]
    executionId: Annotated[str | None, Field(description="The drill, if one was recorded.")]
    checkId: Annotated[str | None, Field(description="The readiness run before it, if there was one.")]


class CurrentAppointment(PastAppointment):
    """An appointment that has come and is not decided: it waits, its readiness is checked, or its drill starts."""

    until: Annotated[Time, Field(description="The end of its window.")]


class DrillSchedule(TypedDict):
    """When a plan is drilled by itself, and what became of its last appointments."""

    planId: str
    planName: Annotated[str, Field(description="The name of the plan.")]
    policy: Annotated[DrillPolicy | None, Field(description="The drill policy; null if the plan has none.")]
    paused: Annotated[SchedulePause | None, Field(description="The pause that is on; null if none is.")]
    current: Annotated[
        CurrentAppointment | None,
        Field(description="The appointment that has come and is not decided yet; WAITING also before the first look."),
    ]
    next: Annotated[
        list[NextAppointment],
        Field(
            description="The next appointments. With `everyDays`, those after the first are a forecast: each drill "
            "that counts moves them."
        ),
    ]
    past: Annotated[list[PastAppointment], Field(description="The last appointments, newest first.")]
    pauses: Annotated[list[PastPause], Field(description="The last pauses that are over, newest first.")]


class DrillScheduleItem(TypedDict):
    """The schedule of a plan, in short."""

    planId: str
    planName: Annotated[str, Field(description="The name of the plan.")]
    policy: Annotated[DrillPolicy, Field(description="The drill policy.")]
    paused: Annotated[SchedulePause | None, Field(description="The pause that is on; null if none is.")]
    next: Annotated[Time | None, Field(description="The next appointment; null if there is none.")]
    current: Annotated[
        CurrentAppointment | None,
        Field(description="The appointment that has come and is not decided yet; WAITING also before the first look."),
    ]
    last: Annotated[PastAppointment | None, Field(description="The last appointment; null before the first.")]


class DrillSchedules(Paged):
    """A page of schedules, one for each plan with a drill policy."""

    drillSchedules: Annotated[list[DrillScheduleItem], Field(description="The schedules.")]


def build_schedule(
    plan: RecoveryPlan,
    schedule: Schedule,
    counted: str | None,
    past: Sequence[Appointment],
    pauses: Sequence[Pause],
    count: int,
) -> DrillSchedule:
    """The schedule of a plan with its next `count` appointments. `counted` is when the last drill that counts began."""
    return {
        "planId": plan.plan_id,
        "planName": plan.name,
        "policy": _build_policy(plan),
        "paused": build_pause(schedule.paused),
        "current": _build_current(plan, schedule, counted),
        "next": _build_next(plan, schedule, counted, count),
        "past": [build_past(each) for each in past],
        "pauses": [build_from_row(PastPause, each.to_item()) for each in pauses],
    }


def build_item(plan: RecoveryPlan, policy: StoredPolicy, schedule: Schedule, counted: str | None) -> DrillScheduleItem:
    """The same in short, for a plan with this drill policy."""
    upcoming = _build_next(plan, schedule, counted, 1)
    return {
        "planId": plan.plan_id,
        "planName": plan.name,
        "policy": build_from_row(DrillPolicy, policy.to_item()),
        "paused": build_pause(schedule.paused),
        "next": upcoming[0]["at"] if upcoming else None,
        "current": _build_current(plan, schedule, counted),
        "last": build_past(schedule.last_decided) if schedule.last_decided else None,
    }


def _build_policy(plan: RecoveryPlan) -> DrillPolicy | None:
    return build_from_row(DrillPolicy, plan.drill_policy.to_item()) if plan.drill_policy else None


def build_pause(pause: Pause | None) -> SchedulePause | None:
    """The pause that is on."""
    return build_from_row(SchedulePause, pause.to_item()) if pause else None


def build_past(each: Appointment) -> PastAppointment:
    """An appointment that was decided."""
    return {
        "at": each.at,
        "status": each.status,
        "reason": each.reason or None,
        "executionId": each.execution_id,
        "checkId": each.check_id,
    }


def _build_current(plan: RecoveryPlan, schedule: Schedule, counted: str | None) -> CurrentAppointment | None:
    """The appointment that is on, also if no look has come since it came."""
    current, policy = schedule.current, plan.drill_policy
    if current is None and policy and policy.automatic:
        for at in list_come(policy, schedule.last, counted, clock.now(), 1):
            until = clock.iso(at + policy.window_seconds)
            current = Appointment(clock.iso(at), AppointmentStatus.WAITING, until, NOT_LOOKED_AT)
    return {**build_past(current), "until": current.until} if current else None


def _build_next(plan: RecoveryPlan, schedule: Schedule, counted: str | None, count: int) -> list[NextAppointment]:
    """From now on; an appointment that has come is `current`."""
    policy = plan.drill_policy
    if policy is None:
        return []
    base = max(filter(None, (schedule.last, counted)), default=None)
    moments = list_appointments(policy, clock.now(), count, clock.parse_iso(base) if base else None)
    return [{"at": clock.iso(at), "until": clock.iso(at + policy.window_seconds)} for at in moments]
