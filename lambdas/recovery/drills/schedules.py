"""Pauses and resumes schedules of drills, on request of a person."""

from dataclasses import replace

from recovery import clock
from recovery.domain.drills.schedules import Pause, Schedule
from recovery.domain.plan import RecoveryPlan
from recovery.drill_errors import SchedulePaused
from recovery.errors import AwsUnavailable, InvalidRequest
from recovery.store.drills import schedules

# The look writes the row too, but twice in five minutes at most.
MAX_ATTEMPTS = 5


def pause(plan: RecoveryPlan, by: str, comment: str) -> Schedule:
    """Let no drill begin until `resume`; return the schedule. The same request again leaves the pause as it is.

    Raise InvalidRequest for a plan without a drill policy, SchedulePaused if there is another pause.
    """
    _require_policy(plan)
    wanted = Pause(by, clock.iso(), comment)
    for _ in range(MAX_ATTEMPTS):
        before = schedules.get_schedule(plan.plan_id)
        if before.paused:
            return _require_same(before, wanted)
        if after := schedules.replace_schedule(before, replace(before, paused=wanted)):
            return after
    raise AwsUnavailable("the schedule is being changed by other requests; try again")


def resume(plan: RecoveryPlan, by: str) -> Schedule:
    """Go on with the next appointment; return the schedule. Those that have come during the pause are missed."""
    _require_policy(plan)
    for _ in range(MAX_ATTEMPTS):
        before = schedules.get_schedule(plan.plan_id)
        if before.paused is None:
            return before
        over = replace(before.paused, resumed_by=by, resumed_at=clock.iso())
        if after := schedules.end_pause(before, replace(before, paused=None, last_pause=over), over):
            return after
    raise AwsUnavailable("the schedule is being changed by other requests; try again")


def _require_same(schedule: Schedule, wanted: Pause) -> Schedule:
    known = schedule.paused
    if known is not None and (known.by, known.comment) != (wanted.by, wanted.comment):
        why = f": {known.comment}" if known.comment else ""
        raise SchedulePaused(f"{known.by} has paused the schedule already, at {known.at}{why}")
    return schedule


def _require_policy(plan: RecoveryPlan) -> None:
    if plan.drill_policy is None:
        message = f"plan {plan.name!r} has no drillPolicy, so nothing drills it by itself; give it one first"
        raise InvalidRequest("The plan has no schedule.", [{"field": "planId", "message": message}])
