"""Batches: the servers of one wave and target that go into one DRS job."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.domain.execution import ServerStatus, Tally
from recovery.domain.target import Target


class BatchStatus(StrEnum):
    """PENDING until an attempt begins; STARTING while its job is being started, LAUNCHING while the job runs.

    SETTLED is final for a round: another round opens the batch again.
    """

    PENDING = "PENDING"
    STARTING = "STARTING"
    LAUNCHING = "LAUNCHING"
    SETTLED = "SETTLED"

    @property
    def is_in_attempt(self) -> bool:
        """Whether a job of the batch may be running in DRS."""
        return self in (BatchStatus.STARTING, BatchStatus.LAUNCHING)


@dataclass(frozen=True, slots=True)
class BatchRef:
    """Names one batch of one execution; it is all that states pass along."""

    execution_id: str
    wave: str
    target: Target
    number: int

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> "BatchRef":
        """Read the input of a Task state."""
        return cls(event["executionId"], event["wave"], Target.from_state(event), int(event["batch"]))

    @property
    def sort_key(self) -> str:
        """Its row in the executions table."""
        return f"BATCH#{self.wave}#{self.target.key}#{self.number:04d}"

    @property
    def key(self) -> str:
        """Its name across executions: who holds a lease, who started a job."""
        return f"{self.execution_id}#{self.wave}#{self.target.key}#{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Batch:
    """The row of a batch.

    `server_ids` are those still to be launched: all at first, the failed ones on a further attempt; once the batch
    is SETTLED, those that were not launched. `dropped` are those that DRS will not launch, so that no further attempt
    has to ask. `intent_at` is written before StartRecovery is called and `job_id` after it
    answered; a row with the first and without the second belongs to a call whose answer was lost. `optional` names
    servers that the wave may do without, `snapshots` what a server is launched from if not its latest. In each
    `round`, which people ask for, a server is tried as often as the plan says, after `attempts_before`.
    """

    ref: BatchRef
    server_ids: tuple[str, ...]
    total: int
    status: BatchStatus = BatchStatus.PENDING
    attempt: int = 0
    intent_at: str | None = None
    job_id: str | None = None
    launched: int = 0
    failed: int = 0
    dropped: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset()
    optional_launched: int = 0
    snapshots: Mapping[str, str] = field(default_factory=dict)
    round: int = 0
    attempts_before: int = 0
    started_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Batch":
        """Read a BATCH row."""
        return cls(
            ref=BatchRef.from_event(item),
            server_ids=tuple(item["serverIds"]),
            total=int(item["total"]),
            status=BatchStatus(item["status"]),
            attempt=int(item["attempt"]),
            intent_at=item.get("intentAt"),
            job_id=item.get("jobId"),
            launched=int(item.get("launched", 0)),
            failed=int(item.get("failed", 0)),
            dropped=tuple(item.get("dropped", ())),
            optional=frozenset(item.get("optional", ())),
            optional_launched=int(item.get("optionalLaunched", 0)),
            snapshots=item.get("snapshots", {}),
            round=int(item.get("round", 0)),
            attempts_before=int(item.get("attemptsBefore", 0)),
            started_at=item.get("startedAt"),
            ended_at=item.get("endedAt"),
            reason=item.get("reason"),
        )

    def to_item(self) -> dict[str, Any]:
        """The row of a new batch."""
        return {
            "executionId": self.ref.execution_id,
            "item": self.ref.sort_key,
            "wave": self.ref.wave,
            **self.ref.target.to_state(),
            "batch": self.ref.number,
            "serverIds": list(self.server_ids),
            "total": self.total,
            "status": self.status,
            "attempt": self.attempt,
            "optional": sorted(self.optional) or None,
            "snapshots": dict(self.snapshots) or None,
        }

    @property
    def lease_attempt(self) -> int:
        """The attempt that holds, or is to hold, the batch's share of DRS's quotas."""
        return self.attempt + 1 if self.status is BatchStatus.PENDING else self.attempt

    @property
    def tally(self) -> Tally:
        """Its servers by outcome so far."""
        return Tally(
            total=self.total,
            launched=self.launched,
            failed=self.failed,
            optional=len(self.optional),
            optional_launched=self.optional_launched,
        )


def split_into_batches(server_ids: Iterable[str], size: int) -> list[tuple[str, ...]]:
    """The servers in sorted order, cut into as few batches as `size` allows, of as equal length as can be.

    Equal batches end at about the same time; a last batch of one server would hold a job slot as long as a full
    one does.
    """
    servers = sorted(server_ids)
    count = -(-len(servers) // size)
    cuts = [len(servers) * number // count for number in range(count + 1)] if count else []
    return [tuple(servers[start:end]) for start, end in itertools.pairwise(cuts)]


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt: its job, if one ran, how many it launched, and which servers failed."""

    launched_ids: Sequence[str]
    failed_ids: Sequence[str]
    job_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    def to_item(self, number: int) -> dict[str, Any]:
        """As the batch keeps it in its list of jobs."""
        return {
            "attempt": number,
            "jobId": self.job_id,
            "startedAt": self.started_at,
            "endedAt": self.ended_at or clock.iso(),
            "launched": len(self.launched_ids),
            "failed": len(self.failed_ids),
        }


@dataclass(frozen=True, slots=True)
class ServerResult:
    """What an attempt came to for one server."""

    server_id: str
    status: ServerStatus
    job_id: str | None = None
    recovery_instance_id: str | None = None
    reason: str | None = None
