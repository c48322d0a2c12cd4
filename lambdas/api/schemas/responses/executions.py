"""Runs, their waves and their batches, as the API shows them. Servers and events have modules of their own."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, build_from_row
from api.schemas.responses.batches import MAX_BATCHES_SHOWN, UNVERIFIED, VERIFIED, Batch, build_batch, find_duration
from api.schemas.responses.chains import Chain, build_chain
from api.schemas.responses.decisions import (
    Decision,
    RunState,
    Wait,
    WaitingFor,
    collect_decisions,
    collect_waiting,
    collect_waiting_for_people,
    collect_waits,
    find_state,
)
from api.schemas.responses.steps.of_runs import ActionInRun, WaveChecks, build_action, build_checks
from recovery.domain import batch as domain_batch
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import ExecutionStatus, Mode, Run, WaveStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.launch_profiles.profiles import ProfileOption
from recovery.domain.tally import Tally
from recovery.domain.wave_steps.actions import ActionsOption
from recovery.store.execution_record import ExecutionRecord, Row


class ExecutionSummary(TypedDict):
    """A run, as lists show it."""

    executionId: str
    planId: str
    planName: str
    mode: Mode
    status: ExecutionStatus
    reason: str | None
    requestedAt: Time
    requestedBy: Annotated[
        str,
        Field(
            description="The verified ARN of the caller. The name of a session stands apart: its holder may choose it."
        ),
    ]
    startedAt: Time | None
    endedAt: Time | None


class ListedExecution(ExecutionSummary):
    """A run, with what it waits for."""

    state: Annotated[
        RunState,
        Field(
            description="`status` in the words that people see: what an open run does. "
            "CANCELLING lasts from the cancel until the jobs that run have ended."
        ),
    ]
    waitingFor: list[WaitingFor]


class Executions(Paged):
    """A page of runs, newest first."""

    executions: Annotated[
        list[ListedExecution],
        Field(
            description="The runs of this page. `waitingFor` has the decisions; the run itself has also what AWS does."
        ),
    ]


class ServerCounts(TypedDict):
    """Servers by outcome. Servers that only `total` counts have not been launched yet."""

    total: int
    launched: int
    failed: int
    excluded: int
    launching: int
    verified: NotRequired[Annotated[int, Field(description=VERIFIED)]]
    unverified: NotRequired[Annotated[int, Field(description=UNVERIFIED)]]


class Progress(TypedDict):
    """How many waves there are, and how many have ended."""

    waves: int
    wavesEnded: int


class EarlierVerdict(TypedDict):
    """A result that was replaced, because results of servers came after the wave had ended."""

    status: WaveStatus
    reason: str
    replacedAt: Time


class ExecutionWave(TypedDict):
    """A wave of a run."""

    name: str
    order: int
    status: WaveStatus
    dependsOn: list[str]
    startedAt: Time | None
    endedAt: Time | None
    reason: str | None
    rtoTargetMinutes: int | None
    overdueAt: Annotated[Time | None, Field(description="When the wave was found to be past its RTO target.")]
    round: int
    durationSeconds: int | None
    servers: ServerCounts
    launchedAt: Annotated[
        Time | None, Field(description="When its servers had been launched and their checks began, if they have any.")
    ]
    verifiedAt: Annotated[Time | None, Field(description="When each of its servers had passed or failed its checks.")]
    checks: Annotated[WaveChecks | None, Field(description="The checks of its servers; null while it has none.")]
    earlierVerdicts: list[EarlierVerdict]


class Execution(ListedExecution):
    """A run with its waves and batches. It counts its servers; `/servers` lists them."""

    pointInTime: Time | None
    replaceExisting: Annotated[
        bool, Field(description="Whether its requester agreed that launches replace live recovery instances.")
    ]
    fourEyes: Annotated[
        bool,
        Field(description="Whether another person than who started it approves its waves, and accepts them and it."),
    ]
    commentsRequired: Annotated[
        bool, Field(description="Whether a failed wave is accepted or aborted with a comment only.")
    ]
    requesters: Annotated[
        list[str], Field(description="Who started this run and those before it in its chain, oldest first.")
    ]
    continues: str | None
    continuedBy: str | None
    chain: Chain
    cancelledBy: Annotated[str | None, Field(description="Who cancelled the run.")]
    stopReason: Annotated[str | None, Field(description="Why no further wave starts.")]
    rpoTargetMinutes: int | None
    rtoTargetMinutes: int | None
    overdueAt: Annotated[Time | None, Field(description="When the run was found to be past its RTO target.")]
    executionArn: str
    durationSeconds: int | None
    servers: ServerCounts
    progress: Progress
    waits: Annotated[list[Wait], Field(description="Every wait for an operator so far, ended or not.")]
    decisions: list[Decision]
    notes: list[str]
    waves: list[ExecutionWave]
    actionsOption: Annotated[ActionsOption, Field(description="What the run does with the actions of its plan.")]
    profilesOption: Annotated[ProfileOption, Field(description="What it does with the launch profiles of its groups.")]
    reserveCapacity: Annotated[bool, Field(description="Whether it holds capacity of EC2 until its end.")]
    actions: Annotated[list[ActionInRun], Field(description="The actions that have begun, in the order of the plan.")]
    batches: Annotated[
        list[Batch],
        Field(description=f"At most {MAX_BATCHES_SHOWN:,}, those that have not ended first; `/batches` lists all."),
    ]
    batchesLeftOut: int


def build_listed(meta: Row, wave_rows: Sequence[Row], action_rows: Sequence[Row] = ()) -> ListedExecution:
    """An entry of a list. The rows of waves and actions may be missing for a run that has ended."""
    waiting = collect_waiting_for_people(meta, wave_rows, action_rows)
    return build_from_row(ListedExecution, meta, state=find_state(meta, waiting), waitingFor=waiting)


def build_execution(record: ExecutionRecord, execution_arn: str, chain: Sequence[ExecutionRecord]) -> Execution:
    """The whole run. `execution_arn` is that of its execution in Step Functions, `chain` the records of its chain."""
    meta = record.meta
    run = Run.from_item(meta)
    waves = [_build_wave(row, record) for row in record.waves]
    progress: Progress = {"waves": len(waves), "wavesEnded": sum(wave["endedAt"] is not None for wave in waves)}
    waiting = collect_waiting(record)
    return build_from_row(
        Execution,
        meta,
        chain=build_chain(chain),
        replaceExisting=bool(meta.get("replaceExisting", False)),
        fourEyes=run.four_eyes,
        commentsRequired=run.comments_required,
        requesters=list(run.requesters),
        executionArn=execution_arn,
        durationSeconds=find_duration(meta["requestedAt"], meta.get("endedAt")),
        servers=_add_counts([wave["servers"] for wave in waves]),
        progress=progress,
        state=find_state(meta, waiting),
        waitingFor=waiting,
        waits=collect_waits(record),
        decisions=collect_decisions(record),
        notes=list(dict.fromkeys(note for row in record.targets for note in row.get("notes", ()))),
        waves=waves,
        actionsOption=run.actions,
        profilesOption=run.profiles,
        reserveCapacity=run.reserves_capacity,
        actions=[build_action(row) for row in sorted(record.actions, key=_order_actions(record))],
        batches=[build_batch(row) for row in _choose_batches(record.batches)],
        batchesLeftOut=max(len(record.batches) - MAX_BATCHES_SHOWN, 0),
    )


def _order_actions(record: ExecutionRecord) -> Callable[[Row], tuple[float, bool, int]]:
    """The place of an action: those before the plan, before and after each wave in its order, and after the plan."""
    orders = {row["wave"]: float(row.get("order", 0)) for row in record.waves}

    def find_place(row: Row) -> tuple[float, bool, int]:
        is_after = row["place"] == "after"
        of_plan = float("inf") if is_after else float("-inf")
        return orders.get(row["wave"], 0.0) if row.get("wave") else of_plan, is_after, int(row["number"])

    return find_place


def _choose_batches(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """As many batches as the answer has room for, in order: those that have not ended rather than those that have."""
    if len(rows) <= MAX_BATCHES_SHOWN:
        return rows
    chosen = sorted(rows, key=lambda row: row["status"] == BatchStatus.SETTLED)[:MAX_BATCHES_SHOWN]
    return sorted(chosen, key=lambda row: str(row["item"]))


def _build_wave(row: Row, record: ExecutionRecord) -> ExecutionWave:
    return build_from_row(
        ExecutionWave,
        row,
        name=row["wave"],
        round=row.get("round", 0),
        durationSeconds=find_duration(row.get("startedAt"), row.get("endedAt")),
        servers=_count_servers(row["wave"], record),
        checks=build_checks(each for each in record.checks if each["wave"] == row["wave"]),
        earlierVerdicts=[build_from_row(EarlierVerdict, verdict) for verdict in row.get("earlierVerdicts", ())],
    )


def _count_servers(wave: str, record: ExecutionRecord) -> ServerCounts:
    """The servers of a wave by outcome, from its batches and its inspections."""
    summaries = [WaveTargetSummary.from_item(row) for row in record.targets if row["wave"] == wave]
    batches = [domain_batch.Batch.from_item(item) for item in record.batches if item["wave"] == wave]
    tally = sum((summary.tally for summary in summaries), sum((batch.tally for batch in batches), Tally()))
    counts: ServerCounts = {
        "total": tally.total,
        "launched": tally.launched,
        "failed": tally.failed,
        "excluded": tally.excluded,
        "launching": sum(len(batch.launching) for batch in batches),
    }
    return {**counts, "verified": tally.verified, "unverified": tally.unverified} if tally.checked else counts


def _add_counts(counts: list[ServerCounts]) -> ServerCounts:
    added: ServerCounts = {
        "total": sum(each["total"] for each in counts),
        "launched": sum(each["launched"] for each in counts),
        "failed": sum(each["failed"] for each in counts),
        "excluded": sum(each["excluded"] for each in counts),
        "launching": sum(each["launching"] for each in counts),
    }
    if not any("verified" in each for each in counts):
        return added
    verified, unverified = (
        sum(each.get("verified", 0) for each in counts),
        sum(each.get("unverified", 0) for each in counts),
    )
    return {**added, "verified": verified, "unverified": unverified}
