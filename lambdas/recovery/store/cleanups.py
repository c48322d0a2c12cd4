"""CLEANUP rows: the clean-up of a chain of drills, what it found in each target (FOUND#), and its chunks (CLEANUP#).

All of them are in the record of the first run of the chain, so that a chain has one clean-up at a time.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb import ConditionFailed
from recovery.domain.cleanup_chunk import Chunk, ChunkJob, ChunkRef, ChunkStatus, CleanupStatus, FoundInstances
from recovery.domain.drs_shapes.jobs import Job
from recovery.store import executions
from recovery.store.chains import Chain


def _key(execution_id: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": "CLEANUP"}


# --- the clean-up -----------------------------------------------------------------------------------------------
def get_cleanup(execution_id: str) -> dict[str, Any] | None:
    """Read the CLEANUP row in the record of the first run of a chain; None when there was no clean-up."""
    return dynamodb.get(executions.table(), _key(execution_id))


def require_none_running(execution_id: str) -> dict[str, Any]:
    """The part of a transaction that refuses it while the chain of this first run is cleaned up."""
    none_runs, given = "attribute_not_exists(#status) OR #status <> :running", {"running": CleanupStatus.RUNNING}
    return dynamodb.check_action(executions.table(), _key(execution_id), none_runs, given)


def open_cleanup(chain: Chain, run: int, machine: str, asked_by: str) -> bool:
    """Write the CLEANUP row of this clean-up.

    Return False when another one is running or newer, or when the last run of the chain has been continued.
    """
    # The attribute is not `requestedAt`, which with `status` would put the row into the index of executions.
    values = {
        "run": run,
        "status": CleanupStatus.RUNNING,
        "machine": machine,
        "executions": list(chain.execution_ids),
        "askedAt": clock.iso(),
        "askedBy": asked_by,
    }
    opening = dynamodb.update_action(
        executions.table(),
        _key(chain.first.execution_id),
        values,
        remove=["endedAt", "reason", "unasked", "total", "terminated", "failed"],
        condition="attribute_not_exists(#run) OR (#run < :run AND #status <> :running)",
        given={"run": run, "running": CleanupStatus.RUNNING},
    )
    try:
        dynamodb.transact([opening, executions.require_not_continued(chain.last.execution_id)])
    except ConditionFailed:
        return False
    return True


def close_cleanup(execution_id: str, machine: str, status: CleanupStatus, values: Mapping[str, Any]) -> None:
    """Close the clean-up that this execution runs; change nothing if it is closed or another execution has it."""
    _update_running(execution_id, machine, {"status": status, "endedAt": clock.iso(), **values})


def close_abandoned(execution_id: str, machine: str) -> None:
    """Close a clean-up whose machine was aborted or timed out. Keep its results; the next clean-up does the rest."""
    close_cleanup(execution_id, machine, CleanupStatus.FAILED, {"reason": "its state machine ended before it did"})


def record_unasked(execution_id: str, machine: str, unasked: Mapping[str, str]) -> None:
    """Record the targets that could not be searched so far, with the reasons."""
    _update_running(execution_id, machine, {"unasked": dict(unasked)})


def _update_running(execution_id: str, machine: str, values: Mapping[str, Any]) -> None:
    dynamodb.update_if(
        executions.table(),
        _key(execution_id),
        values,
        condition="#machine = :machine AND #status = :running",
        given={"machine": machine, "running": CleanupStatus.RUNNING},
    )


# --- what it found ----------------------------------------------------------------------------------------------
def list_found(execution_id: str, run: int) -> list[FoundInstances]:
    """What the clean-up has found, in each target that it has searched."""
    rows = executions.query_rows(execution_id, f"FOUND#{run:03}#")
    return [FoundInstances.from_item(row) for row in rows]


def save_found(execution_id: str, run: int, found: FoundInstances) -> None:
    """Save what was found in a target. The first search wins, so that repetitions make the same chunks."""
    key = {"executionId": execution_id, "item": f"FOUND#{run:03}#{found.target.key}"}
    dynamodb.put_new(executions.table(), {**key, **found.to_item()}, "executionId")


# --- chunks -----------------------------------------------------------------------------------------------------
def create_chunks(chunks: Sequence[Chunk]) -> None:
    """Write the rows of the chunks. Rows that exist stay as they are."""
    dynamodb.put_all_new(executions.table(), [chunk.to_item() for chunk in chunks], "executionId")


def get_chunk(ref: ChunkRef) -> Chunk:
    """Read a chunk. Raise KeyError when there is none, which only a defect of a state machine can cause."""
    item = dynamodb.get(executions.table(), ref.row_key)
    if item is None:
        raise KeyError(f"no row {ref.row_key}")
    return replace(Chunk.from_item(item), ref=ref)  # its key decides in which account and Region it is terminated


def list_chunks(execution_id: str, run: int) -> list[Chunk]:
    """Read the chunks of a clean-up."""
    return [Chunk.from_item(row) for row in executions.query_rows(execution_id, f"CLEANUP#{run:03}#")]


def record_intent(chunk: Chunk, asked: Sequence[str]) -> bool:
    """Record the intent to call TerminateRecoveryInstances for these instances; False when the part has a job."""
    return _update_chunk(
        chunk,
        {"status": ChunkStatus.STARTING, "intentAt": chunk.intent_at or clock.iso(), "asked": sorted(asked)},
        condition="(#status = :pending OR #status = :starting)",
        given={"pending": ChunkStatus.PENDING, "starting": ChunkStatus.STARTING},
    )


def record_conflict(chunk: Chunk, left_out: Collection[str], conflicts: int) -> None:
    """Record what is known of a conflict, so that the next call of this part leaves it out."""
    _update_chunk(
        chunk,
        {"leftOut": sorted(left_out), "conflicts": conflicts},
        condition="#status = :starting",
        given={"starting": ChunkStatus.STARTING},
    )


def record_job(chunk: Chunk, job: Job) -> None:
    """Record the job that terminates the chunk's instances."""
    _update_chunk(
        chunk,
        {"status": ChunkStatus.TERMINATING, "jobId": job.job_id, "startedAt": job.created_at},
        condition="#status = :starting",
        given={"starting": ChunkStatus.STARTING},
    )


