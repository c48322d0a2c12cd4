"""The sync that keeps the cache of recovery instances up to date, as the API shows it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from api.schemas.responses.base import ResponseModel
from recovery.cache import sync_status


class SyncStarted(ResponseModel):
    """A sync that was started; `sync` is the name of its execution in Step Functions."""

    sync: str
    started_at: str


class LastSync(ResponseModel):
    """The last finished sync of all accounts and Regions."""

    began_at: str | None
    ended_at: str | None
    targets: int | None
    failed: int | None


class TargetSyncStatus(ResponseModel):
    """How up to date the cache is for an account and Region."""

    account_id: str
    region: str
    status: Literal["SYNCED", "NOT_SET_UP", "FAILED"]
    last_sync_at: str | None
    instances: int
    seconds: float
    error: str | None
    failed_at: str | None

    @classmethod
    def from_row(cls, row: sync_status.TargetSyncStatus) -> Self:
        """The status of one target."""
        return cls.model_validate(
            {
                **row.target.to_state(),
                "status": row.status,
                "lastSyncAt": row.last_sync_at,
                "instances": row.instances,
                "seconds": row.seconds,
                "error": row.error,
                "failedAt": row.failed_at,
            }
        )


class SyncStatus(ResponseModel):
    """How up to date the cache is."""

    status: Literal["NEVER", "OK", "DEGRADED"]
    last_sync: LastSync | None
    targets: list[TargetSyncStatus]

    @classmethod
    def from_rows(cls, rows: Sequence[sync_status.TargetSyncStatus], last: Mapping[str, Any] | None) -> Self:
        """The status of all targets; `last` is the row of the last sync of all of them."""
        has_failed = any(row.status == sync_status.FAILED for row in rows)
        return cls(
            status="NEVER" if not rows and last is None else "DEGRADED" if has_failed else "OK",
            last_sync=LastSync.from_item(last) if last else None,
            targets=[TargetSyncStatus.from_row(row) for row in rows],
        )
