"""What the waves of a run do besides launching servers: the checks of their servers, and actions."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from cli.text import find_now
from cli.views.checked_servers import Names, format_names
from recovery.clock import parse_iso
from recovery.free_text import flatten
from recovery.wording import describe_deadline, describe_span, first_of, name_place, plural
from report.run_record import RUNNING_ACTIONS, UNFINISHED, Record

# Checks that the line of a wave names.
MAX_CHECKS = 3


def describe_steps(record: Record, names: Names = MappingProxyType({})) -> Iterator[str]:
    """A line for each wave whose servers are checked or unverified, and for each action that runs or waits for a time.

    Actions that wait for people are among the waits of the run. `names` has servers that the lines name.
    """
    now = find_now(record)
    for wave in record["waves"]:
        if (checks := wave.get("checks")) and (checks["checking"] or checks["unverified"]):
            yield describe_checks(wave["name"], checks, now, names)
    if record["status"] in UNFINISHED:
        for action in record.get("actions", ()):
            if action["status"] in RUNNING_ACTIONS and not action["waitingFor"]:
                yield _describe_running(action, now)


def describe_checks(wave: str, checks: Mapping[str, Any], now: float, names: Names = MappingProxyType({})) -> str:
    """`checks of app: 12 of 40 verified; at http :80/ 19, boot 8; unverified at boot 1; deadline in 18 min, ...`.

    With `names`, each count of servers has a few of them: `boot 1 (app-07)`.
    """
    total = checks["checking"] + checks["verified"] + checks["unverified"]
    parts = [f"{checks['verified']} of {total} verified"]
    for count, words in (("checking", "at"), ("unverified", "unverified at")):
        at = [
            f"{flatten(each['check'])} {each[count]}"
            + format_names(names.get((wave, count, each["check"]), ()), each[count])
            for each in checks["checks"]
            if each[count]
        ]
        if checks[count]:
            parts.append(f"{words} {', '.join(first_of(at, MAX_CHECKS)) or 'unknown checks'}")
    if checks["until"] and checks["checking"]:
        parts.append(f"deadline {describe_deadline(parse_iso(checks['until']), now)}")
    return f"checks of {flatten(wave)}: {'; '.join(parts)}"


def describe_place(action: Mapping[str, Any]) -> str:
    """`before wave database`, `after the plan`."""
    return flatten(name_place(action["place"], action["wave"]))


def _describe_running(action: Mapping[str, Any], now: float) -> str:
    """`action freeze-writes before wave database runs for 5 min: automation Shop-FreezeWrites in ACCOUNT/REGION`."""
    since = f" for {describe_span(now - parse_iso(action['startedAt']))}" if action["startedAt"] else ""
    target = f" in {action['accountId']}/{action['region']}" if action["accountId"] else ""
    until = f"; deadline {describe_deadline(parse_iso(action['until']), now)}" if action["until"] else ""
    state = "runs" if action["status"] == "RUNNING" else "waits"
    named = f"action {flatten(action['name'])} {describe_place(action)}"
    return f"{named} {state}{since}: {flatten(action['title'])}{target}{until}"


def describe_action(action: Mapping[str, Any]) -> str:
    """What changes of an action only when it goes on: `action freeze-writes before wave database: FAILED, REASON`."""
    attempt = f", attempt {action['attempt']}" if action["attempt"] > 1 else ""
    reason = f": {flatten(action['reason'])}" if action["reason"] else ""
    return f"action {flatten(action['name'])} {describe_place(action)} {action['status']}{attempt}{reason}"


def count_actions(record: Record) -> str:
    """`3 SUCCEEDED, 1 FAILED`; nothing without actions."""
    counts: dict[str, int] = {}
    for action in record.get("actions", ()):
        counts[action["status"]] = counts.get(action["status"], 0) + 1
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def name_unverified(servers: int) -> str:
    """`2 servers have not passed their checks`."""
    return plural(servers, "server has not passed its checks", "servers have not passed their checks")


def describe_verification(found: Mapping[str, Any]) -> str:
    """`UNVERIFIED at http :8080/health: it was not passed within 30 min: HTTP 503`."""
    at = f" at {flatten(found['check'])}" if found["check"] and found["status"] != "VERIFIED" else ""
    reason = (found.get("reason") or "").removeprefix(f"{found['check']} has not passed: ")
    why = [flatten(text) for text in (reason, found.get("output")) if text and found["status"] != "VERIFIED"]
    return ": ".join([f"{found['status']}{at}", *why])
