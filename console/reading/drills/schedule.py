"""When a plan is drilled by itself: its policy in words, and its appointments in the policy's zone."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.api_client import ApiClient
from cli.listings.schedules import show_local
from recovery.domain.drills.policy import DEFAULT_CLEAN_UP_HOURS
from recovery.wording import plural

# Appointments that the page shows.
NEXT_SHOWN = "5"
# What makes a drill stale, in words.
_STALE_AFTER = {
    "planChange": "the plan's waves, actions or attempts to launch change",
    "serverAdded": "a server joins one of its groups",
    "profileChange": "a launch profile changes",
}
_COUNTS_IF = {
    "launched": "every server that it must launch was launched",
    "verified": "every server that it must launch passed its checks",
}


def read(api: ApiClient, plan_id: str) -> dict[str, Any]:
    """The drill schedule of a plan, as the API has it. Raise ApiRefused, ApiUnreachable."""
    schedule: dict[str, Any] = api.get(f"/recovery-plans/{plan_id}/drill-schedule", count=NEXT_SHOWN)
    return schedule


def describe_policy(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a policy says, each with a name."""
    zone = policy.get("timezone") or "UTC"
    if every := policy.get("everyDays"):
        first = f", the first on {policy['firstOn']} at the earliest" if policy.get("firstOn") else ""
        yield "Drilled", f"every {plural(int(every), 'day')} at {policy.get('at') or '02:00'}, {zone}{first}"
    else:
        yield "Drilled", f"by the cron expression {policy.get('schedule')}, {zone}"
    window = plural(int(policy.get("windowMinutes") or 240), "minute")
    if policy.get("automatic", True):
        yield "Begins", f"by itself, within {window} of its appointment or not at all"
    else:
        yield "Begins", f"when a person starts it, within {window} of its appointment; nothing starts by itself"
    if policy.get("automatic", True):
        asks = "readiness is checked first; a plan that is not ready is not drilled, and a message says so"
        yield "Before it", asks if policy.get("skipIfNotReady", True) else "readiness is not checked first"
    if hours := policy.get("cleanUpAfterHours"):
        yield "Cleaned up", f"{plural(int(hours), 'hour')} after its end"
    elif policy.get("automatic", True):
        default = plural(DEFAULT_CLEAN_UP_HOURS, "hour")
        yield "Cleaned up", f"as the plan says for all drills, or {default} after its end"
    yield "Counts if", _COUNTS_IF.get(policy.get("countsIf") or "launched", str(policy.get("countsIf")))
    reasons = [_STALE_AFTER.get(each, each) for each in policy.get("invalidatedBy", tuple(_STALE_AFTER))]
    yield "Becomes stale if", ", or ".join(reasons) if reasons else "nothing: only its time runs out"


def show_in_zone(at: str, zone: str | None) -> str:
    """`2026-03-29 03:00 CEST` in this time zone; nothing for UTC, and for a zone that this machine does not know."""
    shown = show_local(at, zone or "UTC")
    return "" if shown.endswith(" UTC") else shown


def mark_schedule(schedule: Mapping[str, Any]) -> str:
    """What the dialogs about a schedule have shown: whether it is paused, and since when."""
    paused = schedule["paused"]
    return f"paused {paused['at']}" if paused else "on"
