"""Which syncs of the cache are running: one for each target at a time, and one of all targets at a time.

A sync claims a row before it begins. The row expires, because a function that is killed does not remove its claim. All
rows are in the limits table under one partition key. Their times are real ones: they bound the time of a function,
which the sandbox does not speed up.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.target import Target
from recovery.settings import settings

PARTITION = "RUNNING_SYNCS"

ALL_TARGETS = "ALL"

# A function has 120 s, and Lambda needs a moment to end one that takes longer.
TARGET_CLAIM_SECONDS = 130

# Twice the interval of the schedule. A sync of all targets that was stopped blocks no other for longer.
ALL_CLAIM_SECONDS = 600

# DynamoDB deletes a row some time after this.
ROW_LIFETIME_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class RunningSync:
    """The name of a sync, which is that of its state machine execution, and when it began (ISO 8601)."""

    name: str
    started_at: str


def claim_all(sync: str | None) -> bool:
    """Claim all targets for a sync; return False while another one has them.

    A sync without a name claims nothing: the machine of an earlier version started it.
    """
    return sync is None or claim(ALL_TARGETS, sync, ALL_CLAIM_SECONDS)


def claim(item: str, sync: str, seconds: float) -> bool:
    """Claim a target, or ALL_TARGETS, for a sync; return False while another one has it.

    A sync that claims it again, such as by a repeated task, keeps it.
    """
    now = int(time.time())
    return dynamodb.update_if(
        settings().limits_table,
        _key(item),
        {
            "sync": sync,
            "startedAt": clock.iso(),
            "until": now + int(seconds),
            "expiresAt": now + ROW_LIFETIME_SECONDS,
        },
        condition="attribute_not_exists(#sync) OR #sync = :sync OR #until < :now",
        given={"sync": sync, "now": now},
    )


def release(item: str, sync: str) -> None:
    """Release the claim, if this sync has it."""
    dynamodb.update_if(
        settings().limits_table,
        _key(item),
        {},
        remove=["sync", "until"],
        condition="#sync = :sync",
        given={"sync": sync},
    )


def find_running_sync(targets: Sequence[Target]) -> RunningSync | None:
    """The sync that is at work on these targets, without targets the sync of all; None if one is left to sync.

    If several are, each on a part of the targets, the one that began first.
    """
    rows = dynamodb.query(settings().limits_table, Partition("target", PARTITION))
    now = time.time()
    running = {row["item"]: row for row in rows if "sync" in row and row["until"] >= now}
    items = [target.key for target in targets] or [ALL_TARGETS]
    if not running.keys() >= set(items):
        return None
    first = min((running[item] for item in items), key=lambda row: str(row["startedAt"]))
    return RunningSync(first["sync"], first["startedAt"])


def _key(item: str) -> dict[str, str]:
    return {"target": PARTITION, "item": item}
