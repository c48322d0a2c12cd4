"""The checks of launched servers, and the actions of the run, as the report has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cli.report.times import end_of, seconds_between
from cli.run_record import Record

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
        if (name := _COUNTED.get(checked["status"])) and checked["check"]:
            counted = count(server, checked["check"], name)
            if name == "failed":
                counted["failures"].append(_describe_failure(server, checked))
    return list(found.values())


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
