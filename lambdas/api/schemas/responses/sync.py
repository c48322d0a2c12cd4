"""The sync that keeps the cache of recovery instances up to date, as the API shows it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from recovery.cache import sync_status


class SyncStarted(TypedDict):
    """A sync that was started; `sync` is the name of its execution in Step Functions."""

    sync: str
    startedAt: Time


class LastSync(TypedDict):
    """The last finished sync of all accounts and Regions."""

    beganAt: Time | None
    endedAt: Time | None
    targets: int | None
    failed: int | None


class TargetSyncStatus(TypedDict):
    """How up to date the cache is for an account and Region."""

    accountId: str
    region: str
    status: Literal["SYNCED", "NOT_SET_UP", "FAILED"]
    lastSyncAt: Time | None
    instances: int
    seconds: float
    error: str | None
    failedAt: Time | None


class SyncStatus(TypedDict):
    """How up to date the cache is."""

    status: Literal["NEVER", "OK", "DEGRADED"]
    lastSync: LastSync | None
    targets: list[TargetSyncStatus]


def build_sync_status(rows: Sequence[sync_status.TargetSyncStatus], last: Mapping[str, Any] | None) -> SyncStatus:
    """The status of all targets; `last` is the row of the last sync of all of them."""
    has_failed = any(row.status == sync_status.FAILED for row in rows)
    return {
        "status": "NEVER" if not rows and last is None else "DEGRADED" if has_failed else "OK",
        "lastSync": build_from_row(LastSync, last) if last else None,
        "targets": [_build_target(row) for row in rows],
    }


def _build_target(row: sync_status.TargetSyncStatus) -> TargetSyncStatus:
    return build_from_row(
        TargetSyncStatus,
        row.target.to_state(),
        status=row.status,
        lastSyncAt=row.last_sync_at,
        instances=row.instances,
        seconds=row.seconds,
        error=row.error,
        failedAt=row.failed_at,
    )
