"""The service quotas for new jobs in an account and Region, and what else refuses one.

Two things are assumptions: the order of the checks, and that a terminate job counts like a launch job.
"""

from dataclasses import dataclass

from drs_emulator.errors import Conflict, QuotaExceeded
from drs_emulator.settings import Settings
from drs_emulator.world.target import Target

JOBS_IN_PROGRESS = "L-D88FAC3A"
SERVERS_PER_JOB = "L-B827C881"
SERVERS_IN_JOBS = "L-05AFA8C6"


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job that is about to start. `execution_arn` names the execution of a recovery plan that starts it."""

    server_ids: list[str]
    launches: bool
    now: float
    execution_arn: str = ""


def check_new_job(target: Target, job: NewJob, settings: Settings) -> None:
    """Raise QuotaExceeded, or Conflict if a server is in a job, in an execution, or in a lasting conflict."""
    quotas, number = settings.quotas, len(job.server_ids)
    if number > quotas.servers_per_job:
        raise _exceeded(SERVERS_PER_JOB, f"A job can hold {quotas.servers_per_job} servers, not {number}")
    _refuse_busy_servers(target, job, settings)
    jobs, servers = target.count_load()
    if jobs >= quotas.jobs_in_progress:
        raise _exceeded(JOBS_IN_PROGRESS, f"{jobs} jobs are in progress, and the quota is {quotas.jobs_in_progress}")
    if servers + number > quotas.servers_in_jobs:
        raise _exceeded(
            SERVERS_IN_JOBS,
            f"{servers} servers are in jobs; {number} more would exceed the quota of {quotas.servers_in_jobs}",
        )


def _refuse_busy_servers(target: Target, job: NewJob, settings: Settings) -> None:
    accepts_second = settings.behaviour.second_start == "accepted"
    requested = set(job.server_ids)
    for other in target.active.values():
        busy = requested & other.participants.keys()
        if busy and not (accepts_second and other.is_hidden(job.now)):
            raise server_conflict(min(busy), f"is in {other.id}", len(busy))
    for server_id in job.server_ids:
        if server_id in target.servers and target.servers[server_id].in_conflict:
            raise server_conflict(server_id, "is in a conflict")
        execution = target.execution_of(server_id) if job.launches else None
        if execution and execution.arn != job.execution_arn:
            raise server_conflict(server_id, f"is in {execution.arn}")


def server_conflict(server_id: str, why: str, number: int = 1) -> Conflict:
    return Conflict(
        f"{number} of the source servers cannot be used: {server_id} {why}",
        resourceId=server_id,
        resourceType="SourceServer",
    )


def _exceeded(quota_code: str, message: str) -> QuotaExceeded:
    return QuotaExceeded(message, resourceType="Job", serviceCode="drs", quotaCode=quota_code)
