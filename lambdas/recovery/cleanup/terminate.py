"""Terminates the instances of a drill in chunks: at most a hundred instances of one target, as a rule in one DRS job.

DRS refuses a whole job for one server that is in another job. Such a server is left to a further job of the chunk, so
that the others do not wait for it.

DRS's instances decide, not its jobs: a termination job may end with no participants, or name them without a status. An
instance that DRS no longer lists, or lists as terminated, is gone.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from recovery import clock, job_tags
from recovery.cache import recovery_instances
from recovery.domain.caught_errors import CaughtError
from recovery.domain.cleanup_chunk import Chunk, ChunkRef, ChunkStatus
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import Mode
from recovery.domain.polling import EXPECTED_TERMINATION_SECONDS, MIN_POLL_SECONDS, CapacityCheck, JobPoll
from recovery.drs import busy_servers, capacity_leases, ec2
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

    Those whose servers are found in a conflict are left out. Raise ServerBusy if no others are left.

    An earlier call whose answer was lost may have started a job that DRS does not show. Its instances are then gone or
    shutting down, and so left out; or still in that job, and DRS answers ServerBusy.
    """
    target, left_out = chunk.ref.target, chunk.left_out
    for attempt in range(1, MAX_START_ATTEMPTS + 1):
        ours = sorted(each for each, known in _describe(chunk).items() if _reason_to_keep(known) is None)
        if not ours:
            return None
        if left_out >= set(ours):  # what waits alone is asked for again, because the conflicts may have ended
            left_out = frozenset()
        asked = _leave_out(ours, left_out, chunk.conflicts)
        if not cleanups.record_intent(chunk, asked):
            raise LateMessage(f"{chunk.ref.key} has moved on")
        try:
            job = drs.terminate_recovery_instances(target, asked)
        except DrsRefused:
            if attempt == MAX_START_ATTEMPTS or set(asked) <= _describe(chunk).keys():
                raise  # DRS refused the job for another reason than an instance that has gone
        except ServerBusy as error:
            busy = _find_busy(chunk, asked, error)
            left_out |= busy
            if not busy or left_out >= set(ours) or attempt == MAX_START_ATTEMPTS:
                cleanups.record_conflict(chunk, left_out, chunk.conflicts + (not busy))
                raise
        else:
            _tag_job(chunk, job)
            return job
    return None


def _leave_out(ours: list[str], left_out: Collection[str], conflicts: int) -> list[str]:
    """The instances to ask DRS to terminate: those that are not known to be in a conflict.

    After refusals for which no server was found, each try leaves out another tenth, to find out whether one of those is
    the cause: a refused call starts nothing.
    """
    asked = [each for each in ours if each not in left_out]
    if not conflicts or len(asked) == 1:
        return asked
    parts = min(busy_servers.PARTS, len(asked))
    skipped = asked[(conflicts - 1) % parts :: parts]
    return [each for each in asked if each not in skipped]


def _find_busy(chunk: Chunk, asked: Collection[str], refusal: ServerBusy) -> frozenset[str]:
    """The instances that the refusal names, or whose servers are in a job that has not ended."""
    named = busy_servers.server_id_of(str(refusal.facts.get("resource", "")))
    servers, target = {chunk.instances[each] for each in asked}, chunk.ref.target
    holds = busy_servers.find_job_holds(target, drs.list_live_jobs(target), servers, clock.now())
    return frozenset(each for each in asked if named in (each, chunk.instances[each]) or chunk.instances[each] in holds)


def _describe(chunk: Chunk) -> dict[str, LaunchedInstance]:
    """The instances of the chunk that exist, as DRS describes them now."""
    if not chunk.remaining:
        return {}
    known, _ = drs.describe_recovery_instances(chunk.ref.target, chunk.remaining)
    # Of two records of one instance, the one that calls it no drill's counts.
    in_order = sorted(known, key=lambda instance: not instance.is_drill)
    return {instance.instance_id: instance for instance in in_order if instance.exists}


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
@dataclass(frozen=True, slots=True)
class _Left:
    """The instances that are not gone: those that `failed`, with the reasons, and those that no job was asked for."""

    failed: Mapping[str, str]
    unasked: frozenset[str] = frozenset()


