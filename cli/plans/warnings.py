"""What is allowed in a plan file and yet seldom meant: each with its line and field, as a mistake has them."""

from collections.abc import Iterator, Mapping
from typing import Any

from cli.plans.document import Document, Location, Problem
from cli.plans.profiles import find_profile_warnings
from recovery.domain.wave_steps.checks import DEFAULT_CHECKS_MINUTES

Found = Iterator[tuple[Location, str]]


def find_warnings(document: Document) -> list[Problem]:
    """The warnings of a file without mistakes, in the order of its lines."""
    data = document.data
    found = [
        *_groups_used_twice(document),
        *_targets_above_the_plan(data),
        *_regions_that_accounts_lack(document),
        *_checks_longer_than_the_target(data),
        *_actions_longer_than_the_target(data),
        *find_profile_warnings(data),
    ]
    return sorted((document.problem(location, text) for location, text in found), key=lambda each: each.line)


def list_uses(waves: list[Any]) -> Iterator[tuple[Location, str, frozenset[str]]]:
    """Each use of a group in a wave: its place below `waves`, the group, and the servers if it names some."""
    for at, wave in enumerate(waves):
        uses = wave.get("groups") if isinstance(wave, dict) else None
        for number, use in enumerate(uses if isinstance(uses, list) else ()):
            fields = {"group": use} if isinstance(use, str) else use
            if isinstance(fields, dict) and isinstance(name := fields.get("group"), str):
                named = (*(fields.get("sourceServers") or ()), *(fields.get("sourceServerIds") or ()))
                yield (at, "groups", number), name, frozenset(map(str, named))


def overlap(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether two uses of a group can have a server in common. A use that names none has all of them."""
    return not one or not other or bool(one & other)


def _groups_used_twice(document: Document) -> Found:
    """Uses of a group in a wave after another one. Two in one wave are a mistake."""
    waves = document.data["recoveryPlan"]["waves"]
    seen: list[tuple[Location, str, frozenset[str]]] = []
    for place, name, servers in list_uses(waves):
        before = next((at for at, other, had in seen if other == name and overlap(servers, had)), None)
        if before is not None:
            first = ("recoveryPlan", "waves", *before)
            yield (
                ("recoveryPlan", "waves", *place),
                f"{name!r} is also in wave {waves[before[0]]['name']!r} (line {document.line(first)}): a run launches "
                "its servers in the first of them and excludes them from the other, which may not be ready then; "
                "optional: true there goes on without them",
            )
        seen.append((place, name, servers))


def _targets_above_the_plan(data: Mapping[str, Any]) -> Found:
    plan = data["recoveryPlan"]
    target = plan.get("rtoTargetMinutes")
    for at, wave in enumerate(plan["waves"] if target else ()):
        if (own := wave.get("rtoTargetMinutes") or 0) > target:
            place = ("recoveryPlan", "waves", at, "rtoTargetMinutes")
            yield place, f"{own} minutes are more than the {target} of the whole plan"


def _checks_longer_than_the_target(data: Mapping[str, Any]) -> Found:
    """Checks that may go on for longer than the wave may take: a server that fails them is then found too late."""
    for at, wave in enumerate(data["recoveryPlan"]["waves"]):
        target, minutes = wave.get("rtoTargetMinutes"), wave.get("checksTimeoutMinutes", DEFAULT_CHECKS_MINUTES)
        has_checks = wave.get("checks") or any(
            isinstance(use, dict) and use.get("checks") for use in wave.get("groups") or ()
        )
        if target and has_checks and minutes >= target:
            name = "checksTimeoutMinutes" if "checksTimeoutMinutes" in wave else "rtoTargetMinutes"
            yield (
                ("recoveryPlan", "waves", at, name),
                f"its checks may take {minutes} minutes after the launch, and the whole wave {target}: set "
                "checksTimeoutMinutes below rtoTargetMinutes, less the time of a DRS job",
            )


def _actions_longer_than_the_target(data: Mapping[str, Any]) -> Found:
    """Waits that alone take as long as the whole plan may."""
    plan = data["recoveryPlan"]
    owners: list[tuple[Location, Any, Any]] = [(("recoveryPlan",), plan, plan.get("rtoTargetMinutes"))]
    for number, wave in enumerate(plan["waves"]):
        target = wave.get("rtoTargetMinutes") or plan.get("rtoTargetMinutes")
        owners.append((("recoveryPlan", "waves", number), wave, target))
    for place, owner, target in owners:
        for name in ("before", "after"):
            for number, action in enumerate(owner.get(name) or ()):
                minutes = (action.get("wait") or {}).get("minutes", 0)
                if target and minutes >= target:
                    at = (*place, name, number, "wait", "minutes")
                    yield at, f"it waits {minutes} minutes, and the RTO target is {target}"


def _regions_that_accounts_lack(document: Document) -> Found:
    accounts = {each["accountId"]: at for at, each in enumerate(document.data.get("targetAccounts") or ())}
    for at, group in enumerate(document.data["protectionGroups"]):
        if (number := accounts.get(group["accountId"])) is None:
            continue
        listed = document.data["targetAccounts"][number]["regions"]
        if group["region"] not in listed:
            line = document.line(("targetAccounts", number, "regions"))
            yield (
                ("protectionGroups", at, "region"),
                f"{group['region']} is not among the regions of account {group['accountId']} (line {line}), so "
                "`verify` and `capacity` do not look there; add it",
            )
