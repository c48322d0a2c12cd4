"""DRS's own log of a job that belongs to a run."""

from typing import Any

from recovery.domain.batch import BatchRef
from recovery.drs import client as drs
from recovery.errors import JobNotFound
from recovery.store import execution_record


def read_job_log(
    execution_id: str, job_id: str, limit: int, token: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of DRS's log of a job of the run. Raise JobNotFound, ExecutionNotFound, and what DRS raises."""
    for row in execution_record.read_record(execution_id).batches:
        if job_id == row.get("jobId") or any(job_id == job["jobId"] for job in row.get("jobs", ())):
            return drs.get_job_log(BatchRef.from_event(row).target, job_id, limit, token)
    raise JobNotFound(f"execution {execution_id} has no job {job_id[:40]!r}")
