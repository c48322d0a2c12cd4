"""The record of one run: its statuses and what each of its rows holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.plan import ProtectionGroup, RecoveryPlan


class Mode(StrEnum):
    """A drill launches copies beside the sources; a recovery is the real thing."""

    DRILL = "DRILL"
    RECOVERY = "RECOVERY"


class ExecutionStatus(StrEnum):
    """PENDING until the first job runs; the last five are final."""

    PENDING = "PENDING"
    POLLING = "POLLING"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    NOT_READY = "NOT_READY"

    @property
    def is_final(self) -> bool:
        """Does no write move it on?"""
        return self not in (ExecutionStatus.PENDING, ExecutionStatus.POLLING)


class WaveStatus(StrEnum):
    """The last four are final."""

    WAITING = "WAITING"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"

    @property
    def is_final(self) -> bool:
        """Does no write move it on?"""
        return self not in (WaveStatus.WAITING, WaveStatus.IN_PROGRESS)

    @property
    def lets_dependants_start(self) -> bool:
        """May the waves that wait for this one begin?"""
        return self in (WaveStatus.COMPLETED, WaveStatus.PARTIAL)


class ServerStatus(StrEnum):
    """LAUNCHING is read off the server's batch, the others are stored."""

    PENDING = "PENDING"
    LAUNCHING = "LAUNCHING"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    EXCLUDED = "EXCLUDED"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many servers came to what. `total` counts all of them, the rest is still to come."""

    total: int = 0
    launched: int = 0
    failed: int = 0
    excluded: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.total + other.total,
            self.launched + other.launched,
            self.failed + other.failed,
            self.excluded + other.excluded,
        )

    def to_item(self) -> dict[str, int]:
        """As records and the API show it."""
        return {"total": self.total, "launched": self.launched, "failed": self.failed, "excluded": self.excluded}


@dataclass(frozen=True, slots=True)
class Execution:
    """The META row: what was asked for, by whom, and how far it is.

    The plan is copied into it, and its groups into rows of their own, so a plan may be edited while it runs and a
    record still tells what was recovered.
    """

    execution_id: str
    mode: Mode
    status: ExecutionStatus
    plan: RecoveryPlan
    requested_at: str
    requested_by: str
    started_at: str | None = None
    ended_at: str | None = None
    reason: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Execution":
        """Read a META row."""
        return cls(
            execution_id=item["executionId"],
            mode=Mode(item["mode"]),
            status=ExecutionStatus(item["status"]),
            plan=RecoveryPlan.from_item(item["plan"]),
            requested_at=item["requestedAt"],
            requested_by=item["requestedBy"],
            started_at=item.get("startedAt"),
            ended_at=item.get("endedAt"),
            reason=item.get("reason"),
        )

    def to_item(self) -> dict[str, Any]:
        """The META row of a new execution. `kind` is the partition of the index that lists all executions."""
        return {
            "executionId": self.execution_id,
            "item": "META",
            "kind": "EXECUTION",
            "planId": self.plan.plan_id,
            "planName": self.plan.name,
            "mode": self.mode.value,
            "status": self.status.value,
            "requestedAt": self.requested_at,
            "requestedBy": self.requested_by,
            "plan": self.plan.to_item(),
        }

    def group_item(self, group: ProtectionGroup) -> dict[str, Any]:
        """The row that keeps a group as it was when the run was started."""
        return {**group.to_item(), "executionId": self.execution_id, "item": f"GROUP#{group.group_id}"}
