"""CLEANUP rows: the clean-up of a drill, and a CLEANUP# row for each of its chunks."""

from collections.abc import Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, ChunkStatus, CleanupStatus
from recovery.domain.drs_shapes.jobs import Job
from recovery.store import executions


def _key(execution_id: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": "CLEANUP"}


def get_cleanup(execution_id: str) -> dict[str, Any] | None:
    """Read the CLEANUP row; None when the execution was never cleaned up."""
    return dynamodb.get(executions.table(), _key(execution_id))


def open_cleanup(execution_id: str, run: int, machine: str, asked_by: str) -> dict[str, Any]:
    """Write the CLEANUP row of this clean-up, unless another one is running or newer; return its values."""
    # The attribute is not `requestedAt`, which with `status` would put the row into the index of executions.
    values = {
        "run": run,
        "status": CleanupStatus.RUNNING,
        "machine": machine,
        "askedAt": clock.iso(),
        "askedBy": asked_by,
    }
    dynamodb.update_if(
        executions.table(),
        _key(execution_id),
        values,
        remove=["endedAt", "reason", "chunks", "total", "terminated", "failed"],
        condition="attribute_not_exists(#run) OR (#run < :run AND #status <> :running)",
        given={"run": run, "running": CleanupStatus.RUNNING},
    )
    return values


def close_cleanup(execution_id: str, machine: str, status: CleanupStatus, values: Mapping[str, Any]) -> None:
    """Close the clean-up that this execution runs; change nothing if it is closed or another execution has it."""
    dynamodb.update_if(
        executions.table(),
        _key(execution_id),
        {"status": status, "endedAt": clock.iso(), **values},
        condition="#machine = :machine AND #status = :running",
        given={"machine": machine, "running": CleanupStatus.RUNNING},
    )


def create_chunks(execution_id: str, run: int, chunks: Sequence[Chunk]) -> None:
    """Write the rows of the chunks, then their number. Rows that exist stay as they are."""
    dynamodb.put_all_new(executions.table(), [chunk.to_item() for chunk in chunks], "executionId")
    dynamodb.update_if(
        executions.table(),
        _key(execution_id),
        {"chunks": len(chunks)},
        condition="#run = :run AND attribute_not_exists(#chunks)",
        given={"run": run},
    )


def get_chunk(ref: ChunkRef) -> Chunk:
    """Read a chunk. Raise KeyError when there is none, which only a defect of a state machine can cause."""
    item = dynamodb.get(executions.table(), ref.row_key)
    if item is None:
        raise KeyError(f"no row {ref.row_key}")
    return Chunk.from_item(item)


def list_chunks(execution_id: str, run: int) -> list[Chunk]:
    """Read the chunks of a clean-up."""
    return [Chunk.from_item(row) for row in executions.query_rows(execution_id, f"CLEANUP#{run:03}#")]


def record_intent(chunk: Chunk) -> bool:
    """Record the intent to call TerminateRecoveryInstances; return False when another invocation already has."""
    return _update_chunk(chunk.ref, ChunkStatus.PENDING, {"status": ChunkStatus.STARTING, "intentAt": clock.iso()})


def record_job(chunk: Chunk, job: Job) -> None:
    """Record the job that terminates the chunk's instances."""
    values = {"status": ChunkStatus.TERMINATING, "jobId": job.job_id, "startedAt": job.created_at}
    _update_chunk(chunk.ref, ChunkStatus.STARTING, values)


def record_gone(chunk: Chunk, gone: Sequence[str]) -> bool:
    """Record the instances that DRS no longer knows, so that the job starts without them; False if it is settled."""
    return _update_chunk(chunk.ref, ChunkStatus.STARTING, {"gone": sorted(gone)})


def settle_chunk(ref: ChunkRef, gone: Sequence[str], failed: Mapping[str, str], job_id: str | None) -> None:
    """Record the chunk's result, once: the instances that are gone, and the reason for each that is not."""
    dynamodb.update_if(
        executions.table(),
        ref.row_key,
        {"status": ChunkStatus.SETTLED, "gone": list(gone), "failed": failed, "jobId": job_id},
        condition="#status <> :settled",
        given={"settled": ChunkStatus.SETTLED},
    )


def _update_chunk(ref: ChunkRef, status: ChunkStatus, values: Mapping[str, Any]) -> bool:
    """Update a chunk that is at this status; False when it is at another."""
    return dynamodb.update_if(
        executions.table(), ref.row_key, values, condition="#status = :status", given={"status": status}
    )
