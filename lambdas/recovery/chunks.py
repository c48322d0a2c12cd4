"""Chunks of a clean-up: at most a hundred recovery instances of one target, which one DRS job terminates.

Each is a row of the executions table, CLEANUP#run#target#number, and moves on as its job does.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from recovery import capacity, clock, decide, drs, dynamo, instances, store, sync
from recovery.batch import split_into_batches
from recovery.drs import Job
from recovery.errors import DrsRefused, DrsWavesError, LateMessage, QuotaExceeded, ServerBusy
from recovery.execution import ServerStatus
from recovery.settings import settings
from recovery.target import Target

logger = Logger(child=True)

# What a job that terminates takes, as far as anybody has said; AWS gives no figure.
EXPECTED_SECONDS = 180


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """Names one chunk of one clean-up; `run` counts the clean-ups of the execution."""

    execution_id: str
    run: int
    target: Target
    number: int

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "ChunkRef":
        """Read the input of a Task state."""
        return cls(event["executionId"], int(event["run"]), Target.from_state(event), int(event["chunk"]))

    @property
    def row_key(self) -> dict[str, str]:
        """Its row in the executions table."""
        return {"executionId": self.execution_id, "item": f"CLEANUP#{self.run:03}#{self.target.key}#{self.number:04}"}

    @property
    def key(self) -> str:
        """Its name across executions: who holds a lease, who started a job."""
        return f"{self.execution_id}#cleanup-{self.run}#{self.target.key}#{self.number:04}"


@dataclass(frozen=True, slots=True)
class Chunk:
    """The row of a chunk. `instances` are the servers by the ids of their instances; `failed` has reasons by them.

    PENDING, then STARTING with `intent_at` before DRS is called, TERMINATING once a job is known, SETTLED.
    """

    ref: ChunkRef
    instances: Mapping[str, str]
    status: str = "PENDING"
    intent_at: str | None = None
    job_id: str | None = None
    gone: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Chunk":
        """Read the row."""
        return cls(
            ref=ChunkRef.from_event(item),
            instances=dict(item["instances"]),
            status=item["status"],
            intent_at=item.get("intentAt"),
            job_id=item.get("jobId"),
            gone=tuple(item.get("gone", ())),
            failed=dict(item.get("failed", {})),
        )

    def to_item(self) -> dict[str, Any]:
        """The row of a new chunk."""
        return {
            **self.ref.row_key,
            "run": self.ref.run,
            **self.ref.target.to_state(),
            "chunk": self.ref.number,
            "instances": dict(self.instances),
            "status": self.status,
        }

    @property
    def server_ids(self) -> tuple[str, ...]:
        """What its job takes of DRS's quotas."""
        return tuple(self.instances.values())

    @property
    def lease_attempt(self) -> int:
        """It has one job only; what that leaves is for the next clean-up."""
        return 1

    @property
    def left(self) -> list[str]:
        """The instances that are not known to be gone."""
        return sorted(self.instances.keys() - set(self.gone))


def get(ref: ChunkRef) -> Chunk:
    """The chunk's row; KeyError when there is none, which only a broken state machine can bring about."""
    item = dynamo.get(store.table(), ref.row_key)
    if item is None:
        raise KeyError(f"no row {ref.row_key}")
    return Chunk.from_item(item)


def of(execution_id: str, run: int) -> list[Chunk]:
    """The chunks of a clean-up."""
    return [Chunk.from_item(row) for row in store.rows(execution_id, f"CLEANUP#{run:03}#")]


# --- cutting ---------------------------------------------------------------------------------------------------
def cut(execution_id: str, run: int) -> list[Chunk]:
    """By target, at most as many instances as a DRS job takes servers, and of equal length."""
    by_target: dict[Target, dict[str, str]] = defaultdict(dict)
    for instance in instances.of_execution(execution_id):
        if instance.is_drill:
            by_target[instance.target][instance.instance_id] = instance.server_id
    for target, found in _not_cached(execution_id).items():
        by_target[target] |= found
    return [
        Chunk(ChunkRef(execution_id, run, target, number), {instance_id: found[instance_id] for instance_id in part})
        for target, found in sorted(by_target.items())
        for number, part in enumerate(split_into_batches(found, settings().servers_per_job), start=1)
    ]


def _not_cached(execution_id: str) -> dict[Target, dict[str, str]]:
    """Instances that the record says were launched, but for those that the cache, read since, knows better of.

    A row of the cache that is older than the launch tells of an instance before it, and the index by execution may
    be a moment behind the row.
    """
    launched = [row for row in store.rows(execution_id, "SERVER#") if row["status"] == ServerStatus.LAUNCHED.value]
    known = instances.every_row_of(row["sourceServerId"] for row in launched)
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
@dataclass(frozen=True, slots=True)
class Look:
    """What the state machine needs of a job, if there is one: has it ended, and when to look again."""

    job_id: str | None
    finished: bool
    wait_seconds: int = 0

    def to_state(self) -> dict[str, Any]:
        """The output of TerminateInstances and PollTermination."""
        return {"jobId": self.job_id, "finished": self.finished, "waitSeconds": self.wait_seconds}


