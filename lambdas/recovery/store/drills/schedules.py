"""Schedules of drills, in the `drills` table: SCHEDULE of a plan, APPOINTMENT# of one decided, and PAUSE# of one over.

Every write names the version that it replaces, so that of two looks at once, or of a look and a pause, one comes first
and the other one looks again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import Partition
from recovery.aws.pagination import Page
from recovery.domain.drills.schedules import Appointment, Pause, Schedule
from recovery.settings import settings
from recovery.store.drills.outcomes import SUMMARY, DrillSummary

SCHEDULE, APPOINTMENT, PAUSE = "SCHEDULE", "APPOINTMENT#", "PAUSE#"

# What the row of a schedule has besides its key and version.
_FACTS = frozenset({"paused", "lastPause", "lastAppointment", "lastDecided", "current", "untold"})


def _table() -> str:
    return settings().drills_table


def _key(plan_id: str) -> dict[str, str]:
    return {"planId": plan_id, "item": SCHEDULE}


def get_schedule(plan_id: str) -> Schedule:
    """The schedule of the plan; a new one if none is stored."""
    row = dynamodb.get(_table(), _key(plan_id))
    return Schedule.from_item(row) if row else Schedule(plan_id)


def read_schedules(plan_ids: Sequence[str]) -> dict[str, tuple[Schedule, str | None]]:
    """By plan, its schedule, and when the last drill that counts was requested, in ISO 8601; None if none counts."""
    keys = [{"planId": plan_id, "item": item} for plan_id in plan_ids for item in (SCHEDULE, SUMMARY)]
    rows = {(row["planId"], row["item"]): row for row in dynamodb.batch_get(_table(), keys)}
    return {
        plan_id: (
            Schedule.from_item(rows.get((plan_id, SCHEDULE), {"planId": plan_id})),
            DrillSummary.from_item(rows.get((plan_id, SUMMARY))).last_counted_at,
        )
        for plan_id in plan_ids
    }


def replace_schedule(before: Schedule, after: Schedule) -> Schedule | None:
    """Write the schedule over the version before; return it as it is then, None if another write was first."""
    if not dynamodb.update_if(_table(), _key(before.plan_id), **_replacement(before, after)):
        return None
    return replace(after, version=before.version + 1)


def decide_appointments(before: Schedule, after: Schedule, decided: Sequence[Appointment]) -> Schedule | None:
    """The same, together with the rows of appointments that are decided. At most 99."""
    return _replace_with(before, after, [(f"{APPOINTMENT}{each.at}", each.to_item()) for each in decided])


def end_pause(before: Schedule, after: Schedule, pause: Pause) -> Schedule | None:
    """The same, together with the row of the pause that is over."""
    return _replace_with(before, after, [(f"{PAUSE}{pause.at}", pause.to_item())])


def _replace_with(before: Schedule, after: Schedule, items: Sequence[tuple[str, Mapping[str, Any]]]) -> Schedule | None:
    rows = [{**facts, "planId": before.plan_id, "item": item} for item, facts in items]
    try:
        dynamodb.transact(
            [
                dynamodb.update_action(_table(), _key(before.plan_id), **_replacement(before, after)),
                *(dynamodb.put_action(_table(), row) for row in rows),
            ]
        )
    except ConditionFailed:
        return None
    return replace(after, version=before.version + 1)


def _replacement(before: Schedule, after: Schedule) -> dict[str, Any]:
    values = after.to_item()
    return {
        "values": {**values, "version": before.version + 1},
        "remove": sorted(_FACTS - values.keys()),
        "condition": "#version = :before" if before.version else "attribute_not_exists(#version)",
        "given": {"before": before.version} if before.version else {},
    }


def require_version(schedule: Schedule) -> dict[str, Any]:
    """The part of a transaction that refuses it when the schedule has been written since, for example by a pause."""
    given = {"same": schedule.version}
    return dynamodb.check_action(_table(), _key(schedule.plan_id), "#version = :same", given)


def list_appointments(plan_id: str, limit: int, token: str | None) -> Page:
    """A page of APPOINTMENT# rows, newest first."""
    rows = Partition("planId", plan_id, ("item", APPOINTMENT))
    return pagination.query_page(_table(), rows, limit, token, newest_first=True)


def find_appointment(plan_id: str, execution_id: str) -> str | None:
    """The appointment that the drill was started for, among the last fifty; None if a person started it."""
    decided = map(Appointment.from_item, list_appointments(plan_id, 50, None).items)
    return next((each.at for each in decided if each and each.execution_id == execution_id), None)


def get_appointments(plan_id: str, times: Sequence[str]) -> list[Appointment]:
    """The decided appointments of these times (ISO 8601), oldest first."""
    keys = [{"planId": plan_id, "item": f"{APPOINTMENT}{at}"} for at in times]
    found = map(Appointment.from_item, dynamodb.batch_get(_table(), keys))
    return sorted((each for each in found if each), key=lambda each: each.at)


def list_pauses(plan_id: str, limit: int) -> list[Pause]:
    """The last pauses that are over, newest first."""
    rows = Partition("planId", plan_id, ("item", PAUSE))
    page = pagination.query_page(_table(), rows, limit, None, newest_first=True)
    return [each for each in map(Pause.from_item, page.items) if each]
