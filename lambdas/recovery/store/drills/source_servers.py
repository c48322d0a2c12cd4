"""What DRS lists in each target, in the `drills` table under one partition key: rows of at most a thousand servers.

The first row of a target is written last. It has when the list was begun and how many rows it has, so that rows of a
longer list before it are not read, and a list that was cut short is made again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.drills.listed import ListedServer, TargetServers
from recovery.domain.target import Target
from recovery.packing import pack, unpack
from recovery.settings import settings

PARTITION = "SOURCE-SERVERS"

SERVERS_PER_PART = 1_000
# Bytes of servers in a row, which has room for 400 KB. Fifty long tags on each of many servers need more rows.
MAX_PACKED = 300_000

Row = Mapping[str, Any]


def _key(target: Target, part: int) -> dict[str, str]:
    return {"planId": PARTITION, "item": f"{target.key}#{part:03}"}


def get_listed_at(target: Target) -> float:
    """When the target's list was begun, in epoch seconds; 0 before the first."""
    row = dynamodb.get(settings().drills_table, _key(target, 0))
    return int(row["version"]) / 1000 if row else 0.0


def write_list(target: Target, servers: Iterable[ListedServer], began: float) -> bool:
    """Replace the list of a target by one that was begun at `began`; False if a later one has been written."""
    table, version = settings().drills_table, int(began * 1000)
    parts = list(_split(sorted(servers, key=lambda server: server.server_id)))
    before = int((dynamodb.get(table, _key(target, 0)) or {}).get("parts", 0))
    at = {"at": clock.iso(began), "version": version, "parts": len(parts)}
    for number in reversed(range(len(parts))):
        item = {**_key(target, number), **at, "servers": parts[number]}
        is_older = "attribute_not_exists(#version) OR #version <= :version"
        if not dynamodb.put_if(table, item, is_older, {"version": version}):
            return False
    for number in range(len(parts), before):
        dynamodb.delete(table, _key(target, number))
    return True


def _split(servers: Sequence[ListedServer]) -> Iterator[bytes]:
    """The rows of the list, at least one."""
    for at in range(0, max(len(servers), 1), SERVERS_PER_PART):
        yield from _pack(servers[at : at + SERVERS_PER_PART])


def _pack(servers: Sequence[ListedServer]) -> Iterator[bytes]:
    packed = pack([server.to_json() for server in servers])
    if len(packed) <= MAX_PACKED or len(servers) == 1:
        yield packed
        return
    half = len(servers) // 2
    yield from _pack(servers[:half])
    yield from _pack(servers[half:])


def read_all() -> dict[Target, TargetServers]:
    """The lists of all targets, by target: one Query."""
    rows: dict[str, dict[int, Row]] = {}
    for row in dynamodb.query(settings().drills_table, Partition("planId", PARTITION)):
        key, _, number = row["item"].rpartition("#")
        rows.setdefault(key, {})[int(number)] = row
    return {listed.target: listed for key, parts in rows.items() if 0 in parts for listed in [_read(key, parts)]}


def _read(key: str, parts: Mapping[int, Row]) -> TargetServers:
    account_id, _, region = key.partition("/")
    first = parts[0]
    packed = [parts[number]["servers"] for number in range(int(first["parts"])) if number in parts]
    servers = [ListedServer.from_json(each) for part in packed for each in unpack(part)]
    return TargetServers(Target(account_id, region), first["at"], {server.server_id: server for server in servers})