def terminate(ref: ChunkRef) -> Look:
    """Start the chunk's job once, however often this is called. Raise LateMessage, and what DRS raises.

    Nothing is described before: instances that DRS does not know any more make it refuse, and only then it is asked
    which. After ServerBusy and QuotaExceeded the capacity is given back, for others to use while it waits.
    """
    chunk = get(ref)
    if chunk.status == "SETTLED":
        raise LateMessage(f"{ref.key} is settled already")
    is_reentry = chunk.status != "PENDING" or not _record_intent(chunk)
    chunk = get(ref)
    if chunk.job_id:
        return Look(chunk.job_id, False, decide.SHORTEST_POLL)
    try:
        job = _job_of(chunk) if is_reentry else None
        job = job or _start_job(chunk)
    except (ServerBusy, QuotaExceeded):
        capacity.give_back(chunk, chunk.lease_attempt)
        raise
    if job is None:
        return Look(None, True)
    _record_job(chunk, job)
    return _look(job)


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
        _record_gone(chunk, [*chunk.gone, *(instance_id for instance_id in chunk.left if instance_id not in there)])
        return _start_job(get(chunk.ref))
    _tag(chunk, job)
    return job


def _tag(chunk: Chunk, job: Job) -> None:
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


def _job_of(chunk: Chunk) -> Job | None:
    if chunk.intent_at is None:
        return None
    servers = {chunk.instances[instance_id] for instance_id in chunk.left}
    return drs.find_termination(chunk.ref.target, servers, chunk.intent_at)


def _look(job: Job) -> Look:
    if job.is_completed:
        return Look(job.job_id, True)
    age = clock.now() - clock.parse_iso(job.created_at)
    return Look(job.job_id, False, decide.seconds_to_next_poll(age, EXPECTED_SECONDS, job.status))


def poll(ref: ChunkRef, job_id: str) -> Look:
    """Look at the job once."""
    return _look(drs.describe_job(ref.target, job_id))


def settle(ref: ChunkRef, problem: str | None) -> tuple[Chunk, Look | None]:
    """Take what is gone out of the cache and keep what is not, each with its reason; give the capacity back.

    A problem alone fails no instance: if DRS has the chunk's job, its word counts, and one that still runs is to be
    followed on (the Look).
    """
    chunk = get(ref)
    if chunk.status == "SETTLED":
        return chunk, None
    job = _known_job(chunk)
    if job and not job.is_completed:
        _record_job(chunk, job)
        return chunk, _look(job)
    by_server = {launch.server_id: launch.status for launch in job.launches} if job else {}
    statuses = {instance_id: by_server.get(server_id) for instance_id, server_id in chunk.instances.items()}
    gone = sorted({*chunk.gone, *(each for each in chunk.left if statuses[each] == "TERMINATED")})
    why = problem or "no job was started"
    failed = {
        each: f"{job.job_id}: {_said(statuses[each])}" if job else why for each in chunk.instances if each not in gone
    }
    for instance_id in gone:
        began_at = clock.parse_iso(job.created_at) if job and instance_id not in chunk.gone else 0
        sync.forget(chunk.instances[instance_id], instance_id, began_at)
    # First the lease, then the chunk's last word: killed in between, the next try does both again.
    capacity.give_back(chunk, chunk.lease_attempt)
    values = {"status": "SETTLED", "gone": gone, "failed": failed, "jobId": job.job_id if job else None}
    _move(ref, values, "#status <> :settled", {"settled": "SETTLED"})
    return get(ref), None


def _known_job(chunk: Chunk) -> Job | None:
    """The chunk's job as DRS has it now, found by what it does if its id never came back."""
    if chunk.job_id is None:
        return _job_of(chunk) if chunk.left else None
    try:
        return drs.describe_job(chunk.ref.target, chunk.job_id)
    except DrsRefused:  # DRS no longer knows it
        return None


def _said(status: str | None) -> str:
    return f"launch status {status}, not TERMINATED" if status else "the job does not name this instance"


def _record_intent(chunk: Chunk) -> bool:
    values = {"status": "STARTING", "intentAt": clock.iso()}
    return _move(chunk.ref, values, "#status = :pending", {"pending": "PENDING"})


def _record_job(chunk: Chunk, job: Job) -> None:
    values = {"status": "TERMINATING", "jobId": job.job_id, "startedAt": job.created_at}
    _move(chunk.ref, values, "#status = :starting", {"starting": "STARTING"})


def _record_gone(chunk: Chunk, gone: Sequence[str]) -> None:
    _move(chunk.ref, {"gone": sorted(gone)}, "#status = :starting", {"starting": "STARTING"})


def _move(ref: ChunkRef, values: Mapping[str, Any], condition: str, given: Mapping[str, Any]) -> bool:
    return dynamo.move_on(store.table(), ref.row_key, values, condition=condition, given=given)
