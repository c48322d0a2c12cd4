"""The listings of schedules of drills, with times of the policy's own zone beside those of UTC."""

from datetime import UTC, datetime
from typing import Any

from cli.listings.cells import show_minute
from cli.listings.columns import Column, Item, Listing


def show_local(moment: str, zone: str) -> str:
    """The time in the zone, to the minute: `2026-11-22 09:15 CET`; in UTC if this machine does not know the zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    at = datetime.fromisoformat(moment)
    try:
        at = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # names of files that are none, and broken ones
        at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%d %H:%M %Z")


def show_both(moment: str, zone: str) -> str:
    """The time in the zone and in UTC, which is said once: `2026-11-22 09:15 CET, 2026-11-22 08:15 UTC`."""
    local, utc = show_local(moment, zone), show_local(moment, "UTC")
    return utc if local == utc else f"{local}, {utc}"


def show_rule(item: Any) -> str:
    """The rhythm of drills, in words: `every 90 days at 02:00`, `0 2 * * SAT`."""
    policy = item["policy"]
    if policy.get("everyDays"):
        days = "every day" if policy["everyDays"] == 1 else f"every {policy['everyDays']} days"
        return f"{days} at {policy['at']} {policy['timezone']}"
    return f"{policy['schedule']} {policy['timezone']}"


def show_state(item: Any) -> str:
    """What the schedule does now."""
    if item["paused"]:
        return "paused"
    if not item["policy"]["automatic"]:
        return "by people only"
    current = item["current"]
    return f"{current['status'].lower()}, {show_minute(current['at'])} UTC" if current else "on"


def show_last(item: Any) -> str:
    """What became of the last appointment: `STARTED 2026-11-22 09:15`."""
    last = item["last"]
    return f"{last['status']} {show_minute(last['at'])}"


def add_local(item: Item) -> dict[str, Any]:
    """The schedule of a plan with its next appointment in the zone of its policy."""
    return {**item, "nextLocal": show_local(item["next"], item["policy"]["timezone"]) if item["next"] else None}


def list_next(schedule: Item) -> list[dict[str, Any]]:
    """The next appointments of a plan, also in the zone of its policy."""
    policy = schedule["policy"]
    return [{**each, "local": show_local(each["at"], policy["timezone"])} for each in schedule["next"]]


SCHEDULES = Listing(
    path="/drill-schedules",
    items="drillSchedules",
    schema="DrillScheduleItem",
    columns=(
        Column("planId", "plan"),
        Column("planName", "name", folds=True),
        Column("policy", "rhythm", show_rule, of_item=True, folds=True),
        Column("policy.automatic", "state", show_state, of_item=True),
        Column("nextLocal", "next drill", folds=True),
        Column("next", "next drill, UTC", show_minute),
        Column("last", "last appointment, UTC", show_last, of_item=True, optional=True),
        Column("last.reason", "reason", in_table=False),
        Column("paused.by", "paused by", in_table=False),
        Column("paused.comment", "comment", in_table=False),
    ),
    empty="No plan has a drill policy: `drillPolicy` of a plan file gives it one.",
    added={
        "nextLocal": {
            "description": "The next appointment in the time zone of the policy; null if there is none.",
            "type": ["string", "null"],
        }
    },
)
APPOINTMENTS = Listing(
    path="/recovery-plans/{planId}/drill-schedule",
    items="next",
    schema="NextAppointment",
    columns=(
        Column("local", "next drill"),
        Column("at", "next drill, UTC", show_minute),
        Column("until", "begins until, UTC", show_minute),
    ),
    empty="There is no next appointment.",
    added={"local": {"description": "The appointment in the time zone of the policy.", "type": "string"}},
)
