"""Terminates the instances of a drill in chunks: at most a hundred instances of one target, in one DRS job."""

from collections import defaultdict

from aws_lambda_powertools import Logger

from recovery import clock, job_tags
from recovery.cache import recovery_instances
from recovery.domain import batch
from recovery.domain.caught_errors import CaughtError
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, ChunkStatus
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.polling import EXPECTED_TERMINATION_SECONDS, MIN_POLL_SECONDS, CapacityCheck, JobPoll
from recovery.domain.target import Target
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import DrsRefused, DrsWavesError, LateMessage, QuotaExceeded, ServerBusy
from recovery.settings import settings
from recovery.store import batches, cleanups

logger = Logger(child=True)


# --- chunks ----------------------------------------------------------------------------------------------------
def split_into_chunks(execution_id: str, run: int) -> list[Chunk]:
    """Cut the drill's instances into chunks of one target and about equal length, each small enough for a DRS job."""
    by_target: dict[Target, dict[str, str]] = defaultdict(dict)
    for instance in recovery_instances.find_by_execution(execution_id):
        if instance.is_drill:
            by_target[instance.target][instance.instance_id] = instance.server_id
    for target, instances in _find_uncached(execution_id).items():
        by_target[target] |= instances
    return [
        Chunk(ChunkRef(execution_id, run, target, number), {key: instances[key] for key in part})
        for target, instances in sorted(by_target.items())
        for number, part in enumerate(batch.split_into_batches(instances, settings().servers_per_job), start=1)
    ]


def _find_uncached(execution_id: str) -> dict[Target, dict[str, str]]:
    """Instances that the record lists as launched and that the cache does not know to be gone.

    A cache row that is older than the launch describes an earlier instance, so it does not count. The index by
    execution is eventually consistent and may lack a row that the table has.
    """
    launched = batches.list_launched_rows(execution_id)
    known = recovery_instances.get_rows(row["sourceServerId"] for row in launched)
    found: dict[Target, dict[str, str]] = defaultdict(dict)
    for row in launched:
        instance_id, cached = row.get("recoveryInstanceId"), known.get(row["sourceServerId"])
        if not instance_id:
            continue
        is_older = cached is None or int(cached["version"]) / 1000 < clock.parse_iso(row["endedAt"])
        if is_older or (cached and cached.get("recoveryInstanceId") == instance_id):
            found[Target.from_state(row)][instance_id] = row["sourceServerId"]
    return found


# --- terminating ------------------------------------------------------------------------------------------------
def check_capacity(ref: ChunkRef, checks: int) -> CapacityCheck:
    """Lease capacity for the chunk's job; `checks` counts the checks before this one.

    Raise LateMessage when the chunk is settled, CapacityTimeout.
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    return CapacityCheck(capacity_leases.acquire_lease(chunk), chunk.lease_attempt, checks + 1)


def terminate_chunk(ref: ChunkRef) -> JobPoll:
    """Start the chunk's job, or return the one that was started. Raise LateMessage, and what DRS raises.

    DRS refuses a job with an instance that it no longer knows; only then the instances are described. After ServerBusy
    and QuotaExceeded the capacity is released, so that others can use it while the chunk waits.
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    is_reentry = chunk.status is not ChunkStatus.PENDING or not cleanups.record_intent(chunk)
    chunk = cleanups.get_chunk(ref)
    if chunk.job_id:
        return JobPoll(chunk.job_id, False, MIN_POLL_SECONDS, EXPECTED_TERMINATION_SECONDS)
    try:
        job = _find_job(chunk) if is_reentry else None
        job = job or _start_job(chunk)
    except (ServerBusy, QuotaExceeded):
        capacity_leases.release_lease(chunk, chunk.lease_attempt)
        raise
    if job is None:
        return JobPoll(None, True, 0, EXPECTED_TERMINATION_SECONDS)
    cleanups.record_job(chunk, job)
    return JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)


