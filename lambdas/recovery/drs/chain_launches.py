"""What DRS has of a chain of runs in one target at this moment: its launch jobs, and the instances that exist."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recovery import clock, job_tags
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs import ec2
from recovery.drs.visibility import SHOWN_WITHIN_SECONDS, UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS
from recovery.store.chains import Chain, RecordedLaunches


@dataclass(frozen=True, slots=True)
class ChainLaunches:
    """The launch jobs of a chain in a target that DRS still knows, and instances, both by id.

    `instances` were launched by these jobs and exist. `others` exist too, but belong to other launches of the same
    servers. `pending` is why DRS may show more of them soon; None if it shows all that the chain has launched.
    """

    recorded: RecordedLaunches
    jobs: Mapping[str, Job]
    instances: Mapping[str, LaunchedInstance]
    others: Mapping[str, LaunchedInstance]
    pending: str | None = None

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
    listed = drs.find_recovery_instances(target, servers)
    existing = [instance for instance in listed if instance.exists]
    job_ids = recorded.job_ids | jobs.keys()
    instances = {each.instance_id: each for each in existing if _is_instance_of_chain(each, job_ids, recorded)}
    others = {each.instance_id: each for each in existing if each.instance_id not in instances}
    pending = _find_pending_job(recorded, jobs) or _find_hidden_instances(target, recorded, jobs, listed)
    return ChainLaunches(recorded, jobs, instances, others, pending)


def _find_pending_job(recorded: RecordedLaunches, jobs: Mapping[str, Job]) -> str | None:
    """A job of the chain that has not ended, or that DRS need not show yet."""
    for job in jobs.values():
        if not job.is_completed:
            return f"{job.job_id} is still running"
    for job_id, since in recorded.started.items():
        if job_id not in jobs and _age(since) < VISIBLE_WITHIN_SECONDS:
            return f"DRS does not show {job_id}, which was started at {since}"
    found = {job.started_by for job in jobs.values()}
    for attempt, since in recorded.unanswered.items():
        if attempt not in found and _age(since) < UNANSWERED_SECONDS:
            return f"there was no answer to the StartRecovery of {since}, and its job may still appear"
    return None


def _find_hidden_instances(
    target: Target, recorded: RecordedLaunches, jobs: Mapping[str, Job], listed: Iterable[LaunchedInstance]
) -> str | None:
    """A job that launched instances a moment ago which DRS does not list yet. EC2 is asked for those on record."""
    missing = _list_missing(jobs.values(), listed)
    known = {(server.server_id, server.job_id): server.instance_id for server in recorded.servers}
    on_record = sorted(filter(None, map(known.get, missing)))
    in_ec2, _ = ec2.describe_instances(target, on_record) if on_record else ({}, 0)
    left = {instance_id for instance_id, instance in in_ec2.items() if instance.exists}
    for server_id, job_id in missing:
        instance_id = known.get((server_id, job_id))
        if instance_id is None or instance_id in left:
            return f"DRS does not show the instance of {server_id} that {job_id} launched"
    return None


def _list_missing(jobs: Iterable[Job], listed: Iterable[LaunchedInstance]) -> list[tuple[str, str]]:
    """The servers that jobs launched a moment ago and whose instances are not listed, each with its job."""
    shown = {(instance.server_id, instance.job_id) for instance in listed}
    recent = [job for job in jobs if job.ended_at and _age(job.ended_at) < SHOWN_WITHIN_SECONDS]
    launched = [
        (launch.server_id, job.job_id)
        for job in recent
        for launch in job.launches
        if launch.status == LaunchStatus.LAUNCHED
    ]
    return [
        (server_id, job_id) for server_id, job_id in launched if not {(server_id, job_id), (server_id, None)} & shown
    ]


def _age(moment: str) -> float:
    return clock.now() - clock.parse_iso(moment)


def _is_of_chain(job: Job, chain: Chain, recorded: RecordedLaunches) -> bool:
    return job.job_id in recorded.job_ids or job_tags.read_execution(job.tags) in chain.execution_ids


def _is_instance_of_chain(instance: LaunchedInstance, job_ids: frozenset[str], recorded: RecordedLaunches) -> bool:
    """Whether a job of the chain launched it; if DRS does not name the job, the record has to name the instance."""
    if instance.job_id:
        return instance.job_id in job_ids
    return recorded.instances.get(instance.instance_id) == instance.server_id
