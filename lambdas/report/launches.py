"""How a run launched its servers: launch profiles, the isolation of networks, and what became of launch settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from report.networks.isolation import merge_looks
from report.networks.landing import count_landings, describe_landing
from report.plan.profiles import describe_profile

MODES = {"DRILL": "drill", "RECOVERY": "recovery"}
_OF_SETTINGS = (
    "state", "reason", "appliedAt", "subnetIds", "securityGroups", "privateIp", "launchTemplateId", "version",
)  # fmt: skip


def find_settings(settings: Sequence[Mapping[str, Any]] | None) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The launch settings of each server of the run, by wave and id."""
    return {(each["wave"], each["sourceServerId"]): each for each in settings or ()}


def describe_settings(
    server: Mapping[str, Any],
    settings: Mapping[tuple[str, str], Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]],
    mode: str,
) -> dict[str, Any] | None:
    """With which profile a server was launched, and what became of its launch settings; None without a profile."""
    found = settings.get((server["wave"], server["sourceServerId"]))
    if found is None:
        return None
    return {"profileOf": _find_owner(server, groups, mode), **{name: found.get(name) for name in _OF_SETTINGS}}


def _find_owner(server: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], mode: str) -> str | None:
    """The name of the first group of the server, in the order of its wave, that has a profile for it."""
    by_id = {group["groupId"]: group for group in groups}
    for group_id in server.get("groups") or ():
        profiles = by_id.get(group_id, {}).get("launchProfiles") or {}
        own = (profiles.get("servers") or {}).get(server["sourceServerId"]) or {}
        if profiles.get(mode) or own.get(mode):
            return str(by_id[group_id]["name"])
    return None


def add_landings(
    servers: Sequence[dict[str, Any]],
    instances: Sequence[Mapping[str, Any]] | None,
    groups: Sequence[Mapping[str, Any]],
    isolation: Sequence[Mapping[str, Any]] | None,
    mode: str,
) -> None:
    """Add to each server of the report where its instance landed. `instances` are those of the cache."""
    found = {(each["sourceServerId"], each["recoveryInstanceId"]): each for each in instances or ()}
    vpc_of = {each["subnetId"]: each["vpcId"] for each in isolation or () if each["vpcId"]}
    for server in servers:
        instance = found.get((server["sourceServerId"], server["recoveryInstanceId"]))
        has_own_groups = _names_groups(server, groups, mode)
        server["landing"] = describe_landing(server, instance, vpc_of, has_own_groups=has_own_groups)


def _names_groups(server: Mapping[str, Any], groups: Sequence[Mapping[str, Any]], mode: str) -> bool:
    """Whether the profile of the server names its security groups."""
    by_id = {group["groupId"]: group for group in groups}
    profiled = [by_id[each] for each in server.get("groups") or () if each in by_id]
    first = next((each for each in profiled if _profile_for(server, each, mode)), None)
    return bool(first and (_profile_for(server, first, mode) or {}).get("securityGroups"))


def _profile_for(server: Mapping[str, Any], group: Mapping[str, Any], mode: str) -> dict[str, Any] | None:
    """The profile that a group has for a server: what its own exception says, and the rest of the group's."""
    own = _exceptions(group, mode).get(server["sourceServerId"])
    of_group = _profile_of(group, mode)
    return {**(of_group or {}), **(own or {})} if own or of_group else None


def describe_launches(
    record: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    isolation: Sequence[Mapping[str, Any]] | None,
    looks: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any] | None:
    """The profiles of the run, the isolation of the places that it launched into, and servers by what became of them.

    `isolation` is by the inspection, `looks` by the looks before starts.
    None for a run without both. `isolation` is None if the API does not answer, or is too old to know it.
    """
    mode = MODES.get(record["mode"], "drill")
    profiles = [
        {
            "groupId": group["groupId"],
            "group": group["name"],
            "profile": of_mode,
            "words": describe_profile(of_mode) if of_mode else "as their launch settings say",
            "servers": exceptions,
        }
        for group in groups
        if (of_mode := _profile_of(group, mode)) or _exceptions(group, mode)
        for exceptions in [_exceptions(group, mode)]
    ]
    if not profiles and not isolation:
        return None
    states = Counter(server["launchSettings"]["state"] for server in servers if server["launchSettings"])
    return {
        "option": record.get("profilesOption", "apply"),
        "reserveCapacity": bool(record.get("reserveCapacity", False)),
        "profiles": profiles,
        "isolation": None if isolation is None else merge_looks(isolation, looks),
        "landing": count_landings(servers),
        "settings": dict(sorted(states.items())),
    }


def _profile_of(group: Mapping[str, Any], mode: str) -> dict[str, Any] | None:
    return (group.get("launchProfiles") or {}).get(mode) or None


def _exceptions(group: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """The profiles of single servers, by id."""
    servers = (group.get("launchProfiles") or {}).get("servers") or {}
    return {server_id: each[mode] for server_id, each in servers.items() if each.get(mode)}