def begin_part(chunk: Chunk, gone: Sequence[str], failed: Mapping[str, str], job_id: str) -> None:
    """Record the results of a part, and begin the next one for the instances that have none."""
    jobs = [*chunk.earlier_jobs, ChunkJob(job_id, len(chunk.asked))]
    _update_chunk(
        chunk,
        {
            "status": ChunkStatus.PENDING,
            "part": chunk.part + 1,
            "gone": list(gone),
            "failed": failed,
            "earlierJobs": [{"jobId": job.job_id, "instances": job.instances} for job in jobs],
        },
        remove=["intentAt", "asked", "jobId", "startedAt", "leftOut"],
        condition="#status <> :settled",
        given={"settled": ChunkStatus.SETTLED},
    )


def settle_chunk(chunk: Chunk, gone: Sequence[str], failed: Mapping[str, str], job_id: str | None) -> None:
    """Record the chunk's result, once: the instances that are gone, and the reason for each that is not."""
    _update_chunk(
        chunk,
        {"status": ChunkStatus.SETTLED, "gone": list(gone), "failed": failed, "jobId": job_id},
        condition="#status <> :settled",
        given={"settled": ChunkStatus.SETTLED},
    )


def _update_chunk(
    chunk: Chunk,
    values: Mapping[str, Any],
    *,
    condition: str,
    given: Mapping[str, Any],
    remove: Sequence[str] = (),
) -> bool:
    """Update the row if the condition holds and the chunk is still at this part; False otherwise."""
    return dynamodb.update_if(
        executions.table(),
        chunk.ref.row_key,
        values,
        remove=remove,
        condition=f"{condition} AND #part = :part",
        given={**given, "part": chunk.part},
    )
