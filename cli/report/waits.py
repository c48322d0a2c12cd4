"""When a run waited for an operator."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cli.report.times import end_of, seconds_between
from cli.run_record import Record, list_jobs


@dataclass(frozen=True, slots=True)
class Wait:
    """A time in which the run waited for an operator. `wave` is None if the whole run waited."""

    wave: str | None
    kind: str
    since: str
    until: str
    is_open: bool

    @property
    def seconds(self) -> float:
        """How long it lasted, so far."""
        return seconds_between(self.since, self.until)

    def to_item(self) -> dict[str, Any]:
        """The wait as the report has it."""
        return {
            "wave": self.wave,
            "for": self.kind,
            "since": self.since,
            "until": None if self.is_open else self.until,
            "seconds": round(self.seconds),
        }


def find_waits(record: Record) -> list[Wait]:
    """Every wait, ended or open, oldest first.

    The record has the time of each decision, but not when the wait began. A wait begins when the wave could have
    started (the request, or the end of the last wave that it depends on), when its last job had ended, or when the run
    was paused.
    """
    end = end_of(record)
    waits = list(_ended_waits(record))
    waits += [
        Wait(wait["wave"], wait["for"].lower(), wait["since"] or record["requestedAt"], end, is_open=True)
        for wait in record["waitingFor"]
    ]
    # A decision can be older than the start computed for it, if its wave has had jobs since.
    ordered = [wait for wait in waits if wait.since <= wait.until]
    return sorted(ordered, key=lambda wait: (wait.since, wait.wave or ""))


def _ended_waits(record: Record) -> Iterator[Wait]:
    paused_at: str | None = None
    for decision in record["decisions"]:
        kind, wave, at = decision["decision"], decision["wave"], decision["at"]
        if kind == "pause":
            paused_at = at
        elif wave is None:
            if paused_at and kind in ("resume", "cancel"):
                yield Wait(None, "resume", paused_at, at, is_open=False)
                paused_at = None
        elif kind in ("approve", "reject"):
            yield Wait(wave, "approval", _could_start(record, wave), at, is_open=False)
        elif kind == "resume":
            yield Wait(wave, "resume", _could_start(record, wave), at, is_open=False)
        elif kind in ("retry", "accept", "abort"):
            yield Wait(wave, "decision", _last_job_end(record, wave, at), at, is_open=False)


def _could_start(record: Record, name: str) -> str:
    waves: dict[str, Mapping[str, Any]] = {wave["name"]: wave for wave in record["waves"]}
    predecessors = waves[name]["dependsOn"] if name in waves else ()
    ends = [waves[each]["endedAt"] for each in predecessors if each in waves]
    return max((end for end in ends if end), default=str(record["requestedAt"]))


def _last_job_end(record: Record, wave: str, before: str) -> str:
    ends = [job.ended_at for job in list_jobs(record) if job.wave == wave and job.ended_at and job.ended_at <= before]
    return max(ends, default=_could_start(record, wave))
