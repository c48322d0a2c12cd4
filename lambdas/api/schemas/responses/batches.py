"""The batches of a run, as the API shows them."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time, build_from_row
from recovery import clock
from recovery.domain.batch import BatchStatus
from recovery.store.execution_record import Row

VERIFIED = "Those that were launched and have passed their checks; missing while no server has any."
UNVERIFIED = "Those that were launched and have not passed a check in time; missing while no server has any."


# Batches, and outages of a batch, that the answer for a run has. An answer has room for 6 MB (Lambda quotas), and a
# plan of 40 groups of 4,000 servers has 1,600 batches and more.
MAX_BATCHES_SHOWN, MAX_OUTAGES_SHOWN = 500, 10


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
    verified: NotRequired[Annotated[int, Field(description=VERIFIED)]]
    unverified: NotRequired[Annotated[int, Field(description=UNVERIFIED)]]
    jobs: list[Job]
    outages: Annotated[
        list[Outage],
        Field(description="When DRS kept the batch waiting, the last ten times; the last may be going on."),
    ]


class Batches(Paged):
    """A page of the batches of a run."""

    batches: list[Batch]


def build_batch(row: Row) -> Batch:
    """A batch with its state now."""
    jobs = [build_from_row(Job, job) for job in row.get("jobs", ())]
    job_started_at = row.get("jobStartedAt") if row["status"] == BatchStatus.LAUNCHING else None
    outages = [build_from_row(Outage, outage) for outage in row.get("outages", ())[-MAX_OUTAGES_SHOWN:]]
    if row.get("outageSince"):
        outages.append({"since": row["outageSince"], "until": None, "reason": row["outageReason"]})
    counts = {name: int(row.get(name, 0)) if row.get("checked") else None for name in ("verified", "unverified")}
    return build_from_row(
        Batch,
        row,
        **counts,
        servers=row["total"],
        jobs=jobs,
        jobSeconds=find_duration(job_started_at, None),
        outages=outages,
    )


def find_duration(begin: str | None, end: str | None) -> int | None:
    """Seconds from begin to end, or until now; None before it began."""
    if begin is None:
        return None
    return round((clock.parse_iso(end) if end else clock.now()) - clock.parse_iso(begin))
