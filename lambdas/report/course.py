"""The course of a run, from its record alone: its waves, jobs, waits and decisions. Its timeline is drawn from it."""

from collections.abc import Mapping, Sequence
from typing import Any

from report.outages import find_outages
from report.run_record import Job, Record, list_jobs
from report.steps import list_actions
from report.times import end_of
from report.waits import find_waits


def describe_course(record: Record, actions: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """What the report says of the times of a run, as far as the record has it: `report.drawings.timeline` takes this.

    `actions` are those of the run with their output, in place of those of the record.
    """
    return {
        "requestedAt": record["requestedAt"],
        "asOf": end_of(record),
        "waves": [{"launchedAt": None, "verifiedAt": None, "checks": None, **wave} for wave in record["waves"]],
        "actions": list_actions(record, record.get("actions", ()) if actions is None else actions),
        "jobs": [_describe_job(job) for job in sort_jobs(record)],
        "outages": find_outages(record),
        "waits": [wait.to_item() for wait in find_waits(record)],
        "decisions": list(record["decisions"]),
    }


def sort_jobs(record: Record) -> list[Job]:
    """The jobs of a run in the order of their starts."""
    return sorted(list_jobs(record), key=lambda job: (job.started_at or "", job.job_id or ""))


def _describe_job(job: Job) -> dict[str, Any]:
    account_id, region = job.target
    return {
        "jobId": job.job_id,
        "wave": job.wave,
        "accountId": account_id,
        "region": region,
        "batch": job.batch,
        "attempt": job.attempt,
        "servers": job.servers,
        "startedAt": job.started_at,
        "endedAt": job.ended_at,
        "launched": job.launched,
        "failed": job.failed,
    }
