"""Runs, their waves and their batches, as the API shows them. Servers and events have modules of their own."""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, build_from_row
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
from recovery import clock
from recovery.domain import batch as domain_batch
from recovery.domain.batch import BatchStatus
from recovery.domain.execution import ExecutionStatus, Mode, Run, WaveStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.tally import Tally
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


class Progress(TypedDict):
    """How many waves there are, and how many have ended."""

    waves: int
    wavesEnded: int


class EarlierVerdict(TypedDict):
    """A verdict that was replaced, because results of servers came after the wave had ended."""

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
    earlierVerdicts: list[EarlierVerdict]


class Job(TypedDict):
    """An ended DRS job of a batch."""

    attempt: int
    jobId: str
    startedAt: Time | None
    endedAt: NotRequired[Time | None]
    launched: int
    failed: int
    orphaned: NotRequired[
        Annotated[bool | None, Field(description="Started as the run was closed; no batch polls it.")]
    ]


class Outage(TypedDict):
    """A time in which DRS kept a batch waiting: it did not answer, throttled, or was busy with a server."""

    since: Time
    until: Time | None
    reason: str


class Batch(TypedDict):
    """At most 100 servers of a wave in one account and Region: one DRS job for each attempt."""

    wave: str
    accountId: str
    region: str
    batch: int
    status: str
    attempt: int | None
    jobId: str | None
    startedAt: Time | None
    jobStartedAt: Time | None
    jobSeconds: Annotated[int | None, Field(description="The age of the running job.")]
    stage: Annotated[str | None, Field(description="The stage of the running job, by DRS's log, every five minutes.")]
    stageAt: Annotated[Time | None, Field(description="When the job was first seen in this stage.")]
    usualSeconds: Annotated[int | None, Field(description="How long such a job usually takes in this target.")]
    overdueAt: Annotated[Time | None, Field(description="When the running job was found to take far longer than that.")]
    endedAt: Time | None
    reason: str | None
    servers: int
    jobs: list[Job]
    outages: Annotated[
        list[Outage],
        Field(description="When DRS kept the batch waiting, the last ten times; the last may be going on."),
    ]


# Batches, and outages of a batch, that the answer for a run has. An answer has room for 6 MB (Lambda quotas), and a
# plan of 40 groups of 4,000 servers has 1,600 batches and more.
MAX_BATCHES_SHOWN, MAX_OUTAGES_SHOWN = 500, 10


class Batches(Paged):
    """A page of the batches of a run."""

    batches: list[Batch]


class Execution(ListedExecution):
    """A run with its waves and batches. It counts its servers; `/servers` lists them."""

    pointInTime: Time | None
    replaceExisting: Annotated[
        bool, Field(description="Whether its requester agreed that launches replace live recovery instances.")
    ]
    fourEyes: Annotated[
        bool, Field(description="Whether another person than who started the run approves and accepts its waves.")
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
    batches: Annotated[
        list[Batch],
        Field(description=f"At most {MAX_BATCHES_SHOWN:,}, those that have not ended first; `/batches` lists all."),
    ]
    batchesLeftOut: int


def build_listed(meta: Row, wave_rows: Sequence[Row]) -> ListedExecution:
    """An entry of a list. `wave_rows` may be empty for a run that has ended."""
    waiting = collect_waiting_for_people(meta, wave_rows)
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
        durationSeconds=_duration(meta["requestedAt"], meta.get("endedAt")),
        servers=_add_counts([wave["servers"] for wave in waves]),
        progress=progress,
        state=find_state(meta, waiting),
        waitingFor=waiting,
        waits=collect_waits(record),
        decisions=collect_decisions(record),
        notes=list(dict.fromkeys(note for row in record.targets for note in row.get("notes", ()))),
        waves=waves,
        batches=[build_batch(row) for row in _choose_batches(record.batches)],
        batchesLeftOut=max(len(record.batches) - MAX_BATCHES_SHOWN, 0),
    )


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
        durationSeconds=_duration(row.get("startedAt"), row.get("endedAt")),
        servers=_count_servers(row["wave"], record),
        earlierVerdicts=[build_from_row(EarlierVerdict, verdict) for verdict in row.get("earlierVerdicts", ())],
    )


def _count_servers(wave: str, record: ExecutionRecord) -> ServerCounts:
    """The servers of a wave by outcome, from its batches and its inspections."""
    summaries = [WaveTargetSummary.from_item(row) for row in record.targets if row["wave"] == wave]
    batches = [domain_batch.Batch.from_item(item) for item in record.batches if item["wave"] == wave]
    tally = sum((summary.tally for summary in summaries), sum((batch.tally for batch in batches), Tally()))
    return {
        "total": tally.total,
        "launched": tally.launched,
        "failed": tally.failed,
        "excluded": tally.excluded,
        "launching": sum(len(batch.launching) for batch in batches),
    }


def _add_counts(counts: list[ServerCounts]) -> ServerCounts:
    return {
        "total": sum(each["total"] for each in counts),
        "launched": sum(each["launched"] for each in counts),
        "failed": sum(each["failed"] for each in counts),
        "excluded": sum(each["excluded"] for each in counts),
        "launching": sum(each["launching"] for each in counts),
    }


def build_batch(row: Row) -> Batch:
    """A batch with its state now."""
    jobs = [build_from_row(Job, job) for job in row.get("jobs", ())]
    job_started_at = row.get("jobStartedAt") if row["status"] == BatchStatus.LAUNCHING else None
    outages = [build_from_row(Outage, outage) for outage in row.get("outages", ())[-MAX_OUTAGES_SHOWN:]]
    if row.get("outageSince"):
        outages.append({"since": row["outageSince"], "until": None, "reason": row["outageReason"]})
    return build_from_row(
        Batch, row, servers=row["total"], jobs=jobs, jobSeconds=_duration(job_started_at, None), outages=outages
    )


def _duration(begin: str | None, end: str | None) -> int | None:
    """Seconds from begin to end, or until now; None before it began."""
    if begin is None:
        return None
    return round((clock.parse_iso(end) if end else clock.now()) - clock.parse_iso(begin))
