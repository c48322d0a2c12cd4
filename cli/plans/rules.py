"""The rules of a plan file between its parts: names, uses of names, and the order of the waves.

They read what is there, also of a file with other mistakes, so that one check finds all of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from api.schemas.requests.base import MAX_SERVERS
from api.schemas.requests.forms import closest, did_you_mean, names_of, suggest_slug
from api.schemas.requests.names import normalize_name, shape_of
from api.schemas.requests.plans import WAVE_PATTERN
from api.schemas.requests.words import Show
from cli.plans.document import Location
from cli.plans.file_schema import FileWave
from cli.plans.profiles import find_profile_mistakes
from cli.plans.warnings import list_uses, overlap
from recovery import regions
from recovery.domain.dependencies.wave_order import find_wave_problems

Found = Iterator[tuple[Location, str]]
Line = Callable[[Location], int]

_SELECTIONS = ("sourceServers", "sourceServerIds", "tags")
# A message names at most this many groups of the file.
_MAX_NAMED = 8


def find_mistakes(data: Mapping[str, Any], line: Line, show: Show) -> Found:
    """Each mistake as its place and what to say of it. `line` returns the line of a place."""
    yield from _repeated(_parts(data, "targetAccounts"), "targetAccounts", "accountId", "account", line)
    groups = _parts(data, "protectionGroups")
    yield from _repeated(groups, "protectionGroups", "name", "name", line)
    yield from _look_alikes(groups)
    for at, group in groups:
        yield from _selection(("protectionGroups", at), group, show)
        yield from find_profile_mistakes(("protectionGroups", at), group)
    for at, account in _parts(data, "targetAccounts"):
        yield from _role(("targetAccounts", at), account)
    plan = data.get("recoveryPlan")
    if isinstance(plan, Mapping):
        waves = _parts(plan, "waves")
        yield from _unknown_groups(waves, groups, is_list=isinstance(data.get("protectionGroups"), list))
        yield from _repeated_uses(plan.get("waves"), line)
        yield from _wave_names(waves, line)
        yield from _wave_order(waves)
    if isinstance(data.get("sandbox"), Mapping):
        yield from _host_names(_parts(data["sandbox"], "sourceServers"), line)


def _parts(data: Mapping[str, Any], section: str) -> list[tuple[int, Mapping[str, Any]]]:
    """The mappings of a list, each with its index."""
    listed = data.get(section)
    return [(at, each) for at, each in enumerate(listed if isinstance(listed, list) else ()) if isinstance(each, dict)]


def _name(part: Mapping[str, Any], key: str = "name") -> str | None:
    """The name in the form in which the API stores it; None if there is none."""
    name = part.get(key)
    return (normalize_name(name) or None) if isinstance(name, str) else None


# --- accounts and groups ----------------------------------------------------------------------------------------
def _repeated(parts: Iterable[tuple[int, Mapping[str, Any]]], section: str, key: str, what: str, line: Line) -> Found:
    first: dict[str, int] = {}
    for at, part in parts:
        if (name := _name(part, key)) is None:
            continue
        if name in first:
            yield (section, at, key), f"duplicate {what}; first used at line {line((section, first[name], key))}"
        first.setdefault(name, at)


def _look_alikes(groups: Iterable[tuple[int, Mapping[str, Any]]]) -> Found:
    shapes: dict[str, str] = {}
    for at, group in groups:
        if (name := _name(group)) and (other := shapes.setdefault(shape_of(name), name)) != name:
            yield ("protectionGroups", at, "name"), f"{name!r} looks like {other!r}, another group of the file"


def _selection(location: Location, group: Mapping[str, Any], show: Show) -> Found:
    """A group needs servers or tags. What has the wrong shape, or a mistyped name, counts as given."""
    present = [name for name in _SELECTIONS if name in group]
    given = [name for name in present if group[name] not in ([], {})]
    mistyped = [name for name in group if closest(str(name), _SELECTIONS)]
    if "tags" in given and len(given) > 1:
        yield (*location, "tags"), f"the group also has {given[0]}, and takes either tags or servers"
    elif not given and (present or not mistyped):
        example = f"such as tags: {show({'app': 'payroll'})}"
        message = f"the group selects no servers; it needs sourceServers, sourceServerIds or tags, {example}"
        yield (*location, *present[:1]), message


def _role(location: Location, account: Mapping[str, Any]) -> Found:
    account_id, role, listed = account.get("accountId"), account.get("roleArn"), account.get("regions")
    found = re.match(r"arn:(aws[a-z-]*):iam::([0-9]{12}):", role) if isinstance(role, str) else None
    if found is None:
        return
    if isinstance(account_id, str) and re.fullmatch("[0-9]{12}", account_id) and found[2] != account_id:
        yield (*location, "roleArn"), f"must be a role of account {account_id}"
    for at, region in enumerate(listed if isinstance(listed, list) else ()):
        partition = regions.find_partition(region) if isinstance(region, str) else None
        if partition and partition != found[1]:
            yield (*location, "regions", at), f"{region} is not in {found[1]}, the partition of the role"


# --- servers of the sandbox --------------------------------------------------------------------------------------
def _host_names(rows: Iterable[tuple[int, Mapping[str, Any]]], line: Line) -> Found:
    """Host names that two servers of an account and Region would have. Groups find servers by them."""
    rows_by_host: dict[tuple[Any, Any, str], int] = {}
    for at, row in rows:
        place = ("sandbox", "sourceServers", at, "hostname")
        hosts = _expand_hosts(row.get("hostname"), row.get("count"))
        if len(hosts) > len(set(hosts)):
            yield place, f"has no {{n}}, so all {len(hosts)} servers would have one name; write '{hosts[0]}-{{n:02}}'"
        keys = [(str(row.get("accountId")), str(row.get("region")), host) for host in hosts]
        other = next((rows_by_host[key] for key in keys if key in rows_by_host), None)
        if other is not None:
            host = next(key[2] for key in keys if key in rows_by_host)
            yield place, f"the row of line {line(('sandbox', 'sourceServers', other))} has the server {host!r} too"
        rows_by_host |= dict.fromkeys(keys, at)


def _expand_hosts(pattern: Any, count: Any) -> list[str]:
    """The host names of a row; none if it has another mistake."""
    if not isinstance(pattern, str) or not isinstance(count, int) or not 1 <= count <= MAX_SERVERS:
        return []
    try:
        return [pattern.format(n=number) for number in range(1, count + 1)]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        return []


# --- waves ------------------------------------------------------------------------------------------------------
def _unknown_groups(
    waves: Iterable[tuple[int, Mapping[str, Any]]], groups: list[tuple[int, Mapping[str, Any]]], *, is_list: bool
) -> Found:
    """Uses of groups that the file does not define."""
    names = [name for _, group in groups if (name := _name(group))]
    if not is_list:
        return
    listed = f"; it has {', '.join(dict.fromkeys(names))}" if names and len(names) <= _MAX_NAMED else ""
    for at, wave in waves:
        uses = wave.get("groups")
        for number, use in enumerate(uses if isinstance(uses, list) else [uses]):
            name = _name(use, "group") if isinstance(use, dict) else _name({"group": use}, "group")
            if name is None or name in names:
                continue
            place = ("recoveryPlan", "waves", at, "groups", *((number,) if isinstance(uses, list) else ()))
            yield place, f"the file has no protection group {name!r}{did_you_mean(name, names) or listed}"


def _repeated_uses(waves: Any, line: Line) -> Found:
    """A group that a wave has twice, unless the two name different servers of it."""
    seen: list[tuple[Location, str, frozenset[str]]] = []
    for place, name, servers in list_uses(waves if isinstance(waves, list) else []):
        for at, other, had in seen:
            if at[0] == place[0] and normalize_name(name) == normalize_name(other) and overlap(servers, had):
                first = line(("recoveryPlan", "waves", *at))
                yield (
                    ("recoveryPlan", "waves", *place),
                    f"the wave has {normalize_name(name)!r} already, at line {first}; take it out",
                )
                break
        seen.append((place, name, servers))


def _wave_names(waves: Iterable[tuple[int, Mapping[str, Any]]], line: Line) -> Found:
    for location, message in _repeated(waves, "waves", "name", "name", lambda each: line(("recoveryPlan", *each))):
        yield ("recoveryPlan", *location), message


def _wave_order(waves: list[tuple[int, Mapping[str, Any]]]) -> Found:
    """Dependencies that do not exist, and cycles. Names with capital letters count as those that are meant."""
    names = [_wave_name(wave.get("name")) or f"wave {at}" for at, wave in waves]
    needs = [_needs(wave, names[number - 1 : number]) for number, (_, wave) in enumerate(waves)]
    for number, field, message in find_wave_problems(list(zip(names, needs, strict=True))):
        if field == "dependsOn":
            yield ("recoveryPlan", "waves", waves[number][0], field), message


def _needs(wave: Mapping[str, Any], before: list[str]) -> list[str]:
    """The waves that it depends on: by `dependsOn`, also if that is mistyped, or else the one before it."""
    given = [key for key in wave if closest(str(key), names_of(FileWave)) == "dependsOn"]
    if not given:
        return before
    named = wave["dependsOn" if "dependsOn" in wave else given[0]]
    if named is None:
        return before
    return [name for each in (named if isinstance(named, list) else [named]) if (name := _wave_name(each))]


def _wave_name(name: Any) -> str | None:
    if not isinstance(name, str):
        return None
    return name if re.fullmatch(WAVE_PATTERN, name) else suggest_slug(name)
