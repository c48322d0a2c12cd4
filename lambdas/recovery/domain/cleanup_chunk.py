"""Clean-ups and their chunks: at most a hundred recovery instances of one target, as a rule for one DRS job.

A clean-up covers a chain: a drill and the runs that continue it. Its rows are in the record of the first of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target


class CleanupStatus(StrEnum):
    """RUNNING, then COMPLETED when every instance is gone, PARTIAL when some are, FAILED when none is."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


class ChunkStatus(StrEnum):
    """PENDING, then STARTING while its job is being started, TERMINATING while the job runs, SETTLED at the end."""

    PENDING = "PENDING"
    STARTING = "STARTING"
    TERMINATING = "TERMINATING"
    SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """The name of a chunk; `run` is the number of the clean-up, for a chain can have several."""

    execution_id: str
    run: int
    target: Target
    number: int

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "ChunkRef":
        """Read the input of a Task state, or a row."""
        return cls(event["executionId"], int(event["run"]), Target.from_state(event), int(event["chunk"]))

    @property
    def row_key(self) -> dict[str, str]:
        """The key of its row."""
        return {"executionId": self.execution_id, "item": f"CLEANUP#{self.run:03}#{self.target.key}#{self.number:04}"}

    @property
    def key(self) -> str:
        """Its name across runs, for leases and for the tags of jobs."""
        return f"{self.execution_id}/cleanup-{self.run}/{self.target.key}/{self.number:04}"


@dataclass(frozen=True, slots=True)
class ChunkJob:
    """A job that has terminated some of the instances of a chunk, and how many it was started for."""

    job_id: str
    instances: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The row of a chunk. By instance id, `instances` has the source server, `failed` why an instance is not gone.

    `intent_at` is written before DRS is called, with the instances that it is `asked` to terminate; `job_id` after it
    answered. Instances whose servers are in a conflict are left to a further `part`, with a job of its own;
    `earlier_jobs` are those of the parts before. In this part, `left_out` has the instances that are known to be in a
    conflict, and `conflicts` counts the refusals for which no server was found.
    """

    ref: ChunkRef
    instances: Mapping[str, str]
    status: ChunkStatus = ChunkStatus.PENDING
    intent_at: str | None = None
    job_id: str | None = None
    started_at: str | None = None
    asked: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    part: int = 1
    earlier_jobs: tuple[ChunkJob, ...] = ()
    left_out: frozenset[str] = frozenset()
    conflicts: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Chunk":
        """Read the row."""
        return cls(
            ref=ChunkRef.from_event(item),
            instances=dict(item["instances"]),
            status=ChunkStatus(item["status"]),
            intent_at=item.get("intentAt"),
            job_id=item.get("jobId"),
            started_at=item.get("startedAt"),
            asked=tuple(item.get("asked", ())),
            gone=tuple(item.get("gone", ())),
            failed=dict(item.get("failed", {})),
            part=int(item.get("part", 1)),
            earlier_jobs=tuple(ChunkJob(job["jobId"], int(job["instances"])) for job in item.get("earlierJobs", ())),
            left_out=frozenset(item.get("leftOut", ())),
            conflicts=int(item.get("conflicts", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row of a new chunk."""
        return {
            **self.ref.row_key,
            "run": self.ref.run,
            **self.ref.target.to_state(),
            "chunk": self.ref.number,
            "instances": dict(self.instances),
            "gone": list(self.gone) or None,
            "status": self.status,
            "part": self.part,
        }

    @property
    def server_ids(self) -> tuple[str, ...]:
        """The servers that its job counts against DRS's quotas."""
        return tuple(self.instances[instance_id] for instance_id in self.remaining)

    @property
    def lease_attempt(self) -> int:
        """Each part has a job of its own, and only one; the next clean-up terminates what they leave."""
        return self.part

    @property
    def waits(self) -> bool:
        """Whether a part has ended, and instances that were in a conflict are left to the next one."""
        return self.part > 1 and self.status is ChunkStatus.PENDING

    @property
    def remaining(self) -> list[str]:
        """The instances without a result, in sorted order."""
        return sorted(self.instances.keys() - set(self.gone) - self.failed.keys())


@dataclass(frozen=True, slots=True)
class FoundInstances:
    """What a clean-up has to terminate in one target: source servers by instance id, and which are `gone` already.

    `unproven` are instances of drills of the same servers of which DRS names no job, nor the record the instance, so
    that nothing proves that the chain launched them. They are named and left alone.
    """

    target: Target
    instances: Mapping[str, str]
    gone: frozenset[str] = frozenset()
    unproven: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "FoundInstances":
        """Read a FOUND row."""
        unproven = dict(item.get("unproven", {}))
        return cls(Target.from_state(item), dict(item["instances"]), frozenset(item["gone"]), unproven)

    def to_item(self) -> dict[str, Any]:
        """The attributes of a FOUND row, without its key."""
        return {
            **self.target.to_state(),
            "instances": dict(self.instances),
            "gone": sorted(self.gone),
            "unproven": dict(self.unproven),
        }
