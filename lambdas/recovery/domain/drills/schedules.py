"""What the schedule of a plan has done and is doing: its pause, its last appointment, and the one that is on."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.domain.execution import Mode


class AppointmentStatus(StrEnum):
    """What became of an appointment. WAITING, CHECKING and STARTING are on the way; the others are final."""

    WAITING = "WAITING"
    CHECKING = "CHECKING"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SKIPPED = "SKIPPED"
    MISSED = "MISSED"


@dataclass(frozen=True, slots=True)
class Pause:
    """Who paused the schedule, when (ISO 8601), and why. One that is over has who resumed it, and when."""

    by: str
    at: str
    comment: str = ""
    resumed_by: str = ""
    resumed_at: str = ""

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> "Pause | None":
        """Read `paused` or `lastPause` of a SCHEDULE row, or a PAUSE row."""
        if not item:
            return None
        over = item.get("resumedBy", ""), item.get("resumedAt", "")
        return cls(item["by"], item["at"], item.get("comment", ""), *over)

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        over = {"resumedBy": self.resumed_by, "resumedAt": self.resumed_at} if self.resumed_at else {}
        return {"by": self.by, "at": self.at, "comment": self.comment, **over}


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment and what became of it, or is becoming. Times are in ISO 8601.

    `until` is the end of its window. `check_id` is the readiness run before the drill, `check` its number: one that
    broke is followed by another. `decided_at` is when the status became final.
    """

    at: str
    status: AppointmentStatus
    until: str = ""
    reason: str = ""
    execution_id: str | None = None
    check_id: str | None = None
    check: int = 1
    decided_at: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None) -> "Appointment | None":
        """Read `current` of a SCHEDULE row, or an APPOINTMENT row."""
        if not item:
            return None
        return cls(
            at=item["at"],
            status=AppointmentStatus(item["status"]),
            until=item.get("until", ""),
            reason=item.get("reason", ""),
            execution_id=item.get("executionId"),
            check_id=item.get("checkId"),
            check=int(item.get("check", 1)),
            decided_at=item.get("decidedAt"),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse. Facts that are not known are not written."""
        facts = {
            "until": self.until or None,
            "reason": self.reason or None,
            "executionId": self.execution_id,
            "checkId": self.check_id,
            "check": self.check if self.check > 1 else None,
            "decidedAt": self.decided_at,
        }
        return {
            "at": self.at,
            "status": self.status.value,
            **{name: value for name, value in facts.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class Schedule:
    """The SCHEDULE row of a plan. `version` counts its writes; 0 stands for a row that does not exist yet.

    Appointments up to the end of `last_pause` that had not begun fell into it. `last` is the last appointment that was
    dealt with, `last_decided` what became of the last one that was to begin by itself, and `untold` are those that
    operators have not been told of yet.
    """

    plan_id: str
    paused: Pause | None = None
    last_pause: Pause | None = None
    last: str = ""
    last_decided: Appointment | None = None
    current: Appointment | None = None
    untold: tuple[str, ...] = ()
    version: int = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Schedule":
        """Read a SCHEDULE row."""
        return cls(
            plan_id=item["planId"],
            paused=Pause.from_item(item.get("paused")),
            last_pause=Pause.from_item(item.get("lastPause")),
            last=item.get("lastAppointment", ""),
            last_decided=Appointment.from_item(item.get("lastDecided")),
            current=Appointment.from_item(item.get("current")),
            untold=tuple(item.get("untold", ())),
            version=int(item.get("version", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse, without the key and the version."""
        facts = {
            "paused": self.paused.to_item() if self.paused else None,
            "lastPause": self.last_pause.to_item() if self.last_pause else None,
            "lastAppointment": self.last or None,
            "lastDecided": self.last_decided.to_item() if self.last_decided else None,
            "current": self.current.to_item() if self.current else None,
            "untold": list(self.untold) or None,
        }
        return {name: value for name, value in facts.items() if value is not None}

    def find_pause_of(self, at: float) -> Pause | None:
        """The pause because of which an appointment (epoch seconds) that has not begun is missed; None if none is."""
        if self.paused:
            return self.paused
        over = self.last_pause
        return over if over and at <= clock.parse_iso(over.resumed_at) else None


def build_drill_id(plan_id: str, at: float) -> str:
    """The id of the drill of this appointment: `drill-20261122-020000-4f1c09d2ab37`. No other appointment has it.

    Hundreds of plans may be due in the same second, so its hash has twice as many digits as that of other ids. A drill
    begins once under its id, however often it is asked for: the record is written once, and Step Functions
    keeps the names of executions for 90 days.
    """
    return _build_id(Mode.DRILL, plan_id, at, "")


def build_check_id(plan_id: str, at: float, number: int) -> str:
    """The id of the readiness run before this drill, the `number`-th from 1."""
    return _build_id(Mode.READINESS, plan_id, at, f" {number}")


def _build_id(mode: Mode, plan_id: str, at: float, more: str) -> str:
    moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(at))
    digest = hashlib.sha256(f"{plan_id} {clock.iso(at)}{more}".encode()).hexdigest()
    return f"{mode.value.lower()}-{moment}-{digest[:12]}"
