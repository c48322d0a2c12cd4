"""What differs between two plans, groups or accounts, field by field, and how a reader sees it.

Plan files, the history of the catalog, reports and the console compare by this one rule. Fields are written as
`waves[db].checks`, a changed order as `waves (order)`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.drills.policy_words import summarize_policy
from recovery.free_text import flatten

# Attributes of a row that are no part of what a plan, group or account says: its identity, who wrote it, and what runs
# and other rows keep in it.
BESIDE_CONTENT = frozenset(
    {
        *("version", "updatedBy", "updatedAt", "usedBy", "planId", "groupId"),
        *("activeExecutionId", "lastReadiness", "standing", "drillInstances"),
    }
)
# Longer values are cut; two that differ are cut near the place where they do.
MAX_LENGTH = 200
# Parts of a list are compared by the first of these that all of them have.
_KEYS_OF_PARTS = ("name", "groupId")
_OF_WAVE = re.compile(r"waves\[(.+?)\]\.(.+)")
_GROUP_OF_WAVE = re.compile(r"groups\[(.+?)\](?:\.(.+))?")
# The words of people for the names of a plan file.
_WORDS = {
    "onFailure": "if servers fail",
    "maxFailedPercent": "failed servers tolerated, in %",
    "pauseBefore": "pause before it",
    "approval": "approval",
    "approval.required": "approval required",
    "approval.timeoutMinutes": "approval within, in minutes",
    "approval.onTimeout": "without an approval in time",
    "dependsOn": "waits for",
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
    "before": "actions before it",
    "after": "actions after it",
    "drillPolicy": "drill policy",
    "sourceServerIds": "servers",
    "accountId": "account",
    "region": "Region",
    "regions": "Regions",
    "roleArn": "role",
    "externalId": "external id",
    "launchProfiles": "launch profiles",
    "waves (order)": "order of the waves",
}
_WORDS_OF_POLICY = {
    "everyDays": "drilled every, in days",
    "schedule": "cron expression",
    "at": "time of day",
    "timezone": "time zone",
    "windowMinutes": "begins within, in minutes",
    "firstOn": "first drill not before",
    "automatic": "starts by itself",
    "skipIfNotReady": "skipped if not ready",
    "cleanUpAfterHours": "cleaned up after, in hours",
    "countsIf": "counts if servers are",
    "invalidatedBy": "made stale by",
}
_OF_POLICY = "drillPolicy."


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that differs; None is for a value that is missing."""

    field: str
    before: Any
    after: Any


def find_differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every value that differs. Lists of named things are compared by name or group, other lists as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from find_differences(before.get(name), after.get(name), f"{field}.{name}".lstrip("."))
    elif (parts := _match_parts(before, after)) is not None:
        old, new = parts
        if list(old) != list(new):
            yield Difference(f"{field} (order)", list(old), list(new))
        for name in dict.fromkeys([*old, *new]):
            yield from find_differences(old.get(name), new.get(name), f"{field}[{name}]")
    elif before != after:
        yield Difference(field, before, after)


