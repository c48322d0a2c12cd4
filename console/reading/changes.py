"""What has changed between a plan as a run used it and as it is now, and its groups, in words."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.plans.changes import Difference, find_differences
from recovery.free_text import flatten

# What is no part of what a plan says, or of what a group says.
_BESIDE = (
    *("version", "updatedBy", "updatedAt", "usedBy"),
    *("planId", "groupId", "activeExecutionId", "lastReadiness", "drillInstances"),
)
_OF_WAVE = re.compile(r"waves\[(.+?)\]\.(.+)")
_GROUP_OF_WAVE = re.compile(r"groups\[(.+?)\](?:\.(.+))?")
# The words of the page of a plan for the names of a plan file.
_WORDS = {
    "onFailure": "if servers fail",
    "maxFailedPercent": "failed servers tolerated, in %",
    "pauseBefore": "pause before it",
    "approval": "approval",
    "approval.required": "approval required",
    "approval.timeoutMinutes": "approval within, in minutes",
    "approval.onTimeout": "without an approval in time",
    "dependsOn": "after",
    "runAfter": "starts after",
    "groups": "groups",
    "checks": "checks",
    "checksTimeoutMinutes": "checks within, in minutes",
    "rtoTargetMinutes": "RTO target, in minutes",
    "rpoTargetMinutes": "RPO target, in minutes",
    "launchAttempts": "attempts to launch a server",
    "fourEyes": "another person approves",
    "commentsRequired": "comments required",
    "cleanUpAfterHours": "drills are cleaned up after, in hours",
    "readinessEveryHours": "readiness checked every, in hours",
    "sourceServerIds": "servers",
    "accountId": "account",
    "region": "Region",
    "launchProfiles": "launch profiles",
    "waves (order)": "order of the waves",
}
# Longer values are cut.
MAX_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Changed:
    """A value that differs. `of` is the plan or a group, `before` and `after` are in words."""

    of: str
    field: str
    before: str
    after: str


def list_changes(
    before: Mapping[str, Any], plan: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> list[Changed]:
    """What differs between `plan` and `groups` of a run, which `before` has, and these."""
    names = {group["groupId"]: group["name"] for group in (*before["groups"], *groups)}
    found = [
        _describe("the plan", each) for each in find_differences(_clean(before["plan"], names), _clean(plan, names))
    ]
    old, new = ({group["groupId"]: group for group in each} for each in (before["groups"], groups))
    return [*found, *_list_changes_of_groups(old, new, names)]


def _list_changes_of_groups(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[Changed]:
    for group_id in dict.fromkeys([*old, *new]):
        title = f"group {names[group_id]}"
        if group_id in old and group_id in new:
            for each in find_differences(_clean(old[group_id], {}), _clean(new[group_id], {})):
                yield _describe(title, each)
        else:
            was_there = group_id in old
            yield Changed(title, "use", "used" if was_there else "not used", "not used" if was_there else "used")


def _clean(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The plan or group without what is beside it. Uses of groups in waves get names, by which they are compared."""
    kept = {name: value for name, value in item.items() if name not in _BESIDE}
    if "waves" not in kept:
        return kept
    waves = [
        {**wave, "groups": [{"name": names.get(use["groupId"], use["groupId"]), **use} for use in wave["groups"]]}
        for wave in kept["waves"]
    ]
    return {**kept, "waves": waves}


def _describe(of: str, difference: Difference) -> Changed:
    return describe_change(difference.field, difference.before, difference.after, of)


def describe_change(field: str, before: Any, after: Any, of: str = "") -> Changed:
    """A difference that is known by the name of its field, in the words of the console."""
    return Changed(of, _name_field(flatten(field)), _in_words(before), _in_words(after))


def _name_field(field: str) -> str:
    """`wave application: if servers fail` for `waves[application].onFailure`; what has no words stays as it is."""
    found = _OF_WAVE.fullmatch(field)
    where, name = (f"wave {found[1]}: ", found[2]) if found else ("", field)
    if used := _GROUP_OF_WAVE.fullmatch(name):
        where, name = f"{where}group {used[1]}: ", used[2] or "use"
    return where + _WORDS.get(name, name)


def _in_words(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == "":
        return "empty"
    text = flatten(value) if isinstance(value, str) else flatten(json.dumps(value, ensure_ascii=False))
    return f"{text[:MAX_LENGTH]}…" if len(text) > MAX_LENGTH else text
