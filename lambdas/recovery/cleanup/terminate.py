"""Terminates the instances of a drill in chunks: at most a hundred instances of one target, in one DRS job.

DRS's instances decide, not its jobs: a termination job may end with no participants, or name them without a status. An
instance that DRS no longer lists, or lists as terminated, is gone.
"""

from collections.abc import Collection, Mapping

from aws_lambda_powertools import Logger

from recovery import clock, job_tags
from recovery.cache import recovery_instances
from recovery.domain.caught_errors import CaughtError
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, ChunkStatus
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import Mode
from recovery.domain.polling import EXPECTED_TERMINATION_SECONDS, MIN_POLL_SECONDS, CapacityCheck, JobPoll
from recovery.drs import capacity_leases, ec2
from recovery.drs import client as drs
from recovery.errors import (
    DrsRefused,
    DrsUnavailable,
    DrsWavesError,
    LateMessage,
    NotADrill,
    QuotaExceeded,
    ServerBusy,
    Transient,
)
from recovery.store import cleanups

logger = Logger(child=True)

# DRS may show a new job, or the end of an instance, later than it happens.
VISIBILITY_SECONDS = 300

# DRS refuses a job with an instance that it no longer knows. After this many refusals in a row the reason is another.
MAX_START_ATTEMPTS = 3


# --- start ------------------------------------------------------------------------------------------------------
def check_capacity(ref: ChunkRef, checks: int) -> CapacityCheck:
    """Lease capacity for the chunk's job; `checks` counts the checks before this one.

    Raise LateMessage when the chunk is settled, JobTooLarge.
    """
    chunk = _get_open_chunk(ref)
    return CapacityCheck(capacity_leases.acquire_lease(chunk), chunk.lease_attempt, checks + 1)


def terminate_chunk(ref: ChunkRef) -> JobPoll:
    """Start the chunk's job, or return the one that was started. Raise NotADrill, LateMessage, and what DRS raises.

    After ServerBusy and QuotaExceeded the capacity is released, so that others can use it while the chunk waits.
    """
    if Mode.of_run(ref.execution_id) is not Mode.DRILL:
        raise NotADrill(f"{ref.key} is of a run that is no drill")
    chunk = _get_open_chunk(ref)
    if chunk.job_id:
        return JobPoll(chunk.job_id, False, MIN_POLL_SECONDS, EXPECTED_TERMINATION_SECONDS)
    try:
        job = _find_job(chunk) or _start_job(chunk)
    except (ServerBusy, QuotaExceeded):
        capacity_leases.release_lease(chunk, chunk.lease_attempt)
        raise
    if job is None:
        return JobPoll(None, True, 0, EXPECTED_TERMINATION_SECONDS)
    cleanups.record_job(chunk, job)
    return JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)


def _get_open_chunk(ref: ChunkRef) -> Chunk:
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    return chunk


def _start_job(chunk: Chunk) -> Job | None:
    """Start a job for those instances that DRS calls a drill's at this moment; None when there are none.

    An earlier call whose answer was lost may have started a job that DRS does not show. Its instances are then gone or
    shutting down, and so left out; or still in that job, and DRS answers ServerBusy.
    """
    target = chunk.ref.target
    for attempt in range(1, MAX_START_ATTEMPTS + 1):
        known = _describe(chunk)
        asked = [each for each in chunk.remaining if each in known and _reason_to_keep(known[each]) is None]
        if not asked:
            return None
        if not cleanups.record_intent(chunk, asked):
            raise LateMessage(f"{chunk.ref.key} has moved on")
        try:
            job = drs.terminate_recovery_instances(target, asked)
        except DrsRefused:
            if attempt == MAX_START_ATTEMPTS or set(asked) <= _describe(chunk).keys():
                raise  # DRS refused the job for another reason than an instance that has gone
        else:
            _tag_job(chunk, job)
            return job
    return None


def _describe(chunk: Chunk) -> dict[str, LaunchedInstance]:
    """The instances of the chunk that exist, as DRS describes them now."""
    if not chunk.remaining:
        return {}
    known, _ = drs.describe_recovery_instances(chunk.ref.target, chunk.remaining)
    return {instance.instance_id: instance for instance in known if instance.exists}


def _reason_to_keep(instance: LaunchedInstance) -> str | None:
    """Why the instance must not be terminated; None for one that DRS calls a drill's."""
    return None if instance.is_drill else "DRS does not call it an instance of a drill, so it is left alone"


def _tag_job(chunk: Chunk, job: Job) -> None:
    """Tag the job. An untagged one would count twice against the quotas: as our lease and as a job of others."""
    ref = chunk.ref
    tags = job_tags.build_termination_tags(ref.execution_id, ref.run, ref.key, chunk.lease_attempt)
    try:
        drs.tag_job(chunk.ref.target, job, tags)
    except DrsWavesError as error:
        logger.warning("job not tagged", extra={"job": job.job_id, "reason": error.message})


