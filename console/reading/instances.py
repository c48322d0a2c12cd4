"""The instances that a drill has left: those of its records, as far as the cache of the API says that they exist."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable
from cli.refusal import ApiRefused
from cli.run_preview import CleanupPreview, preview_cleanup
from console.snapshots import make_version
from recovery.clock import parse_iso
from recovery.wording import name_first, plural

MAX_PLACES, MAX_INSTANCES = 8, 50
# The most that a page of the cache has.
PAGE = "1000"
# From this many servers of a chain on, the page of a run does not count what is left; the dialog does.
MAX_SERVERS_COUNTED = 1000
_GONE = ("TERMINATED", "NOT_FOUND")

Place = tuple[str, str]
"""An account id and a Region."""


def preview(api: ApiClient, run_id: str) -> dict[str, Any]:
    """What a clean-up of this drill terminates.

    `count` is how many instances are left, `gone` how many of those on record are not. `unseen` are left as far as is
    known: the cache has not read their account and Region since they were launched. `as_of` is the time of the oldest
    read that the figures rest on, None if they rest on the records alone.
    """
    found = preview_cleanup(api, run_id)
    unknown = list(found.unknown)
    try:
        cached = [row for each in found.chain for row in _list_cached(api, each)]
        synced = _read_syncs(api)
    except (ApiRefused, ApiUnreachable) as error:
        unknown.append(f"which of these still exist: {str(error).partition(chr(10))[0]}")
        cached, synced = [], {}
    left, gone, unseen = _compare(found, cached, synced)
    servers = list(left.values())
    places = Counter(f"{each['accountId']}/{each['region']}" for each in servers)
    waves = Counter(each["wave"] for each in servers)
    times = [time for place, time in synced.items() if place in {_place(each) for each in found.servers.values()}]
    return {
        "count": len(servers),
        "gone": gone,
        "unseen": unseen,
        "as_of": min(times, default=None),
        "chain": found.chain,
        "where": name_first([f"{count} in {place}" for place, count in sorted(places.items())], MAX_PLACES),
        "waves": name_first([f"{wave} {count}" for wave, count in waves.items()], MAX_PLACES),
        "instances": servers[:MAX_INSTANCES],
        "left_out": plural(max(len(servers) - MAX_INSTANCES, 0), "more instance"),
        "unknown": unknown,
        # Of the records: they say what the clean-up looks for. What the cache knows of it may change at each sync.
        "mark": make_version([found.chain, sorted(found.servers)]),
    }


def _list_cached(api: ApiClient, run_id: str) -> Iterator[Mapping[str, Any]]:
    rows = api.list_items("/recovery-instances", "recoveryInstances", executionId=run_id, limit=PAGE)
    yield from (row for row in rows if row["isDrill"] and row["ec2InstanceState"] not in _GONE)


def _read_syncs(api: ApiClient) -> dict[Place, str]:
    """When the cache last read each account and Region."""
    targets = api.get("/drs/recovery-instance-sync/status")["targets"]
    return {_place(each): each["lastSyncAt"] for each in targets if each["lastSyncAt"]}


def _compare(
    found: CleanupPreview, cached: Sequence[Mapping[str, Any]], synced: Mapping[Place, str]
) -> tuple[dict[str, Mapping[str, Any]], int, int]:
    """The servers by the instances that are left, how many on record are gone, and how many that are left are unseen.

    An instance on record is gone only if the cache has read its place after its launch and has not found it.
    """
    rows = {row["recoveryInstanceId"]: row for row in cached}
    left = dict[str, Mapping[str, Any]]()
    unseen = 0
    for instance, server in found.servers.items():
        launched, read = server["endedAt"], synced.get(_place(server))
        is_unseen = instance not in rows and not (read and launched and parse_iso(read) > parse_iso(launched))
        unseen += is_unseen
        if is_unseen or instance in rows:
            left[instance] = server
    gone = len(found.servers) - len(left)
    unrecorded = {each: row for each, row in rows.items() if each not in found.servers}
    extra = {each: {**row, "hostname": row["name"], "wave": "no wave"} for each, row in unrecorded.items()}
    return left | extra, gone, unseen


def _place(entry: Mapping[str, Any]) -> Place:
    return entry["accountId"], entry["region"]
