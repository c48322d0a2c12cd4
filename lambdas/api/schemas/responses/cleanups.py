"""Clean-ups of drills, as the API shows them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from typing_extensions import TypedDict

from api.schemas.responses.base import Time, build_from_row
from recovery.domain.cleanup_chunk import Chunk, ChunkStatus


class CleanupCounts(TypedDict):
    """The instances of a drill by outcome."""

    total: int
    terminated: int
    failed: int


class CleanupJob(TypedDict):
    """A DRS job that terminates instances."""

    accountId: str
    region: str
    status: str
    jobId: str | None
    instances: int


class CleanupFailure(TypedDict):
    """An instance that was not terminated, and why."""

    recoveryInstanceId: str
    sourceServerId: str
    accountId: str
    region: str
    reason: str


class Cleanup(TypedDict):
    """The clean-up of a drill and of the runs that continue it; `executionId` is the first of these `executions`."""

    executionId: str
    executions: list[str]
    status: Literal["NONE", "RUNNING", "COMPLETED", "PARTIAL", "FAILED"]
    run: int | None
    askedAt: Time | None
    askedBy: str | None
    endedAt: Time | None
    reason: str | None
    cleanup: str | None
    instances: CleanupCounts
    jobs: list[CleanupJob]
    failures: list[CleanupFailure]


def build_cleanup(row: Mapping[str, Any], chunks: Sequence[Chunk] = ()) -> Cleanup:
    """A clean-up from its CLEANUP row and its chunks."""
    counts: CleanupCounts = {
        "total": sum(len(chunk.instances) for chunk in chunks),
        "terminated": sum(len(chunk.gone) for chunk in chunks),
        "failed": sum(len(chunk.failed) for chunk in chunks),
    }
    return build_from_row(
        Cleanup,
        row,
        executions=row.get("executions", [row["executionId"]]),
        cleanup=row.get("machine"),
        instances=counts,
        jobs=[job for chunk in chunks for job in _build_jobs(chunk)],
        failures=[failure for chunk in chunks for failure in _build_failures(chunk)],
    )


def _build_jobs(chunk: Chunk) -> Iterator[CleanupJob]:
    """The jobs of the parts that have ended, and that of the part that is on."""
    left = len(chunk.instances) - sum(job.instances for job in chunk.earlier_jobs)
    jobs = [(ChunkStatus.SETTLED, job.job_id, job.instances) for job in chunk.earlier_jobs]
    for status, job_id, instances in [*jobs, (chunk.status, chunk.job_id, left)]:
        yield {
            "accountId": chunk.ref.target.account_id,
            "region": chunk.ref.target.region,
            "status": status,
            "jobId": job_id,
            "instances": instances,
        }


def _build_failures(chunk: Chunk) -> list[CleanupFailure]:
    return [
        {
            "recoveryInstanceId": instance_id,
            "sourceServerId": chunk.instances[instance_id],
            "accountId": chunk.ref.target.account_id,
            "region": chunk.ref.target.region,
            "reason": reason,
        }
        for instance_id, reason in sorted(chunk.failed.items())
    ]
