"""Runs, their waves and their batches, as the API shows them. Servers and events have modules of their own."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from api.schemas.responses.base import PageModel, ResponseModel
from api.schemas.responses.decisions import Decision, WaitingFor, collect_decisions, collect_waiting
from recovery import clock
from recovery.domain.batch import Batch as BatchRow
from recovery.domain.execution import ExecutionStatus, Mode, Tally, WaveStatus
from recovery.store.execution_record import ExecutionRecord


class ExecutionSummary(ResponseModel):
    """A run, as lists show it."""

    execution_id: str
    plan_id: str
    plan_name: str
    mode: Mode
    status: ExecutionStatus
    reason: str | None
    requested_at: str
    requested_by: str
    started_at: str | None
    ended_at: str | None


class Executions(PageModel):
    """A page of runs, newest first."""

    executions: list[ExecutionSummary]


class ServerCounts(ResponseModel):
    """Servers by outcome. Servers that only `total` counts have not been launched yet."""

    total: int
    launched: int
    failed: int
    excluded: int
    launching: int


class Progress(ResponseModel):
    """How many waves there are, and how many have ended."""

    waves: int
    waves_ended: int


class ExecutionWave(ResponseModel):
    """A wave of a run."""

    name: str
    order: int
    status: WaveStatus
    depends_on: list[str]
    started_at: str | None
    ended_at: str | None
    reason: str | None
    rto_target_minutes: int | None
    round: int
    duration_seconds: int | None
    servers: ServerCounts

    @classmethod
    def from_record(cls, row: Mapping[str, Any], record: ExecutionRecord) -> Self:
        """A wave, its servers counted from its batches. Running jobs count with what DRS last reported of them."""
        wave = row["wave"]
        excluded = sum(int(target["blocked"]) for target in record.targets if target["wave"] == wave)
        tally, launching = Tally(total=excluded, excluded=excluded), 0
        for item in (item for item in record.batches if item["wave"] == wave):
            batch = BatchRow.from_item(item)
            launched, failed = int(item.get("inFlightLaunched", 0)), int(item.get("inFlightFailed", 0))
            tally += Tally(batch.total, batch.launched + launched, batch.failed + failed)
            if batch.status.is_in_attempt:
                launching += len(batch.server_ids) - launched - failed
        return cls.from_item(
            row,
            name=wave,
            round=row.get("round", 0),
            duration_seconds=_duration(row.get("startedAt"), row.get("endedAt")),
            servers=ServerCounts(
                total=tally.total,
                launched=tally.launched,
                failed=tally.failed,
                excluded=tally.excluded,
                launching=launching,
            ),
        )


class Job(ResponseModel):
    """An ended DRS job of a batch."""

    attempt: int
    job_id: str
    started_at: str | None
    ended_at: str | None = None
    launched: int
    failed: int
    orphaned: bool | None = Field(default=None, description="Started as the run was closed; no batch polls it.")


class Batch(ResponseModel):
    """At most 100 servers of a wave in one account and Region: one DRS job for each attempt."""

    wave: str
    account_id: str
    region: str
    batch: int
    status: str
    attempt: int | None
    job_id: str | None
    started_at: str | None
    job_started_at: str | None
    ended_at: str | None
    reason: str | None
    servers: int
    jobs: list[Job]


class Execution(ExecutionSummary):
    """A run with its waves and batches. It counts its servers; `/servers` lists them."""

    point_in_time: str | None
    continues: str | None
    continued_by: str | None
    cancelled_by: str | None = Field(description="Who cancelled the run.")
    stop_reason: str | None = Field(description="Why no further wave starts.")
    rpo_target_minutes: int | None
    rto_target_minutes: int | None
    execution_arn: str
    duration_seconds: int | None
    servers: ServerCounts
    progress: Progress
    waiting_for: list[WaitingFor]
    decisions: list[Decision]
    notes: list[str]
    waves: list[ExecutionWave]
    batches: list[Batch]

    @classmethod
    def from_record(cls, record: ExecutionRecord, execution_arn: str) -> Self:
        """The whole run. `execution_arn` is that of its execution in Step Functions."""
        meta = record.meta
        waves = [ExecutionWave.from_record(row, record) for row in record.waves]
        counts = {name: sum(getattr(wave.servers, name) for wave in waves) for name in ServerCounts.model_fields}
        return cls.from_item(
            meta,
            execution_arn=execution_arn,
            duration_seconds=_duration(meta["requestedAt"], meta.get("endedAt")),
            servers=ServerCounts(**counts),
            progress=Progress(waves=len(waves), waves_ended=sum(wave.ended_at is not None for wave in waves)),
            waiting_for=collect_waiting(record),
            decisions=collect_decisions(record),
            notes=list(dict.fromkeys(note for row in record.targets for note in row.get("notes", ()))),
            waves=waves,
            batches=[Batch.from_item(row, servers=row["total"], jobs=row.get("jobs", [])) for row in record.batches],
        )


def _duration(begin: str | None, end: str | None) -> int | None:
    """Seconds from begin to end, or until now; None before it began."""
    if begin is None:
        return None
    return round((clock.parse_iso(end) if end else clock.now()) - clock.parse_iso(begin))
