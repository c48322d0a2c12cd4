"""Reads DRS's own log of a job that belongs to a run."""

from typing import Any

from recovery.drs import client as drs
from recovery.errors import JobNotFound
from recovery.store import batches, executions


def read_job_log(
    execution_id: str, job_id: str, limit: int, token: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """Read a page of DRS's log of a job of the run. Raise JobNotFound, ExecutionNotFound, and what DRS raises."""
    if ref := batches.find_batch_of_job(execution_id, job_id):
        return drs.get_job_log(ref.target, job_id, limit, token)
    executions.get_run(execution_id)  # ExecutionNotFound is the better answer when there is no run
    raise JobNotFound(f"execution {execution_id} has no job {job_id[:40]!r}")