def _start_job(chunk: Chunk) -> Job | None:
    """Start the job; return None when no instance is left to terminate."""
    if not chunk.remaining:
        return None
    try:
        job = drs.terminate_recovery_instances(chunk.ref.target, chunk.remaining)
    except DrsRefused:
        known, _ = drs.describe_recovery_instances(chunk.ref.target, chunk.remaining)
        gone = set(chunk.remaining) - {instance.instance_id for instance in known}
        if not gone:  # DRS refused the job for another reason
            raise
        if not cleanups.record_gone(chunk, [*chunk.gone, *gone]):
            raise LateMessage(f"{chunk.ref.key} has moved on") from None
        return _start_job(cleanups.get_chunk(chunk.ref))
    _tag_job(chunk, job)
    return job


def _tag_job(chunk: Chunk, job: Job) -> None:
    """Tag the job. An untagged one would count twice against the quotas: as our lease and as a job of others."""
    ref = chunk.ref
    tags = job_tags.build_termination_tags(ref.execution_id, ref.run, ref.key, chunk.lease_attempt)
    try:
        drs.tag_job(chunk.ref.target, job, tags)
    except DrsWavesError as error:
        logger.warning("job not tagged", extra={"job": job.job_id, "reason": error.message})


def _find_job(chunk: Chunk) -> Job | None:
    if chunk.intent_at is None:
        return None
    servers = {chunk.instances[instance_id] for instance_id in chunk.remaining}
    return drs.find_termination_job(chunk.ref.target, servers, chunk.intent_at)


def poll_chunk(ref: ChunkRef, job_id: str) -> JobPoll:
    """Poll the job once."""
    return JobPoll.of_job(drs.describe_job(ref.target, job_id), EXPECTED_TERMINATION_SECONDS)


def settle_chunk(ref: ChunkRef, error: CaughtError | None) -> tuple[Chunk, JobPoll | None]:
    """Mark terminated instances as gone, record the reason for each other one, and release the capacity.

    An error alone does not make an instance fail: if DRS has a job for the chunk, use its results, or return a JobPoll
    if it is still running.
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        return chunk, None
    job = _find_current_job(chunk)
    if job and not job.is_completed:
        cleanups.record_job(chunk, job)
        return chunk, JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)
    problem = str(error or "no job was started")
    terminated, failed = _read_results(chunk, job) if job else ([], dict.fromkeys(chunk.remaining, problem))
    for instance_id in chunk.gone:
        recovery_instances.mark_terminated(chunk.instances[instance_id], instance_id)
    for instance_id in terminated:
        began_at = clock.parse_iso(job.created_at) if job else 0
        recovery_instances.mark_terminated(chunk.instances[instance_id], instance_id, began_at)
    # Release the lease before settling the chunk: if killed in between, the next invocation does both again.
    capacity_leases.release_lease(chunk, chunk.lease_attempt)
    cleanups.settle_chunk(ref, sorted({*chunk.gone, *terminated}), failed, job.job_id if job else None)
    return cleanups.get_chunk(ref), None


def _read_results(chunk: Chunk, job: Job) -> tuple[list[str], dict[str, str]]:
    """The instances that the job terminated, and the reason for each other one."""
    statuses = {launch.server_id: launch.status for launch in job.launches}
    terminated, failed = [], {}
    for instance_id in chunk.remaining:
        status = statuses.get(chunk.instances[instance_id])
        if status == LaunchStatus.TERMINATED:
            terminated.append(instance_id)
        else:
            reason = f"launch status {status}, not TERMINATED" if status else "the job does not name this instance"
            failed[instance_id] = f"{job.job_id}: {reason}"
    return terminated, failed


def _find_current_job(chunk: Chunk) -> Job | None:
    """The chunk's job as DRS describes it now, found by its servers if its id was never recorded."""
    if chunk.job_id is None:
        return _find_job(chunk) if chunk.remaining else None
    try:
        return drs.describe_job(chunk.ref.target, chunk.job_id)
    except DrsRefused:  # DRS no longer knows it
        return None