def _find_job(chunk: Chunk) -> Job | None:
    """The job that an earlier invocation started and did not record, as far as DRS's jobs show it."""
    if chunk.intent_at is None:
        return None
    servers = {chunk.instances[instance_id] for instance_id in chunk.asked}
    started_by = (chunk.ref.key, str(chunk.lease_attempt))
    return drs.find_termination_job(chunk.ref.target, started_by, servers, chunk.intent_at)


# --- poll -------------------------------------------------------------------------------------------------------
def poll_chunk(ref: ChunkRef, job_id: str) -> JobPoll:
    """Poll the job once. Raise DrsUnavailable while DRS does not show it, and what DRS raises."""
    job = drs.get_jobs(ref.target, [job_id]).get(job_id)
    if job is None:
        raise DrsUnavailable(f"{ref.target.key}: DRS does not show {job_id}")
    return JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)


# --- settle -----------------------------------------------------------------------------------------------------
def settle_chunk(ref: ChunkRef, error: CaughtError | None) -> tuple[Chunk, JobPoll | None]:
    """Mark the instances that are gone, record the reason for each other one, and release the capacity.

    An error alone does not make an instance fail: DRS is asked which instances exist. Return a JobPoll if the chunk's
    job still runs, or has just ended and DRS still lists its instances.
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        return chunk, None
    job, problem = None, str(error or "no job was started")
    if chunk.intent_at is None and error:
        failed = dict.fromkeys(chunk.remaining, problem)
    else:
        job = _find_current_job(chunk)
        if job and not job.is_completed:
            cleanups.record_job(chunk, job)
            return chunk, JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)
        failed = _find_instances_left(chunk, job, problem)
        if _is_too_early(chunk, job, failed):
            job_id = job.job_id if job else chunk.job_id
            return chunk, JobPoll(job_id, False, MIN_POLL_SECONDS, EXPECTED_TERMINATION_SECONDS)
    terminated = [instance_id for instance_id in chunk.instances if instance_id not in failed]
    began_at = clock.parse_iso(job.created_at) if job else 0
    for instance_id in terminated:
        since = began_at if instance_id in chunk.asked else 0
        recovery_instances.mark_terminated(chunk.instances[instance_id], instance_id, since)
    # Release the lease before settling the chunk: if killed in between, the next invocation does both again.
    capacity_leases.release_lease(chunk, chunk.lease_attempt)
    cleanups.settle_chunk(ref, sorted(terminated), failed, job.job_id if job else chunk.job_id)
    return cleanups.get_chunk(ref), None


def _find_instances_left(chunk: Chunk, job: Job | None, problem: str) -> dict[str, str]:
    """The instances that are not gone, with the reasons. Raise the passing errors of DRS and EC2."""
    try:
        known = _describe(chunk)
        unlisted = [each for each in chunk.remaining if each not in known and each not in chunk.asked]
        forgotten = _find_forgotten(chunk, unlisted)
    except Transient:
        raise
    except DrsWavesError as error:
        return dict.fromkeys(chunk.remaining, f"{problem}; DRS could not be asked about it: {error.message}")
    statuses = {launch.server_id: launch.status for launch in job.launches} if job else {}
    failed = {}
    for instance_id, instance in known.items():
        if reason := _reason_to_keep(instance):
            failed[instance_id] = reason
        elif job and instance_id in chunk.asked:
            status = statuses.get(chunk.instances[instance_id])
            said = f"launch status {status}; " if status else ""
            failed[instance_id] = f"{job.job_id}: {said}DRS still lists it as {instance.state or 'there'}"
        else:
            failed[instance_id] = problem
    return {**failed, **forgotten}


def _find_forgotten(chunk: Chunk, instance_ids: Collection[str]) -> Mapping[str, str]:
    """The instances among these that EC2 still has although DRS does not list them, with the reasons."""
    if not instance_ids:
        return {}
    left, _ = ec2.describe_instances(chunk.ref.target, sorted(instance_ids))
    return {
        each: f"DRS no longer knows it, but EC2 has it as {left[each].state}; terminate it in EC2"
        for each in instance_ids
        if each in left and left[each].exists
    }


def _is_too_early(chunk: Chunk, job: Job | None, failed: Mapping[str, str]) -> bool:
    """Whether DRS may not show yet what the chunk's job has done; never when it calls each instance left failed."""
    if not any(instance_id in chunk.asked for instance_id in failed):
        return False
    if job is None:
        started_at = chunk.started_at or chunk.intent_at
        return bool(chunk.job_id and started_at) and _age(started_at) < VISIBILITY_SECONDS
    refused = {launch.server_id for launch in job.launches if launch.status == LaunchStatus.FAILED}
    has_unknown = any(chunk.instances[each] not in refused for each in failed if each in chunk.asked)
    return has_unknown and _age(job.ended_at or job.created_at) < VISIBILITY_SECONDS


def _age(moment: str | None) -> float:
    return clock.now() - clock.parse_iso(moment) if moment else float("inf")


def _find_current_job(chunk: Chunk) -> Job | None:
    """The chunk's job as DRS describes it now, found by its tags or servers if its id was never recorded."""
    if chunk.job_id is None:
        return _find_job(chunk)
    return drs.get_jobs(chunk.ref.target, [chunk.job_id]).get(chunk.job_id)
