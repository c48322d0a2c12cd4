"""How a run launched its servers: launch profiles, the isolation of networks, and what became of launch settings."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cli.profiles.words import describe_profile

MODES = {"DRILL": "drill", "RECOVERY": "recovery"}
_OF_SETTINGS = ("state", "reason", "appliedAt", "subnetIds", "securityGroups", "launchTemplateId", "version")


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


def describe_launches(
    record: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]],
    servers: Sequence[Mapping[str, Any]],
    isolation: Sequence[Mapping[str, Any]] | None,
) -> dict[str, Any] | None:
    """The profiles of the run, the isolation of the places that it launched into, and servers by what became of them.

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
        "isolation": None if isolation is None else [dict(each) for each in isolation],
        "settings": dict(sorted(states.items())),
    }


def _profile_of(group: Mapping[str, Any], mode: str) -> dict[str, Any] | None:
    return (group.get("launchProfiles") or {}).get(mode) or None


def _exceptions(group: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """The profiles of single servers, by id."""
    servers = (group.get("launchProfiles") or {}).get("servers") or {}
    return {server_id: each[mode] for server_id, each in servers.items() if each.get(mode)}
