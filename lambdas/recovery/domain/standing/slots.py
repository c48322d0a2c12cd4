"""When the readiness of a plan is due on its schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StandingPlan:
    """A plan whose readiness is checked every so many hours.

    `slot` is the time of the last check, in epoch seconds, as the schedule has it; None before the first.
    `execution_id` is the run of that slot, `has_begun` whether its state machine is known to have been started.
    `is_running` is whether a drill or a recovery has the plan's lock.
    """

    plan_id: str
    every_hours: int
    slot: int | None = None
    execution_id: str | None = None
    has_begun: bool = False
    is_running: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "StandingPlan | None":
        """Read a row of the recovery-plans table; None for a plan that is not checked on a schedule."""
        hours, taken = row.get("readinessEveryHours"), row.get("standing") or {}
        if not hours:
            return None
        slot = taken.get("slot")
        return cls(
            plan_id=row["planId"],
            every_hours=int(hours),
            slot=None if slot is None else int(slot),
            execution_id=taken.get("executionId"),
            has_begun=bool(taken.get("begun", False)),
            is_running=bool(row.get("activeExecutionId")),
        )

    def find_due_slot(self, now: float) -> int | None:
        """The slot to take now; None if the next one is still to come. Slots that have passed by are left out.

        The slots of a plan keep their distance, however late a check begins.
        """
        if self.slot is None:
            return int(now)
        period = self.every_hours * 3_600
        passed = int(now - self.slot) // period
        return self.slot + passed * period if passed > 0 else None

    def next_at(self, now: float) -> float:
        """When the next check begins at the earliest, in epoch seconds: now, if it is due."""
        return now if self.slot is None else max(now, self.slot + self.every_hours * 3_600)
