"""The sync status of the cache: a row per target, and one for the last sync of all targets.

All are in the limits table under one partition key, so one Query reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.target import Target
from recovery.observability import metrics
from recovery.settings import settings

logger = Logger(child=True)

PARTITION = "RECOVERY_INSTANCES"

LAST_SYNC = "LAST_SYNC"

SYNCED, NOT_SET_UP, FAILED = "SYNCED", "NOT_SET_UP", "FAILED"


@dataclass(frozen=True, slots=True)
class TargetSyncStatus:
    """The row of a target. `version` is the start of its newest finished sync, in milliseconds."""

    target: Target
    status: str
    version: int = 0
    instances: int = 0
    seconds: float = 0
    error: str | None = None
    failed_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "TargetSyncStatus":
        """Read the row."""
        account_id, _, region = item["item"].partition("/")
        return cls(
            target=Target(account_id, region),
            status=item["status"],
            version=int(item.get("version", 0)),
            instances=int(item.get("instances", 0)),
            seconds=float(item.get("seconds", 0)),
            error=item.get("error"),
            failed_at=item.get("failedAt"),
        )

    @property
    def last_sync_at(self) -> str | None:
        """The time at which the cache matched DRS and EC2; None before the first sync of the target."""
        return clock.iso(self.version / 1000) if self.version else None


def _key(item: str) -> dict[str, str]:
    return {"target": PARTITION, "item": item}


def get_version(target: Target) -> int:
    """The start of the target's newest finished sync, in milliseconds; 0 before the first."""
    row = dynamodb.get(settings().limits_table, _key(target.key)) or {}
    return int(row.get("version", 0))


def record_success(target: Target, version: int, status: str, instances: int, seconds: float) -> bool:
    """Record a finished sync that began at `version`; False when a newer one has finished."""
    return dynamodb.update_if(
        settings().limits_table,
        _key(target.key),
        {"version": version, "status": status, "instances": instances, "seconds": round(seconds)},
        remove=["error", "failedAt"],
        condition="attribute_not_exists(#version) OR #version <= :version",
        given={"version": version},
    )


def record_result(began_at: str, targets: int, failures: Mapping[Target, str]) -> None:
    """Record a sync of so many targets that has ended, with the error of each target that failed."""
    for target, error in failures.items():
        record_failure(target, error, began_at)
        logger.warning("target not synced", extra={"target": target.key, "reason": error})
    record_sync(began_at, targets, len(failures))
    metrics.emit_sync(clock.now() - clock.parse_iso(began_at), len(failures))


def record_failure(target: Target, error: str, began_at: str) -> None:
    """Record a failed sync, unless a later one has finished. The result of the last success stays."""
    dynamodb.update_if(
        settings().limits_table,
        _key(target.key),
        {"status": FAILED, "error": error, "failedAt": clock.iso()},
        condition="attribute_not_exists(#version) OR #version <= :began",
        given={"began": int(clock.parse_iso(began_at) * 1000)},
    )


def record_sync(began_at: str, targets: int, failed: int) -> None:
    """Record the last sync of all targets, unless one that began later is on record."""
    values = {"beganAt": began_at, "endedAt": clock.iso(), "targets": targets, "failed": failed}
    dynamodb.update_if(
        settings().limits_table,
        _key(LAST_SYNC),
        values,
        condition="attribute_not_exists(#beganAt) OR #beganAt <= :began",
        given={"began": began_at},
    )


def read_all() -> tuple[list[TargetSyncStatus], dict[str, Any] | None]:
    """Every target's row, and the row of the last sync of all targets."""
    rows = list(dynamodb.query(settings().limits_table, Partition("target", PARTITION)))
    last = next((row for row in rows if row["item"] == LAST_SYNC), None)
    return [TargetSyncStatus.from_item(row) for row in rows if row["item"] != LAST_SYNC], last
