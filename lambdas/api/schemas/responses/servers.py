"""The source servers of a run, as the API shows them."""

from collections.abc import Iterable
from typing import Self

from api.schemas.responses.base import PageModel, ResponseModel
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import ServerStatus, WaveStatus
from recovery.store.execution_record import ExecutionRecord, Row


class Server(ResponseModel):
    """A source server in a run."""

    source_server_id: str
    hostname: str | None
    wave: str
    account_id: str
    region: str
    readiness: str | None
    snapshot_id: str | None
    snapshot_at: str | None
    recovery_instance_id: str | None
    ended_at: str | None
    optional: bool
    warnings: list[str]
    status: ServerStatus
    job_id: str | None
    reason: str | None

    @classmethod
    def from_record(cls, row: Row, record: ExecutionRecord) -> Self:
        """A server. LAUNCHING comes from its batch and SKIPPED from its wave; neither is stored in its row."""
        status, job_id, reason = row["status"], row.get("jobId"), row.get("reason")
        if status not in (ServerStatus.LAUNCHED, ServerStatus.EXCLUDED):
            batch = _find_batch(row, record.batches)
            wave = next(wave for wave in record.waves if wave["wave"] == row["wave"])
            if batch and BatchStatus(batch["status"]).is_in_attempt and row["sourceServerId"] in batch["serverIds"]:
                status, job_id = ServerStatus.LAUNCHING, batch.get("jobId")
            elif status == ServerStatus.PENDING and WaveStatus(wave["status"]).is_final:
                status, reason = ServerStatus.SKIPPED, (batch or {}).get("reason") or wave.get("reason")
        return cls.from_item(
            row,
            optional=bool(row.get("optional")),
            warnings=row.get("warnings", []),
            status=status,
            job_id=job_id,
            reason=reason,
        )


def _find_batch(row: Row, batches: Iterable[Row]) -> Row | None:
    place = ("wave", "accountId", "region", "batch")
    return next((batch for batch in batches if all(batch[key] == row.get(key) for key in place)), None)


class Servers(PageModel):
    """A page of the servers of a run."""

    servers: list[Server]