def _match_parts(before: Any, after: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Two lists of named things as dicts by name, of which one is not empty; None if they are anything else."""
    for key in _KEYS_OF_PARTS:
        old, new = _by(key, before), _by(key, after)
        if old is not None and new is not None:
            return (old, new) if old or new else None
    return None


def _by(key: str, parts: Any) -> dict[str, Any] | None:
    """The parts by this key; None if one lacks it, or two have the same."""
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) and key in part for part in parts):
        return None
    found = {str(part[key]): part for part in parts}
    return found if len(found) == len(parts) else None


def compare_content(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, names: Mapping[str, str] | None = None
) -> list[Difference]:
    """What differs between two rows, or bodies of the API, of one plan, group or account; None is one that is missing.

    `names` maps ids of groups to their names, by which uses of groups in waves are compared; others go by their id.
    """
    old, new = (name_groups(content_of(item), names or {}) if item else {} for item in (before, after))
    return list(find_differences(old, new))


def content_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what is beside its content."""
    kept = {name: value for name, value in item.items() if name not in BESIDE_CONTENT}
    policy = kept.get("drillPolicy")
    return {**kept, "drillPolicy": drop_time(policy)} if isinstance(policy, Mapping) else kept


def drop_time(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A drill policy without the time at which its rules were set, which the version says."""
    return {name: value for name, value in policy.items() if name not in ("since", "owed")}


def name_groups(plan: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The plan with the names of the groups in the waves that use them. Anything without waves stays as it is."""
    if not names or "waves" not in plan:
        return dict(plan)
    waves = [
        {**wave, "groups": [{"name": names.get(use["groupId"], use["groupId"]), **use} for use in wave["groups"]]}
        for wave in plan["waves"]
    ]
    return {**plan, "waves": waves}


def shorten(difference: Difference) -> Difference:
    """The difference with short texts as values: texts as they are, anything else as JSON; None stays None.

    Long lists of texts show what only one of them has. A whole drill policy is in words, for its JSON is too long. Two
    values that differ have different texts.
    """
    before, after = (_summarize(difference.field, value) for value in (difference.before, difference.after))
    before, after = _drop_common(before, after)
    old, new = _to_text(before), _to_text(after)
    if old == new:  # only a text can look like the JSON of another value
        old, new = (None if value is None else json.dumps(value) for value in (before, after))
    if old is None or new is None:
        return Difference(difference.field, old and cut(old), new and cut(new))
    return Difference(difference.field, *cut_both(old, new))


def put_in_words(difference: Difference) -> Difference:
    """The same for people, on one line: `wave web: checks`, `nothing`, `yes`."""
    before, after = (_summarize(difference.field, value) for value in (difference.before, difference.after))
    old, new = (_say(value) for value in _drop_common(before, after))
    return Difference(name_field(difference.field), *cut_both(old, new))


def _summarize(field: str, value: Any) -> Any:
    return summarize_policy(value) if field == "drillPolicy" and isinstance(value, Mapping) else value


def _say(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return flatten(_to_text(value)) or "empty"


def _drop_common(before: Any, after: Any) -> tuple[Any, Any]:
    if _is_long_list(before) or _is_long_list(after):
        return _without_common(before, after), _without_common(after, before)
    return before, after


def _is_long_list(value: Any) -> bool:
    return isinstance(value, list) and len(json.dumps(value)) > MAX_LENGTH


def _without_common(value: Any, other: Any) -> Any:
    """The texts of a list that the other lacks, with how many both have; the value itself if both are in all."""
    if not (_is_list_of_texts(value) and _is_list_of_texts(other)):
        return value
    there = set(other)
    own = [each for each in value if each not in there]
    if not own and set(value) == there:
        return value  # they differ in order, or in how often they have an entry
    return [*own, f"and {len(value) - len(own)} that both have"]


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _to_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def cut(text: str, start: int = 0, length: int = MAX_LENGTH) -> str:
    """`length` characters from `start` on, with `…` for what is left out."""
    return f"{'…' if start else ''}{text[start : start + length]}{'…' if start + length < len(text) else ''}"


def cut_both(old: str, new: str, length: int = MAX_LENGTH) -> tuple[str, str]:
    """Two texts cut near where they differ, if one of them is longer than `length`."""
    shorter = min(len(old), len(new))
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), shorter)
    start = max(same - length // 4, 0) if max(len(old), len(new)) > length else 0
    return cut(old, start, length), cut(new, start, length)


def name_field(field: str) -> str:
    """`wave application: if servers fail` for `waves[application].onFailure`; what has no words stays as it is."""
    field = flatten(field)
    found = _OF_WAVE.fullmatch(field)
    where, name = (f"wave {found[1]}: ", found[2]) if found else ("", field)
    if used := _GROUP_OF_WAVE.fullmatch(name):
        where, name = f"{where}group {used[1]}: ", used[2] or "use"
    if name.startswith(_OF_POLICY):
        rule = name.removeprefix(_OF_POLICY)
        return f"{where}{_WORDS['drillPolicy']}: {_WORDS_OF_POLICY.get(rule, rule)}"
    return where + _WORDS.get(name, name)
