"""Launch profiles in a plan file: host names in place of ids, mistakes, and what is allowed but seldom meant."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from api.http.request import is_server
from api.schemas.requests.forms import did_you_mean
from cli.plans.document import Location

Found = Iterator[tuple[Location, str]]

MODES = ("drill", "recovery")
_STRICT = ("required", "internetAllowed")

_is_zone = re.compile(r"[a-z]{2}(-[a-z]+)+-\d[a-z0-9-]*[a-z]").fullmatch


# --- host names -------------------------------------------------------------------------------------------------
def with_server_ids(profiles: Mapping[str, Any], find_id: Callable[[str], str]) -> dict[str, Any]:
    """The profiles with an id in place of each host name below `servers`. `find_id` returns that of a host name."""
    if not isinstance(profiles.get("servers"), Mapping):
        return dict(profiles)
    servers = {name if is_server(name) else find_id(name): each for name, each in profiles["servers"].items()}
    return {**profiles, "servers": servers}


# --- mistakes ---------------------------------------------------------------------------------------------------
def find_profile_mistakes(location: Location, group: Mapping[str, Any]) -> Found:
    """Zones of another Region, and servers that the group does not have, each at its own line."""
    profiles = group.get("launchProfiles")
    if not isinstance(profiles, Mapping):
        return
    at = (*location, "launchProfiles")
    yield from _foreign_zones(at, group.get("region"), profiles)
    yield from _foreign_servers(at, group, profiles)


def _foreign_zones(at: Location, region: Any, profiles: Mapping[str, Any]) -> Found:
    if not isinstance(region, str):
        return
    for place, profile in _walk(at, profiles):
        subnets = profile.get("subnets")
        for zone in subnets if isinstance(subnets, Mapping) else ():
            if _is_zone(str(zone)) and not zone.startswith(region):
                yield (*place, "subnets", zone), f"{zone} is not a zone of {region}, the Region of the group"


def _walk(at: Location, profiles: Mapping[str, Any]) -> Iterator[tuple[Location, Mapping[str, Any]]]:
    """Each profile of the group and of its servers, with its place."""
    servers = profiles.get("servers")
    owners: list[tuple[Location, Any]] = [(at, profiles)]
    owners += [((*at, "servers", name), each) for name, each in (servers if isinstance(servers, dict) else {}).items()]
    for place, owner in owners:
        for mode in MODES:
            if isinstance(owner, Mapping) and isinstance(profile := owner.get(mode), Mapping):
                yield (*place, mode), profile


def _foreign_servers(at: Location, group: Mapping[str, Any], profiles: Mapping[str, Any]) -> Found:
    """Servers with exceptions that a group which lists its servers does not have."""
    listed = [str(each) for name in ("sourceServers", "sourceServerIds") for each in _list(group.get(name))]
    named = profiles.get("servers")
    for name in named if listed and isinstance(named, Mapping) else ():
        if name not in listed:
            meant = did_you_mean(str(name), listed)
            yield (*at, "servers", name), f"the group has no server {str(name)[:100]!r}{meant}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- warnings ---------------------------------------------------------------------------------------------------
def find_profile_warnings(data: Mapping[str, Any]) -> Found:
    """Drills that may reach production, and recovered servers that nobody finds at their old address."""
    groups = data["protectionGroups"]
    isolated = next((each["name"] for each in groups if _read_isolation(each) in _STRICT), None)
    for number, group in enumerate(groups):
        profiles = group.get("launchProfiles") or {}
        at = ("protectionGroups", number, "launchProfiles")
        if drill := profiles.get("drill"):
            yield from _drill_warnings((*at, "drill"), drill)
        elif isolated:
            yield (
                ("protectionGroups", number),
                f"a drill launches these servers as their own launch settings say, beside those of {isolated!r}, which "
                "requires isolation; give the group a launchProfiles.drill too",
            )
        yield from _recovery_warnings(at, profiles)


def _read_isolation(group: Mapping[str, Any]) -> Any:
    return ((group.get("launchProfiles") or {}).get("drill") or {}).get("isolation")


def _drill_warnings(at: Location, drill: Mapping[str, Any]) -> Found:
    if "isolation" not in drill:
        yield (
            at,
            "nothing proves that these drills cannot reach production; add isolation: required, or isolation: reported "
            "to have it on record",
        )
    elif drill["isolation"] in _STRICT and not drill.get("subnets"):
        yield (
            (*at, "isolation"),
            "it requires isolated networks and has no subnets, so drills stay in those of the launch templates and are "
            "refused unless these are isolated; add subnets",
        )


def _recovery_warnings(at: Location, profiles: Mapping[str, Any]) -> Found:
    for place, profile in _walk(at, profiles):
        if place[-1] == "recovery" and profile.get("privateIp") == "release":
            yield (
                (*place, "privateIp"),
                "recovered servers get other addresses than their sources; what finds them by address, such as DNS, "
                "has to be changed in the recovery",
            )
