"""Source servers for a plan file that does not describe them: made up from its protection groups."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.schemas.requests.forms import suggest_slug
from recovery.free_text import flatten
from recovery.wording import plural

# How many servers a group gets that selects by tags.
SERVERS_PER_GROUP = 3

_HARDWARE = {"os": "Ubuntu 24.04", "cpus": 4, "ramGiB": 16, "disksGiB": [80]}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class MadeUpServers:
    """Rows as those of `sandbox.sourceServers`, some with a `sourceServerId`, and what to say of them."""

    rows: list[Row]
    notes: list[str]


def make_up_servers(file: Mapping[str, Any]) -> MadeUpServers:
    """Servers for every group of the file, in its account and Region.

    A group of host names or ids gets those servers. A group of tags gets SERVERS_PER_GROUP servers with these tags,
    besides those of the group that a wave names.
    """
    named = {group["name"]: [group] for group in file["protectionGroups"]}
    for wave in file["recoveryPlan"]["waves"]:
        for use in wave["groups"]:
            if isinstance(use, dict):
                named[use["group"]].append(use)
    rows: dict[tuple[str, str, str], Row] = {}
    notes, names = list[str](), set[str]()
    for group in file["protectionGroups"]:
        names.add(name := _free_name(group["name"], names))
        made = list(_servers_of(group, named[group["name"]], name))
        for row in made:
            rows.setdefault((row["accountId"], row["region"], row["hostname"]), row)
        how = "with its tags" if group.get("tags") else "that it names"
        notes.append(f"{flatten(group['name'])}: {plural(len(made), 'server')} {how}")
    return MadeUpServers(list(rows.values()), notes)


def make_up_named_ids(file: Mapping[str, Any]) -> list[Row]:
    """Servers for the ids that groups of the file name. Those of `sandbox.sourceServers` have ids of their own."""
    return [
        row
        for group in file["protectionGroups"]
        for row in _servers_of({**group, "tags": {}}, [{**group, "sourceServers": []}], "")
    ]


def _free_name(group: str, taken: set[str]) -> str:
    """The beginning of host names for a group, which differs from those of other groups."""
    name = suggest_slug(group) or "server"
    others = (f"{name}-{at}" for at in itertools.count(2))
    return name if name not in taken else next(other for other in others if other not in taken)


def _servers_of(group: Mapping[str, Any], parts: list[Mapping[str, Any]], name: str) -> Iterator[Row]:
    tags = group.get("tags") or {}
    common = {"accountId": group["accountId"], "region": group["region"], "count": 1, **_HARDWARE, "tags": tags}
    for host in dict.fromkeys(host for part in parts for host in part.get("sourceServers") or ()):
        yield {**common, "hostname": _escaped(host)}
    for server_id in dict.fromkeys(each for part in parts for each in part.get("sourceServerIds") or ()):
        yield {**common, "hostname": f"server-{server_id[-4:]}-{server_id[2:6]}", "sourceServerId": server_id}
    if tags:
        yield from ({**common, "hostname": f"{name}-{number:02}"} for number in range(1, SERVERS_PER_GROUP + 1))


def _escaped(host: str) -> str:
    return host.replace("{", "{{").replace("}", "}}")
