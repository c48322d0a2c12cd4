"""Clean-ups of drills, as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from api.schemas.responses.base import ResponseModel
from recovery.domain.cleanup_chunk import Chunk


class CleanupCounts(ResponseModel):
    """The instances of a drill by outcome."""

    total: int
    terminated: int
    failed: int


class CleanupJob(ResponseModel):
    """A DRS job that terminates instances."""

    account_id: str
    region: str
    status: str
    job_id: str | None
    instances: int


class CleanupFailure(ResponseModel):
    """An instance that was not terminated, and why."""

    recovery_instance_id: str
    source_server_id: str
    account_id: str
    region: str
    reason: str


class Cleanup(ResponseModel):
    """The clean-up of a drill."""

    execution_id: str
    status: Literal["NONE", "RUNNING", "COMPLETED", "PARTIAL", "FAILED"]
    run: int | None
    asked_at: str | None
    asked_by: str | None
    ended_at: str | None
    reason: str | None
    cleanup: str | None
    instances: CleanupCounts
    jobs: list[CleanupJob]
    failures: list[CleanupFailure]

    @classmethod
    def from_record(cls, row: Mapping[str, Any], chunks: Sequence[Chunk] = ()) -> Self:
        """A clean-up from its CLEANUP row and its chunks."""
        return cls.from_item(
            row,
            cleanup=row.get("machine"),
            instances=CleanupCounts(
                total=sum(len(chunk.instances) for chunk in chunks),
                terminated=sum(len(chunk.gone) for chunk in chunks),
                failed=sum(len(chunk.failed) for chunk in chunks),
            ),
            jobs=[
                CleanupJob(
                    account_id=chunk.ref.target.account_id,
                    region=chunk.ref.target.region,
                    status=chunk.status,
                    job_id=chunk.job_id,
                    instances=len(chunk.instances),
                )
                for chunk in chunks
            ],
            failures=[
                CleanupFailure(
                    recovery_instance_id=instance_id,
                    source_server_id=chunk.instances[instance_id],
                    account_id=chunk.ref.target.account_id,
                    region=chunk.ref.target.region,
                    reason=reason,
                )
                for chunk in chunks
                for instance_id, reason in sorted(chunk.failed.items())
            ],
        )
