"""Chains of runs, as the API shows them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from api.schemas.responses.steps.of_runs import list_checked
from recovery import clock
from recovery.domain.batch import Batch
from recovery.domain.execution import ExecutionStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.tally import Tally
from recovery.domain.wave_steps.ladder import Verification
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
    return build_from_row(ChainCounts, _count_checked(records, tally).to_item())


def _count_checked(records: Sequence[ExecutionRecord], tally: Tally) -> Tally:
    """The tally of a chain with what the checks of all its runs found of the servers that it counts as launched.

    What a later run has tried to launch again is another instance, of which earlier checks say nothing.
    """
    if len(records) < 2 or not any(record.checks for record in records):
        return tally
    found: dict[tuple[str, ...], str] = {}
    for record in records:
        for row in record.batches:
            for server_id in (*row["serverIds"], *Batch.from_item(row).results):
                found.pop((*_place(row), server_id), None)
        for row in record.checks:
            found |= {(*_place(row), each): server["status"] for each, server in list_checked(row).items()}
    statuses = Counter(found.values())
    verified = min(statuses[Verification.VERIFIED], tally.launched)
    unverified = min(statuses[Verification.UNVERIFIED], tally.launched - verified)
    checked = min(len(found), tally.launched)
    return replace(tally, checked=checked, verified=verified, unverified=unverified)


def _place(row: Row) -> tuple[str, ...]:
    return row["wave"], row["accountId"], row["region"]
