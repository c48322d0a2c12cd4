"""The checks of launched servers, and the actions of the run, as the report has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from report.run_record import Record
from report.times import end_of, seconds_between

# Decisions that have the servers of a wave checked again.
_CHECKS_AGAIN = ("verify", "retry")

# How a check of a server is counted: by the status of its verification.
_COUNTED = {"UNVERIFIED": "failed", "VERIFYING": "waiting"}


def list_checks(servers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each check of each wave, in the order in which servers take them, with how many passed and who did not."""
    found: dict[tuple[str, str], dict[str, Any]] = {}

    def count(server: Mapping[str, Any], check: str, name: str) -> dict[str, Any]:
        nothing = {"wave": server["wave"], "check": check, "passed": 0, "failed": 0, "waiting": 0, "failures": []}
        counted = found.setdefault((server["wave"], check), nothing)
        counted[name] += 1
        return counted

    for server in servers:
        checked = server.get("verification")
        if not checked:
            continue
        for check in checked["passed"]:
            count(server, check, "passed")
        name = "waiting" if checked.get("cutOff") else _COUNTED.get(checked["status"])
        if name and checked["check"]:
            counted = count(server, checked["check"], name)
            if name == "failed":
                counted["failures"].append(_describe_failure(server, checked))
    return list(found.values())


def note_earlier(record: Record, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The checks with how many servers did not pass each of them at first, and what came of these."""
    by_check = {(each["wave"], each["check"]): each for each in found}
    for wave in record["waves"]:
        checks = wave.get("checks") or {}
        first: dict[str, tuple[int, str]] = {}
        for turn in checks.get("earlier", ()):
            for failed in turn["failed"]:
                first.setdefault(failed["check"], (failed["unverified"], turn["beganAt"]))
        for check, (count, began) in first.items():
            nothing = {"wave": wave["name"], "check": check, "passed": 0, "failed": 0, "waiting": 0, "failures": []}
            noted = by_check.setdefault((wave["name"], check), nothing)
            noted |= {"failedAtFirst": count, "since": _describe_since(record, wave, noted, began)}
    return list(by_check.values())


def _describe_since(record: Record, wave: Mapping[str, Any], counts: Mapping[str, Any], began: str) -> str:
    """`passed after verify`, or how many have still not passed. `began` is when the checks began that failed."""
    asked = [
        each["decision"]
        for each in record["decisions"]
        if each["wave"] == wave["name"] and each["decision"] in _CHECKS_AGAIN and each["at"] > began
    ]
    after = f" after {' and '.join(dict.fromkeys(asked))}" if asked else " later"
    checks = wave["checks"]
    if checks["checking"]:
        return "being checked again"
    if not checks["unverified"]:
        return f"passed{after}"
    return f"{counts['failed']} did not pass{after} either" if counts["failed"] else "not failed again"


def _describe_failure(server: Mapping[str, Any], checked: Mapping[str, Any]) -> dict[str, Any]:
    of_server = {name: server[name] for name in ("hostname", "sourceServerId", "accountId", "region")}
    return {**of_server, **{name: checked[name] for name in ("reason", "output", "at")}}


# The times of a wave's steps, and what the record has of them.
_STEPS = (("toLaunchedSeconds", "launchedAt"), ("toVerifiedSeconds", "verifiedAt"))
_OF_ACTION = (
    "name",
    "wave",
    "place",
    "kind",
    "title",
    "instructions",
    "status",
    "attempt",
    "startedAt",
    "endedAt",
    "reason",
    "output",
    "accountId",
    "region",
)


def list_actions(record: Record, actions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each action that the run has on record, with how long it took and what people decided about it."""
    end = end_of(record)
    items = []
    for action in actions:
        item = {name: action.get(name) for name in _OF_ACTION}
        began = item["startedAt"]
        seconds = round(max(seconds_between(began, item["endedAt"] or end), 0)) if began else None
        decided = [
            {name: each[name] for name in ("decision", "by", "at", "comment")}
            for each in record["decisions"]
            if each.get("action") == item["name"]
        ]
        items.append({**item, "seconds": seconds, "decisions": decided})
    return items


def measure_steps(record: Record) -> dict[str, Any]:
    """Seconds from the request until the last server was launched, and until the last was verified.

    Both are None while that is open, and for a run without checks. A wave without checks counts at its end.
    """
    waves = [wave for wave in record["waves"] if wave["startedAt"]]
    times: dict[str, Any] = {"toLaunchedSeconds": None, "toVerifiedSeconds": None}
    if not any(wave.get("launchedAt") for wave in waves):
        return times
    for name, attribute in _STEPS:
        ends = [wave.get(attribute) or (None if wave.get("launchedAt") else wave["endedAt"]) for wave in waves]
        known = [str(end) for end in ends if end]
        if len(known) == len(ends):
            times[name] = round(seconds_between(record["requestedAt"], max(known)))
    return times


def measure_wave(wave: Mapping[str, Any]) -> dict[str, Any]:
    """Seconds from the start of a wave until its servers were launched and verified; None without checks."""
    begin = wave["startedAt"]
    return {
        name: round(seconds_between(begin, wave[attribute])) if begin and wave.get(attribute) else None
        for name, attribute in _STEPS
    }
