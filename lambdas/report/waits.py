"""When a run waited for an operator."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from report.run_record import Record
from report.times import end_of, seconds_between


@dataclass(frozen=True, slots=True)
class Wait:
    """A time in which the run waited for an operator. `wave` is None if all of it, or an action of the plan, waited.

    `by` is the operator whose decision ended it, or `the plan`; None if it is open, or if the run ended first.
    """

    wave: str | None
    kind: str
    since: str
    until: str
    is_open: bool
    by: str | None = None
    action: str | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted, so far."""
        return max(seconds_between(self.since, self.until), 0)

    def to_item(self) -> dict[str, Any]:
        """The wait as the report has it."""
        return {
            "wave": self.wave,
            **({"action": self.action} if self.action else {}),
            "for": self.kind,
            "since": self.since,
            "until": None if self.is_open else self.until,
            "by": self.by,
            "seconds": round(self.seconds),
        }


def find_waits(record: Record) -> list[Wait]:
    """Every wait, ended or open, oldest first, with the times that the record has."""
    end = end_of(record)
    return [
        Wait(
            wait["wave"],
            wait["for"].lower(),
            wait["since"],
            wait["until"] or end,
            wait["until"] is None,
            wait.get("by"),
            wait.get("action"),
        )
        for wait in record["waits"]
    ]


def seconds_around(waits: Iterable[Wait], wave: Mapping[str, Any], end: str) -> tuple[int, int]:
    """How long the wave waited for operators before its start, and how long it or the whole run did within its time.

    Only the second is part of the wave's own time; the run's time has both. `end` is where an open wave ends so far.
    """
    begin, until = wave["startedAt"], wave["endedAt"] or end
    own = [wait for wait in waits if wait.wave == wave["name"]]
    before = [replace(wait, until=min(wait.until, begin or until)) for wait in own]
    if not begin:
        return round(total_seconds(before)), 0
    within = [replace(wait, since=max(wait.since, begin), until=min(wait.until, until)) for wait in waits]
    return round(total_seconds(before)), round(total_seconds(w for w in within if w.wave in (wave["name"], None)))


def total_seconds(waits: Iterable[Wait]) -> float:
    """How long the run waited for operators. Waits at the same time count once."""
    total, counted_until = 0.0, ""
    for wait in sorted(waits, key=lambda each: each.since):
        begin = max(wait.since, counted_until)
        if wait.until > begin:
            total += seconds_between(begin, wait.until)
            counted_until = wait.until
    return total
