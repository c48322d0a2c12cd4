"""Chunks of a clean-up: at most a hundred recovery instances of one target, which one DRS job terminates.

Each is a row of the executions table, CLEANUP#run#target#number, and moves on as its job does.
"""

from collections import defaultdict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws.caught_errors import CaughtError
from recovery.cache import recovery_instances
from recovery.domain import batch
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, ChunkStatus
from recovery.domain.drs_shapes import Job, LaunchStatus
from recovery.domain.execution import ServerStatus
from recovery.domain.polling import EXPECTED_TERMINATION_SECONDS, MIN_POLL_SECONDS, CapacityCheck, JobPoll
from recovery.domain.target import Target
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import DrsRefused, DrsWavesError, LateMessage, QuotaExceeded, ServerBusy
from recovery.settings import settings
from recovery.store import cleanups, executions

logger = Logger(child=True)


# --- cutting ---------------------------------------------------------------------------------------------------
def split_into_chunks(execution_id: str, run: int) -> list[Chunk]:
    """By target, at most as many instances as a DRS job takes servers, and of equal length."""
    by_target: dict[Target, dict[str, str]] = defaultdict(dict)
    for instance in recovery_instances.find_by_execution(execution_id):
        if instance.is_drill:
            by_target[instance.target][instance.instance_id] = instance.server_id
    for target, found in _launched_but_not_cached(execution_id).items():
        by_target[target] |= found
    return [
        Chunk(ChunkRef(execution_id, run, target, number), {instance_id: found[instance_id] for instance_id in part})
        for target, found in sorted(by_target.items())
        for number, part in enumerate(batch.split_into_batches(found, settings().servers_per_job), start=1)
    ]


def _launched_but_not_cached(execution_id: str) -> dict[Target, dict[str, str]]:
    """Instances that the record says were launched, but for those that the cache, read since, knows better of.

    A row of the cache that is older than the launch tells of an instance before it, and the index by execution may
    be a moment behind the row.
    """
    launched = [
        row for row in executions.query_rows(execution_id, "SERVER#") if row["status"] == ServerStatus.LAUNCHED.value
    ]
    known = recovery_instances.get_all_rows_by_server(row["sourceServerId"] for row in launched)
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
    """Start the chunk's job once, however often this is called. Raise LateMessage, and what DRS raises.

    Nothing is described before: instances that DRS does not know any more make it refuse, and only then it is asked
    which. After ServerBusy and QuotaExceeded the capacity is given back, for others to use while it waits.
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
    """The job, or None when no instance is left to terminate."""
    if not chunk.left:
        return None
    try:
        job = drs.terminate_recovery_instances(chunk.ref.target, chunk.left)
    except DrsRefused:
        known, _ = drs.describe_recovery_instances(chunk.ref.target, chunk.left)
        there = {instance.instance_id for instance in known}
        if there >= set(chunk.left):  # it is not that they are gone
            raise
        cleanups.record_gone(
            chunk, [*chunk.gone, *(instance_id for instance_id in chunk.left if instance_id not in there)]
        )
        return _start_job(cleanups.get_chunk(chunk.ref))
    _tag_job(chunk, job)
    return job


def _tag_job(chunk: Chunk, job: Job) -> None:
    """Without the tags a job is counted beside its own lease for as long as it runs, and looks like somebody else's."""
    tags = {
        "drs-waves:execution": chunk.ref.execution_id,
        "drs-waves:cleanup": str(chunk.ref.run),
        "drs-waves:batch": chunk.ref.key,
        "drs-waves:attempt": str(chunk.lease_attempt),
    }
    try:
        drs.tag_job(chunk.ref.target, job, tags)
    except DrsWavesError as error:
        logger.warning("job not tagged", extra={"job": job.job_id, "reason": error.message})


def _find_job(chunk: Chunk) -> Job | None:
    if chunk.intent_at is None:
        return None
    servers = {chunk.instances[instance_id] for instance_id in chunk.left}
    return drs.find_termination_job(chunk.ref.target, servers, chunk.intent_at)


def poll_chunk(ref: ChunkRef, job_id: str) -> JobPoll:
    """Look at the job once."""
    return JobPoll.of_job(drs.describe_job(ref.target, job_id), EXPECTED_TERMINATION_SECONDS)


def settle_chunk(ref: ChunkRef, error: CaughtError | None) -> tuple[Chunk, JobPoll | None]:
    """Take what is gone out of the cache and keep what is not, each with its reason; give the capacity back.

    An error alone fails no instance: if DRS has the chunk's job, its word counts, and one that still runs is to be
    followed on (the JobPoll).
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED:
        return chunk, None
    job = _current_job(chunk)
    if job and not job.is_completed:
        cleanups.record_job(chunk, job)
        return chunk, JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)
    by_server = {launch.server_id: launch.status for launch in job.launches} if job else {}
    statuses = {instance_id: by_server.get(server_id) for instance_id, server_id in chunk.instances.items()}
    gone = sorted({*chunk.gone, *(each for each in chunk.left if statuses[each] == LaunchStatus.TERMINATED)})
    why = str(error or "no job was started")
    failed = {
        each: f"{job.job_id}: {_failure_reason(statuses[each])}" if job else why
        for each in chunk.instances
        if each not in gone
    }
    for instance_id in gone:
        began_at = clock.parse_iso(job.created_at) if job and instance_id not in chunk.gone else 0
        recovery_instances.mark_terminated(chunk.instances[instance_id], instance_id, began_at)
    # First the lease, then the chunk's last word: killed in between, the next try does both again.
    capacity_leases.release_lease(chunk, chunk.lease_attempt)
    cleanups.settle_chunk(ref, gone, failed, job.job_id if job else None)
    return cleanups.get_chunk(ref), None


def _current_job(chunk: Chunk) -> Job | None:
    """The chunk's job as DRS has it now, found by what it does if its id never came back."""
    if chunk.job_id is None:
        return _find_job(chunk) if chunk.left else None
    try:
        return drs.describe_job(chunk.ref.target, chunk.job_id)
    except DrsRefused:  # DRS no longer knows it
        return None


def _failure_reason(status: str | None) -> str:
    return f"launch status {status}, not TERMINATED" if status else "the job does not name this instance"
