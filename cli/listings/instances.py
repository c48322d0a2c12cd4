"""What the listing of recovery instances adds to what the API answers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from cli.listings.columns import Item
from cli.text import COMMAND
from recovery.wording import plural

# Commands that are shown below the table.
MAX_COMMANDS = 20
_GONE = ("TERMINATED", "NOT_FOUND", "SHUTTING-DOWN")


def describe_all(instances: Sequence[Item], now: float, options: str) -> list[dict[str, Any]]:
    """The instances in the order of the listing, each with its age and the command that terminates it with its drill.

    All ages are until `now`, in epoch seconds. Clocks differ, so it is not before any sync of the cache.
    """
    now = max([now, *(_seconds(each["lastSyncAt"]) for each in instances if each["lastSyncAt"])])
    return sorted((_describe(each, now, options) for each in instances), key=_sort_key)


def list_syncs(instances: Iterable[Item]) -> list[tuple[str, str]]:
    """Each account and Region of the instances, and when the cache has last read it, such as 2026-11-22T08:15:30Z."""
    found = dict[str, str]()
    for each in instances:
        place = f"{each['accountId']}/{each['region']}"
        found[place] = max(found.get(place, ""), each["lastSyncAt"] or "")
    return sorted(found.items())


def _describe(instance: Item, now: float, options: str) -> dict[str, Any]:
    """The instance with its age, and the command that terminates it with its drill.

    An instance that DRS does not call a drill's, and one that drs-waves did not launch, has no such command.
    """
    launched = instance["launchTime"]
    age = max(int(now) - _seconds(launched), 0) if launched else None
    run_id = instance["sourceExecutionId"]
    command = f"{COMMAND} cleanup {run_id}{options}" if run_id and _is_left(instance) else None
    return {**instance, "ageSeconds": age, "cleanUpCommand": command}


def _sort_key(instance: Item) -> tuple[object, ...]:
    """Those of drills that still run first, the oldest of them at the top."""
    return (not _is_left(instance), instance["launchTime"] or "", instance["recoveryInstanceId"])


def group_running_drills(instances: Sequence[Item]) -> list[tuple[str, str]]:
    """How many instances of each drill still run, and the command that terminates them; the oldest comes first."""
    counts = Counter(each["cleanUpCommand"] for each in instances if each["cleanUpCommand"])
    return [(plural(count, "instance"), command) for command, count in counts.items()]


def _is_left(instance: Item) -> bool:
    return bool(instance["isDrill"]) and instance["ec2InstanceState"] not in _GONE


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
