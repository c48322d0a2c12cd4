"""Shows the last answer of a plan's readiness, what a drill costs, and how isolated its networks are."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cli.listings.cells import show_age, show_minute
from cli.text import COMMAND
from recovery.free_text import flatten
from recovery.wording import first_of, plural

# Codes and places that are shown, and warnings at the end of a readiness run.
MAX_CODES, MAX_PLACES, MAX_WARNINGS = 20, 20, 10
WORST_FIRST = ("NO", "UNKNOWN", "YES")


def describe_readiness(name: str, answer: Mapping[str, Any], options: str) -> list[str]:
    """The lines that say what the last readiness run of the plan has answered, and the commands that go on."""
    plan_id = answer["planId"]
    if answer["status"] is None:
        return [
            f"The readiness of {flatten(name)} has not been checked. Check it:",
            f"  {COMMAND} readiness {plan_id}{options}",
        ]
    lines = [
        f"{flatten(name)} was {answer['status']} {show_age(answer['ageSeconds'])} ago ({answer['executionId']})",
        f"  reason: {flatten(answer['reason'])}",
        f"  findings: {_describe_counts(answer['findings'])}",
    ]
    if answer["blockingCodes"]:
        lines.append(f"  blocking: {', '.join(first_of(answer['blockingCodes'], MAX_CODES))}")
    lines += [f"  {_describe_schedule(answer)}", *_describe_cost(answer["cost"])]
    if any(answer["findings"].values()):
        lines.append(f"  findings  {COMMAND} findings {answer['executionId']}{options}")
    return [*lines, f"  check now {COMMAND} readiness {plan_id}{options}"]


def _describe_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) or "none"


def _describe_schedule(answer: Mapping[str, Any]) -> str:
    hours = answer["readinessEveryHours"]
    if not hours:
        return "checked on demand only: the plan has no readinessEveryHours"
    return f"checked every {plural(hours, 'hour')}, next at {show_minute(answer['nextAt'])} UTC at the earliest"


def _describe_cost(cost: Mapping[str, Any] | None) -> list[str]:
    if cost is None:
        return []
    parts = ", ".join(f"{part} {cost[part]:,.2f}" for part in ("instances", "volumes", "conversion"))
    total = f"{cost['total']:,.2f} {cost['currency']}"
    servers = plural(cost["servers"], "server")
    first = (
        f"  a drill of {servers} for {cost['hours']:g} h costs about {total} ({parts}), at prices of {cost['pricesOf']}"
    )
    return [first, *(f"    {flatten(each)}" for each in cost["assumptions"])]


def list_warnings(findings: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each code of the findings that warn, with the first evidence; BLOCKING ones are in the reason."""
    by_code: dict[str, list[Mapping[str, Any]]] = {}
    for finding in findings:
        if finding["severity"] == "WARNING":
            by_code.setdefault(finding["code"], []).append(finding)
    return first_of([_describe_warnings(code, of) for code, of in by_code.items()], MAX_WARNINGS)


def _describe_warnings(code: str, found: Sequence[Mapping[str, Any]]) -> str:
    more = f"; {len(found) - 1} others like it" if len(found) > 1 else ""
    return f"{'WARNING':<9} {code}: {flatten(found[0]['title'])}: {flatten(found[0]['evidence'])}{more}"


def list_isolation(places: Iterable[Mapping[str, Any]]) -> list[str]:
    """A line for each look at a place that drills launch into: whether it was isolated, and why; the worst first."""
    lines = []
    for place in sorted(places, key=lambda each: WORST_FIRST.index(each["isolated"])):
        groups = f" with {' '.join(place['securityGroups'])}" if place["securityGroups"] else ""
        where = f"{place['subnetId']}{groups} in {place['accountId']}/{place['region']}"
        at = f" at {show_minute(place['lookedAt'])} UTC" if place.get("lookedAt") else ""
        start = f", before the start of batch {place['batch']} of wave {place['wave']}" if place.get("wave") else ""
        lines.append(flatten(f"  {place['isolated']:<7}  {where}{at}{start}: {'; '.join(place['because'])}"))
    return first_of(lines, MAX_PLACES)
