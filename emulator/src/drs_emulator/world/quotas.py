"""The service quotas for new jobs in an account and Region.

Two things are assumptions: the order of the checks, and that a terminate job counts like a launch job.
"""

from drs_emulator.errors import Conflict, QuotaExceeded
from drs_emulator.settings import Quotas
from drs_emulator.world.target import Target

JOBS_IN_PROGRESS = "L-D88FAC3A"
SERVERS_PER_JOB = "L-B827C881"
SERVERS_IN_JOBS = "L-05AFA8C6"


def check_new_job(target: Target, server_ids: list[str], quotas: Quotas) -> None:
    """Raise QuotaExceeded, or Conflict if a server is in a job that has not ended."""
    if len(server_ids) > quotas.servers_per_job:
        raise _exceeded(SERVERS_PER_JOB, f"A job can hold {quotas.servers_per_job} servers, not {len(server_ids)}")
    requested = set(server_ids)
    for job in target.active.values():
        busy = requested & job.participants.keys()
        if busy:
            first = min(busy)
            raise Conflict(
                f"{len(busy)} of the source servers are in a job that has not ended: {first} is in {job.id}",
                resourceId=first,
                resourceType="SourceServer",
            )
    jobs, servers = target.count_load()
    if jobs >= quotas.jobs_in_progress:
        raise _exceeded(JOBS_IN_PROGRESS, f"{jobs} jobs are in progress, and the quota is {quotas.jobs_in_progress}")
    if servers + len(server_ids) > quotas.servers_in_jobs:
        raise _exceeded(
            SERVERS_IN_JOBS,
            f"{servers} servers are in jobs; {len(server_ids)} more would exceed the quota of {quotas.servers_in_jobs}",
        )


def _exceeded(quota_code: str, message: str) -> QuotaExceeded:
    return QuotaExceeded(message, resourceType="Job", serviceCode="drs", quotaCode=quota_code)