def settle_chunk(ref: ChunkRef, error: CaughtError | None) -> tuple[Chunk, JobPoll | None]:
    """Mark the instances that are gone, record the reason for each other one, and release the capacity.

    An error alone does not make an instance fail: DRS is asked which instances exist. Return a JobPoll if the chunk's
    job still runs, or has just ended and DRS still lists its instances. Without an error, instances that were left out
    of the job are left to the next part, and the chunk `waits`.
    """
    chunk = cleanups.get_chunk(ref)
    if chunk.status is ChunkStatus.SETTLED or (chunk.waits and not error):  # an earlier invocation has done it
        return chunk, None
    problem = str(error or "no job was started")
    if chunk.intent_at is None and error:
        _record_results(chunk, None, _Left(dict.fromkeys(chunk.remaining, problem)), problem)
        return cleanups.get_chunk(ref), None
    job = _find_current_job(chunk)
    if job and not job.is_completed:
        cleanups.record_job(chunk, job)
        return chunk, JobPoll.of_job(job, EXPECTED_TERMINATION_SECONDS)
    left = _find_instances_left(chunk, job, problem)
    if _is_too_early(chunk, job, left.failed):
        job_id = job.job_id if job else chunk.job_id
        return chunk, JobPoll(job_id, False, MIN_POLL_SECONDS, EXPECTED_TERMINATION_SECONDS)
    _record_results(chunk, job, left, problem if error else None)
    return cleanups.get_chunk(ref), None


def _record_results(chunk: Chunk, job: Job | None, left: _Left, problem: str | None) -> None:
    """Record what is gone and what failed. Begin the next part for what was not asked for, or fail that by `problem`.

    The lease is released before the chunk is written: if the function is killed in between, the next invocation does
    both again.
    """
    failed = {**chunk.failed, **left.failed}
    gone = sorted(chunk.instances.keys() - failed.keys() - left.unasked)
    _mark_gone(chunk, gone, clock.parse_iso(job.created_at) if job else 0)
    capacity_leases.release_lease(chunk, chunk.lease_attempt)
    job_id = job.job_id if job else chunk.job_id
    if left.unasked and job_id and problem is None:
        cleanups.begin_part(chunk, gone, failed, job_id)
    else:
        unasked = dict.fromkeys(left.unasked, problem or "no job was started")
        cleanups.settle_chunk(chunk, gone, {**failed, **unasked}, job_id)


def _mark_gone(chunk: Chunk, gone: Collection[str], began_at: float) -> None:
    """Mark the instances in the cache. `began_at` is the start of the job that was asked to terminate some of them."""
    for instance_id in gone:
        if chunk.part == 1 or instance_id in chunk.remaining:  # else an earlier part has done it
            since = began_at if instance_id in chunk.asked else 0
            recovery_instances.mark_terminated(chunk.instances[instance_id], instance_id, since)


def _find_instances_left(chunk: Chunk, job: Job | None, problem: str) -> _Left:
    """The instances that are not gone. Raise the passing errors of DRS and EC2."""
    try:
        known = _describe(chunk)
        unlisted = [each for each in chunk.remaining if each not in known and each not in chunk.asked]
        forgotten = _find_forgotten(chunk, unlisted)
    except Transient:
        raise
    except DrsWavesError as error:
        unread = f"{problem}; DRS could not be asked about it: {error.message}"
        return _Left(dict.fromkeys(chunk.remaining, unread))
    statuses = {launch.server_id: launch.status for launch in job.launches} if job else {}
    failed, unasked = dict[str, str](), set[str]()
    for instance_id, instance in known.items():
        if reason := _reason_to_keep(instance):
            failed[instance_id] = reason
        elif instance_id not in chunk.asked:
            unasked.add(instance_id)
        elif job:
            status = statuses.get(chunk.instances[instance_id])
            said = f"launch status {status}; " if status else ""
            failed[instance_id] = f"{job.job_id}: {said}DRS still lists it as {instance.state or 'there'}"
        else:
            failed[instance_id] = problem
    return _Left({**failed, **forgotten}, frozenset(unasked))


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
