"""DRS's log of a job: what happened to each server, and why.

The model lists 27 events; real logs have others too, such as LAUNCH_END. So any event is accepted, and its data decide
what it means.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.drs_shapes.members import read_mapping, read_text, read_time

LAUNCH_END, USING_PREVIOUS_SNAPSHOT, SERVER_SKIPPED = "LAUNCH_END", "USING_PREVIOUS_SNAPSHOT", "SERVER_SKIPPED"
JOB_CANCEL = "JOB_CANCEL"

# Events that say that a step failed, without or with a `rawError` (botocore's drs model).
_FAILURE_ENDINGS = ("_FAIL", "_FAILED")

# Cleaning up after a launch. Its failure leaves resources behind, but is not why a server was not launched.
_CLEAN_UP = "CLEANUP_"


@dataclass(frozen=True, slots=True)
class JobLogEntry:
    """An entry of the log. DRS may leave out every member; `at` is in the form of `clock.iso`."""

    event: str
    at: str | None = None
    server_id: str | None = None
    instance_id: str | None = None
    raw_error: str | None = None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "JobLogEntry":
        """Read DRS's JobLog shape, in which nothing is certain."""
        data = read_mapping(item, "eventData")
        return cls(
            event=read_text(item, "event") or "",
            at=read_time(item, "logDateTime"),
            server_id=read_text(data, "sourceServerID"),
            instance_id=read_text(data, "targetInstanceID"),
            raw_error=read_text(data, "rawError"),
        )

    @property
    def is_failure(self) -> bool:
        """Whether a step of the launch failed."""
        failed = self.raw_error is not None or self.event.endswith(_FAILURE_ENDINGS)
        return failed and not self.event.startswith(_CLEAN_UP)


@dataclass(frozen=True, slots=True)
class Failure:
    """The step that failed, as its event, and DRS's error, if it gave one."""

    event: str
    raw_error: str | None


@dataclass(frozen=True, slots=True)
class ServerLog:
    """What the log says of one server.

    `stage` is its last event. `failure` is its last failure; a LAUNCH_END without an error cancels those before it.
    `instance_id` is the EC2 instance that the job launched.
    """

    stage: str | None = None
    failure: Failure | None = None
    instance_id: str | None = None
    used_previous_snapshot: bool = False
    was_skipped: bool = False

    @property
    def is_launched(self) -> bool:
        """Whether the log names the instance that was launched, and no failure since."""
        return self.instance_id is not None and self.failure is None


@dataclass(frozen=True, slots=True)
class JobLog:
    """The log of a job by server. `failure` is the last one of the job as a whole."""

    servers: Mapping[str, ServerLog] = field(default_factory=dict)
    failure: Failure | None = None
    was_cancelled: bool = False

    def of_server(self, server_id: str) -> ServerLog:
        """What the log says of the server, which may be nothing."""
        return self.servers.get(server_id, ServerLog())

    @classmethod
    def from_entries(cls, entries: Iterable[JobLogEntry]) -> "JobLog":
        """Sum up the entries, in any order if all have a time, and else in the order of the log."""
        ordered = list(entries)
        if all(entry.at for entry in ordered):
            ordered.sort(key=lambda entry: entry.at or "")
        by_server: dict[str, list[JobLogEntry]] = {}
        for entry in ordered:
            by_server.setdefault(entry.server_id or "", []).append(entry)
        of_job = by_server.pop("", [])
        return cls(
            servers={server_id: _sum_up(own) for server_id, own in by_server.items()},
            failure=_find_failure(of_job),
            was_cancelled=any(entry.event == JOB_CANCEL for entry in of_job),
        )


def _sum_up(entries: list[JobLogEntry]) -> ServerLog:
    launched = [entry.instance_id for entry in entries if entry.instance_id and not entry.event.startswith(_CLEAN_UP)]
    events = {entry.event for entry in entries}
    return ServerLog(
        stage=next((entry.event for entry in reversed(entries) if entry.event), None),
        failure=_find_failure(entries),
        instance_id=launched[-1] if launched else None,
        used_previous_snapshot=USING_PREVIOUS_SNAPSHOT in events,
        was_skipped=SERVER_SKIPPED in events,
    )


def _find_failure(entries: list[JobLogEntry]) -> Failure | None:
    failure = None
    for entry in entries:
        if entry.is_failure:
            failure = Failure(entry.event, entry.raw_error)
        elif entry.event == LAUNCH_END:
            failure = None
    return failure
