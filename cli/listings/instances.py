"""What the listing of recovery instances adds to what the API answers."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cli.listings.catalog import Item
from cli.text import COMMAND
from recovery.wording import plural

# Commands that are shown below the table.
MAX_COMMANDS = 20
_GONE = ("TERMINATED", "NOT_FOUND", "SHUTTING-DOWN")


def describe(instance: Item, options: str) -> dict[str, Any]:
    """The instance with its age at the last sync, and the command that terminates it with its drill.

    An instance that DRS does not call a drill's, and one that drs-waves did not launch, has no such command.
    """
    launched, synced = instance["launchTime"], instance["lastSyncAt"]
    age = max(_seconds(synced) - _seconds(launched), 0) if launched and synced else None
    run_id = instance["sourceExecutionId"]
    command = f"{COMMAND} cleanup {run_id}{options}" if run_id and _is_left(instance) else None
    return {**instance, "ageSeconds": age, "cleanUpCommand": command}


def sort_key(instance: Item) -> tuple[object, ...]:
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
