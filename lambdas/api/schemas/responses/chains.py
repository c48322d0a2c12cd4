"""Chains of runs, as the API shows them."""

from collections.abc import Sequence
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from recovery import clock
from recovery.domain.batch import Batch
from recovery.domain.execution import ExecutionStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.tally import Tally
from recovery.store.execution_record import ExecutionRecord, Row


class ChainRun(TypedDict):
    """A run of a chain."""

    executionId: str
    status: ExecutionStatus
    requestedAt: Time
    endedAt: Time | None


class ChainCounts(TypedDict):
    """Servers by outcome, each counted once. `launched` includes those that an earlier run of the chain launched."""

    total: int
    launched: int
    failed: int
    excluded: int
    verified: NotRequired[
        Annotated[int, Field(description="Those that the runs of the chain have verified; missing without checks.")]
    ]
    unverified: NotRequired[
        Annotated[int, Field(description="Those that have not passed a check in time; missing without checks.")]
    ]


class Chain(TypedDict):
    """A run with those that it continues and that continue it, oldest first; alone if it was never continued.

    `durationSeconds` is from the first request to the end of the last run, or until now.
    """

    executions: list[ChainRun]
    requestedAt: Time
    endedAt: Time | None
    durationSeconds: int
    servers: ChainCounts


def build_chain(records: Sequence[ExecutionRecord]) -> Chain:
    """A chain from its records, oldest first."""
    requested_at, ended_at = records[0].meta["requestedAt"], records[-1].meta.get("endedAt")
    end = clock.parse_iso(ended_at) if ended_at else clock.now()
    return {
        "executions": [build_from_row(ChainRun, record.meta) for record in records],
        "requestedAt": requested_at,
        "endedAt": ended_at,
        "durationSeconds": round(end - clock.parse_iso(requested_at)),
        "servers": _count_servers(records),
    }


def _count_servers(records: Sequence[ExecutionRecord]) -> ChainCounts:
    """For each wave and target, count by the last run that inspected it: it knows what those before had launched.

    A run that was refused is alone, and counts only its own servers.
    """
    latest: dict[tuple[str, ...], tuple[Row, ExecutionRecord]] = {}
    for record in records:
        latest |= {_place(target): (target, record) for target in record.targets}
    tally = Tally()
    for place, (target, record) in latest.items():
        summary = WaveTargetSummary.from_item(target)
        before = summary.already_launched if len(records) > 1 else 0
        tally += summary.tally + Tally(before, launched=before)
        tally = sum((Batch.from_item(row).tally for row in record.batches if _place(row) == place), tally)
    return build_from_row(ChainCounts, tally.to_item())


def _place(row: Row) -> tuple[str, ...]:
    return row["wave"], row["accountId"], row["region"]
