"""What DRS has of a chain of runs in one target at this moment: its launch jobs, and the instances that exist."""

from collections.abc import Mapping
from dataclasses import dataclass

from recovery import job_tags
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.store.chains import Chain, RecordedLaunches


@dataclass(frozen=True, slots=True)
class ChainLaunches:
    """The launch jobs of a chain in a target that DRS still knows, and instances, both by id.

    `instances` were launched by these jobs and exist. `others` exist too, but belong to other launches of the same
    servers.
    """

    recorded: RecordedLaunches
    jobs: Mapping[str, Job]
    instances: Mapping[str, LaunchedInstance]
    others: Mapping[str, LaunchedInstance]

    @property
    def running_job(self) -> Job | None:
        """A job that has not ended, so its results are not known yet."""
        return next((job for job in self.jobs.values() if not job.is_completed), None)

    def has_launched(self, instance: LaunchedInstance) -> bool:
        """Whether the launch that made the instance succeeded.

        DRS may give no launch status; then the record counts. An instance that neither calls failed has been launched.
        """
        job = self.jobs.get(instance.job_id or "")
        statuses = {launch.status for launch in job.launches if launch.server_id == instance.server_id} if job else ()
        if LaunchStatus.LAUNCHED in statuses:
            return True
        results = {
            server.status
            for server in self.recorded.servers
            if server.server_id == instance.server_id
            and (server.job_id == instance.job_id or server.instance_id == instance.instance_id)
        }
        if ServerStatus.LAUNCHED in results:
            return True
        return LaunchStatus.FAILED not in statuses and ServerStatus.FAILED not in results


def read_launches(target: Target, chain: Chain, recorded: RecordedLaunches) -> ChainLaunches:
    """Ask DRS for the chain's launch jobs and for the recovery instances of their servers. Raise what DRS raises."""
    jobs = {
        job.job_id: job
        for job in drs.list_jobs_since(target, chain.first.requested_at)
        if not job.is_termination and _is_of_chain(job, chain, recorded)
    }
    servers = recorded.server_ids.union(launch.server_id for job in jobs.values() for launch in job.launches)
    existing = [instance for instance in drs.find_recovery_instances(target, servers) if instance.exists]
    job_ids = recorded.job_ids | jobs.keys()
    instances = {each.instance_id: each for each in existing if _is_instance_of_chain(each, job_ids, recorded)}
    others = {each.instance_id: each for each in existing if each.instance_id not in instances}
    return ChainLaunches(recorded, jobs, instances, others)


def _is_of_chain(job: Job, chain: Chain, recorded: RecordedLaunches) -> bool:
    return job.job_id in recorded.job_ids or job_tags.read_execution(job.tags) in chain.execution_ids


def _is_instance_of_chain(instance: LaunchedInstance, job_ids: frozenset[str], recorded: RecordedLaunches) -> bool:
    """Whether a job of the chain launched it; if DRS does not name the job, the record has to name the instance."""
    if instance.job_id:
        return instance.job_id in job_ids
    return recorded.instances.get(instance.instance_id) == instance.server_id
