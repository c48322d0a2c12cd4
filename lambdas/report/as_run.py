"""What a run tested: its plan and groups with the servers that they selected, and a hash of these."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

# Who changed a plan or a group, and how often, says nothing of what was tested.
_NOT_TESTED = frozenset({"version", "updatedBy", "updatedAt", "usedBy", "activeExecutionId"})


def hash_canonically(value: Any) -> str:
    """The SHA-256 of the value as JSON in UTF-8 with sorted keys and no spaces, as `jq -jcS` writes it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_tested(
    plan: Mapping[str, Any] | None, groups: Sequence[Mapping[str, Any]], servers: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The plan as it was run, and its groups with what selects their servers and the ids of those selected.

    Two runs with equal values tested the same, whoever wrote it. None if the API does not return the plan of a run.
    """
    if plan is None:
        return None
    members = find_members(servers)
    return {
        "plan": _without(plan),
        "groups": [
            {**_without(group), "members": sorted(each["sourceServerId"] for each in members[group["groupId"]])}
            for group in sorted(groups, key=lambda group: str(group["groupId"]))
        ],
    }


def _without(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in _NOT_TESTED and value is not None}


def find_members(servers: Sequence[Mapping[str, Any]]) -> Mapping[str, list[dict[str, Any]]]:
    """The servers that each group selected, by the group's id; none for a group that is not in there."""
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for server in servers:
        for group_id in server.get("groups") or ():
            members[group_id].append({name: server[name] for name in ("hostname", "sourceServerId", "wave")})
    return members


def describe_plan(plan: Mapping[str, Any] | None, tested: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The version of the plan, who changed it last, and the hash of what was tested."""
    if plan is None:
        return None
    names = ("planId", "name", "version", "updatedBy", "updatedAt")
    options = {name: bool(plan.get(name)) for name in ("fourEyes", "commentsRequired")}
    return {**{name: plan.get(name) for name in names}, **options, "testedSha256": hash_canonically(tested)}


def order_groups(plan: Mapping[str, Any] | None, groups: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The groups in the order in which the waves of the plan use them. Others keep theirs, and come last."""
    used = dict.fromkeys(use["groupId"] for wave in (plan or {}).get("waves", ()) for use in wave["groups"])
    place = {group_id: number for number, group_id in enumerate(used)}
    return sorted(groups, key=lambda group: place.get(group["groupId"], len(place)))


def describe_group(group: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A protection group with what it selects (ids, or tags) and the servers that the inspection found for it."""
    names = ("groupId", "name", "accountId", "region", "version", "updatedBy", "updatedAt", "sourceServerIds", "tags")
    ordered = sorted(members, key=lambda each: (each["hostname"] or "", each["sourceServerId"]))
    return {**{name: group.get(name) for name in names}, "members": ordered}
