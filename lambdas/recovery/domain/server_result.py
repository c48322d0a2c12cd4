"""The result of a server in a run: what an attempt found, and how it adds to what is on record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from recovery import clock
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import LaunchFailure

# What the record keeps of an earlier attempt: the instance of one may still be there, and clean-up needs its id.
_KEPT = {
    ServerStatus.LAUNCHED: frozenset({"jobId"}),
    ServerStatus.FAILED: frozenset({"jobId", "recoveryInstanceId", "dataAt"}),
}

# Characters of a reason that the record keeps. A row has room for 400 KB, and may have 200 servers.
MAX_REASON_LENGTH = 1_000

Recorded = Mapping[str, Any]
"""A server's result on record: its status, when it ended, and the rest that is known of it."""


@dataclass(frozen=True, slots=True)
class ServerResult:
    """The result of an attempt for one server, LAUNCHED or FAILED.

    A LAUNCHED server has no `recovery_instance_id` while DRS does not show its instance, and a FAILED one may have an
    instance, such as after a launch action that failed. `data_at` is the time of the data that the instance was
    launched from, as DRS reports it. `failure` is why a server FAILED; `warnings` are for one that was launched.
    """

    server_id: str
    status: ServerStatus
    job_id: str | None = None
    recovery_instance_id: str | None = None
    data_at: str | None = None
    reason: str | None = None
    failure: LaunchFailure | None = None
    warnings: tuple[str, ...] = ()

    def add_to(self, before: Recorded, ended_at: str) -> Recorded:
        """The result on record after this one. A server that is LAUNCHED stays so, whatever follows."""
        if before.get("status") == ServerStatus.LAUNCHED:
            return before
        found = {
            "jobId": self.job_id,
            "recoveryInstanceId": self.recovery_instance_id,
            "dataAt": self.data_at,
            "reason": self.reason[:MAX_REASON_LENGTH] if self.reason else None,
            "cause": self.failure.kind.value if self.failure else None,
            "advice": self.failure.advice if self.failure else None,
            "launchWarnings": list(self.warnings) or None,
        }
        kept = {name: before[name] for name in _KEPT[self.status] if name in before}
        known = {name: value for name, value in found.items() if value is not None}
        return {**kept, **known, "status": self.status.value, "endedAt": ended_at}


def add_results(on_record: Mapping[str, Recorded], results: Iterable[ServerResult], at: str) -> dict[str, Recorded]:
    """The results on record, by server, after these, which ended at this time."""
    added = {result.server_id: result.add_to(on_record.get(result.server_id, {}), at) for result in results}
    return {**on_record, **added}


@dataclass(frozen=True, slots=True)
class Attempt:
    """The results of an attempt, and its job, if there was one."""

    results: Sequence[ServerResult]
    job_id: str | None = None
    started_at: str | None = None
    ended_at: str | None = None

    @property
    def launched_ids(self) -> tuple[str, ...]:
        """The servers that it launched."""
        return self._list(ServerStatus.LAUNCHED)

    @property
    def failed_ids(self) -> tuple[str, ...]:
        """The servers that failed."""
        return self._list(ServerStatus.FAILED)

    def _list(self, status: ServerStatus) -> tuple[str, ...]:
        return tuple(result.server_id for result in self.results if result.status is status)

    def with_launched(self, server_ids: Collection[str]) -> "Attempt":
        """The same, with these servers launched."""
        launched = ServerStatus.LAUNCHED
        return replace(
            self,
            results=[replace(each, status=launched) if each.server_id in server_ids else each for each in self.results],
        )

    def to_item(self, number: int) -> dict[str, Any]:
        """The entry in the batch's list of jobs."""
        return {
            "attempt": number,
            "jobId": self.job_id,
            "startedAt": self.started_at,
            "endedAt": self.ended_at or clock.iso(),
            "launched": len(self.launched_ids),
            "failed": len(self.failed_ids),
        }
