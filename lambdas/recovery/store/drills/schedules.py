"""Schedules of drills, in the `drills` table: the SCHEDULE row of a plan, and an APPOINTMENT# row for each decided one.

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
from recovery.domain.drills.schedules import Appointment, Schedule
from recovery.settings import settings

SCHEDULE, APPOINTMENT = "SCHEDULE", "APPOINTMENT#"
# Written when a drill has ended, with the last one that counts.
SUMMARY = "SUMMARY"

# What the row of a schedule has besides its key and version.
_FACTS = frozenset({"paused", "resumedAt", "lastPause", "lastAppointment", "current", "untold"})


def table() -> str:
    """The name of the drills table."""
    return settings().drills_table


def _key(plan_id: str) -> dict[str, str]:
    return {"planId": plan_id, "item": SCHEDULE}


def get_schedule(plan_id: str) -> Schedule:
    """The schedule of the plan; a new one if none is stored."""
    row = dynamodb.get(table(), _key(plan_id))
    return Schedule.from_item(row) if row else Schedule(plan_id)


def read_schedules(plan_ids: Sequence[str]) -> dict[str, tuple[Schedule, str | None]]:
    """By plan, its schedule, and when the last drill that counts was requested, in ISO 8601; None if none counts."""
    keys = [{"planId": plan_id, "item": item} for plan_id in plan_ids for item in (SCHEDULE, SUMMARY)]
    rows = {(row["planId"], row["item"]): row for row in dynamodb.batch_get(table(), keys)}
    return {
        plan_id: (
            Schedule.from_item(rows.get((plan_id, SCHEDULE), {"planId": plan_id})),
            _read_last_counting(rows.get((plan_id, SUMMARY))),
        )
        for plan_id in plan_ids
    }


def _read_last_counting(summary: Mapping[str, Any] | None) -> str | None:
    counting = (summary or {}).get("lastCounting") or {}
    return counting.get("requestedAt")


def replace_schedule(before: Schedule, after: Schedule) -> Schedule | None:
    """Write the schedule over the version before; return it as it is then, None if another write was first."""
    if not dynamodb.update_if(table(), _key(before.plan_id), **_replacement(before, after)):
        return None
    return replace(after, version=before.version + 1)


def decide_appointments(before: Schedule, after: Schedule, decided: Sequence[Appointment]) -> Schedule | None:
    """The same, together with the rows of appointments that are decided. At most 99."""
    rows = [{**each.to_item(), "planId": before.plan_id, "item": f"{APPOINTMENT}{each.at}"} for each in decided]
    try:
        dynamodb.transact(
            [
                dynamodb.update_action(table(), _key(before.plan_id), **_replacement(before, after)),
                *(dynamodb.put_action(table(), row) for row in rows),
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
    return dynamodb.check_action(table(), _key(schedule.plan_id), "#version = :same", given)


def list_appointments(plan_id: str, limit: int, token: str | None) -> Page:
    """A page of APPOINTMENT# rows, newest first."""
    rows = Partition("planId", plan_id, ("item", APPOINTMENT))
    return pagination.query_page(table(), rows, limit, token, newest_first=True)


def get_appointments(plan_id: str, times: Sequence[str]) -> list[Appointment]:
    """The decided appointments of these times (ISO 8601), oldest first."""
    keys = [{"planId": plan_id, "item": f"{APPOINTMENT}{at}"} for at in times]
    found = map(Appointment.from_item, dynamodb.batch_get(table(), keys))
    return sorted((each for each in found if each), key=lambda each: each.at)


def read_last(listed: Sequence[Schedule]) -> dict[str, Appointment]:
    """By plan, the last appointment that was decided; none for a plan before its first."""
    keys = [{"planId": each.plan_id, "item": f"{APPOINTMENT}{each.last}"} for each in listed if each.last]
    found = {row["planId"]: Appointment.from_item(row) for row in dynamodb.batch_get(table(), keys)}
    return {plan_id: each for plan_id, each in found.items() if each}
