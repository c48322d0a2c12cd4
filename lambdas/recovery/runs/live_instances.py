"""Finds what must not be launched: servers of no inspection, and what would destroy something live.

That is live recovery instances, and instances that DRS launches into.

Before a launch, DRS deletes the server's earlier recovery instance, one of a drill as well as one of a recovery. A
launch configuration can also name an existing EC2 instance, whose disks a launch replaces. The answers come from DRS
and EC2, never from the cache, and an answer that is missing lets nothing be launched: the errors pass to the caller.
"""

from collections.abc import Collection, Iterable, Mapping

from recovery import clock, job_tags
from recovery.domain.batch import Batch, BatchRef
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs import ec2
from recovery.drs.visibility import SHOWN_WITHIN_SECONDS
from recovery.errors import NothingToLaunch, ServerBusy, TargetAccessDenied
from recovery.store import inspections
from recovery.wording import name_first

# Servers that an error names.
MAX_NAMES = 3

# `initiatedBy` of jobs after which a server has no live recovery instance of theirs (botocore's drs model).
_LAUNCHES_NOTHING_LIVE = frozenset(("START_DRILL", "TERMINATE_RECOVERY_INSTANCES", "DIAGNOSTIC"))


def require_members(batch: Batch) -> None:
    """Raise NothingToLaunch if the batch has a server that inspection did not find for its wave and target.

    Many functions can write the row of a batch, and only inspection the members of a wave.
    """
    ref = batch.ref
    members = inspections.get_members(ref.execution_id, ref.wave, ref.target)
    if strangers := [server_id for server_id in batch.server_ids if server_id not in members]:
        named = name_first(sorted(strangers), MAX_NAMES)
        raise NothingToLaunch(f"{ref.key} names servers that inspection did not find for its wave: {named}")


def find_obstacles(
    target: Target, server_ids: Collection[str], launches_into: Mapping[str, str], jobs: Iterable[Job] = ()
) -> dict[str, str]:
    """Why a launch of each of these servers would destroy something live; servers without a reason are left out.

    `launches_into` has the EC2 instance that DRS launches a server into, by server, "" for a new one. `jobs` are jobs
    of the target that the caller has read before. Ask DRS once for each 200 servers, and EC2 only if some are launched
    into an instance. Raise what DRS and EC2 raise.
    """
    instances = drs.find_instances_of(target, server_ids)
    wanted = {launches_into.get(server_id, "") for server_id in server_ids} - {""}
    existing = _find_existing(target, wanted) if wanted else set()
    launched = find_recent_launches(jobs, clock.now())
    return describe_obstacles(server_ids, instances, launches_into, existing, launched)


def describe_obstacles(
    server_ids: Iterable[str],
    instances: Iterable[LaunchedInstance],
    launches_into: Mapping[str, str],
    existing: Collection[str],
    launched: Mapping[str, Job],
) -> dict[str, str]:
    """The reasons, from the recovery instances of the servers, the EC2 instances that exist, and recent launches."""
    instances = list(instances)
    shown = {(instance.server_id, instance.job_id) for instance in instances}
    live = {instance.server_id: instance for instance in instances if instance.is_live}
    found = {}
    for server_id in server_ids:
        if instance := live.get(server_id):
            launched_by = f" of {instance.job_id}" if instance.job_id else ""
            state = instance.state or "in a state that DRS does not tell"
            found[server_id] = (
                f"its recovery instance {instance.instance_id or 'without an id'}{launched_by} is live ({state}), "
                "and a launch would replace it"
            )
        elif (into := launches_into.get(server_id)) and into in existing:
            found[server_id] = f"its launch configuration launches into instance {into}, which a launch would overwrite"
        elif (job := launched.get(server_id)) and (server_id, job.job_id) not in shown:
            found[server_id] = f"{job.job_id} launched it at {job.ended_at}, and DRS does not show the instance yet"
    return found


def find_recent_launches(jobs: Iterable[Job], now: float) -> dict[str, Job]:
    """The job that launched a server for a recovery a moment ago, by server, if no job has had the server since.

    DRS may not show the instance yet. A job that does not say who started it, or how the launch ended, counts.
    """
    newest: dict[str, tuple[float, Job, str]] = {}
    for job in jobs:
        created_at = clock.parse_iso(job.created_at)
        for launch in job.launches:
            if launch.server_id not in newest or created_at > newest[launch.server_id][0]:
                newest[launch.server_id] = (created_at, job, launch.status)
    return {server_id: job for server_id, (_, job, status) in newest.items() if _is_recent_launch(job, status, now)}


def _is_recent_launch(job: Job, status: str, now: float) -> bool:
    """Whether a recovery launched a server with this launch status a moment ago, or may have."""
    return (
        job.is_completed
        and job.initiated_by not in _LAUNCHES_NOTHING_LIVE
        and status not in (LaunchStatus.FAILED, LaunchStatus.TERMINATED)
        and now - clock.parse_iso(job.ended_at or job.created_at) < SHOWN_WITHIN_SECONDS
    )


def require_named_launches(ref: BatchRef, jobs: Iterable[Job], now: float) -> None:
    """Raise ServerBusy while a job of a recovery that ended a moment ago does not say which servers it launched.

    They may be servers of this batch whose instances DRS does not show yet. Other batches of its run have other
    servers. A job without the time of its end is not waited for, because that wait would have no end.
    """
    for job in jobs:
        is_of_run = job_tags.read_execution(job.tags) == ref.execution_id and job.started_by[0] != ref.key
        statuses = [launch.status for launch in job.unnamed] or ([] if job.launches else [LaunchStatus.PENDING])
        if job.ended_at and not is_of_run and any(_is_recent_launch(job, status, now) for status in statuses):
            raise ServerBusy(f"{ref.target.key}: {job.job_id} ended at {job.ended_at} and does not name its servers")


def _find_existing(target: Target, instance_ids: Collection[str]) -> set[str]:
    """Those of the instances that EC2 has, or may have: without the permission to ask, each counts as existing."""
    try:
        found, _ = ec2.describe_instances(target, sorted(instance_ids))
    except TargetAccessDenied:
        return set(instance_ids)
    return {instance_id for instance_id, instance in found.items() if instance.exists}
