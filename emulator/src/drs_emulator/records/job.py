"""Jobs: the record, the servers that take part, its log, and how the API shows them. What a job does is in `life`."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.records.source_server import FailsAt
from drs_emulator.target_key import TargetKey


class JobStatus(StrEnum):
    """There is no FAILED: a COMPLETED job can hold FAILED servers."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class LaunchStatus(StrEnum):
    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


SETTLED = {LaunchStatus.LAUNCHED, LaunchStatus.FAILED, LaunchStatus.TERMINATED}


@dataclass(slots=True)
class ActionRun:
    """A launch action on a recovery instance; `action` as the API writes it."""

    action: dict[str, Any]
    run_id: str
    status: str = "IN_PROGRESS"
    failure: str = ""

    def to_api(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"action": self.action, "runId": self.run_id, "status": self.status}
        if self.failure:
            shown["failureReason"] = self.failure
        return shown


@dataclass(slots=True)
class Participant:
    """A server of a job. EC2 is `asked` and has `answered`; `overdue` when the job is waiting for its answer.

    `private_ip` and `error` are EC2's answer; `point_in_time` is what the server is launched from. Where it is to
    fail is settled when the job starts, as is whether EC2 will refuse to terminate its instance (`stays`).
    """

    server_id: str
    status: LaunchStatus = LaunchStatus.PENDING
    recovery_instance_id: str = ""
    snapshot_id: str = ""
    point_in_time: float = 0
    private_ip: str = ""
    error: str = ""
    asked: bool = False
    answered: bool = False
    overdue: bool = False
    fails_at: FailsAt | None = None
    actions_fail: bool = False
    stays: bool = False
    agent_found_at: float | None = None
    runs: dict[str, ActionRun] = field(default_factory=dict)
    runs_left: int = 0

    @property
    def settled(self) -> bool:
        return self.status in SETTLED and not self.runs_left

    def to_api(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"sourceServerID": self.server_id, "launchStatus": self.status.value}
        if self.recovery_instance_id:
            shown["recoveryInstanceID"] = self.recovery_instance_id
        if self.agent_found_at is not None:
            shown["launchActionsStatus"] = {
                "ssmAgentDiscoveryDatetime": iso(self.agent_found_at),
                "runs": [run.to_api() for run in self.runs.values()],
            }
        return shown


@dataclass(frozen=True, slots=True)
class LogItem:
    at: float
    event: str
    data: dict[str, str]

    def to_api(self) -> dict[str, Any]:
        item: dict[str, Any] = {"logDateTime": iso(self.at), "event": self.event}
        if self.data:
            item["eventData"] = dict(self.data)
        return item


@dataclass(slots=True)
class Job:
    """`number` counts the jobs of its target from 1; `initiated_by` as the API writes it.

    `begins_at` differs from `created_at` where a fault kept the job PENDING; `held_by` is that fault while it does.
    `execution_id` is that of the recovery plan's execution the job belongs to.
    """

    id: str
    number: int
    target: TargetKey
    type: str
    initiated_by: str
    created_at: float
    participants: dict[str, Participant]
    tags: dict[str, str] = field(default_factory=dict)
    status: JobStatus = JobStatus.PENDING
    ended_at: float | None = None
    overdue: bool = False
    begins_at: float = 0
    held_by: str = ""
    execution_id: str = ""
    log: list[LogItem] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return self.target.arn("job", self.id)

    @property
    def in_progress(self) -> bool:
        return self.status is not JobStatus.COMPLETED

    @property
    def is_drill(self) -> bool:
        return self.initiated_by == "START_DRILL"

    def write(self, at: float, event: str, **data: str) -> None:
        self.log.append(LogItem(at, event, {name: value for name, value in data.items() if value}))

    def to_api(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "jobID": self.id,
            "arn": self.arn,
            "type": self.type,
            "initiatedBy": self.initiated_by,
            "creationDateTime": iso(self.created_at),
            "status": self.status.value,
            "participatingServers": [participant.to_api() for participant in self.participants.values()],
            "tags": dict(self.tags),
        }
        if self.ended_at is not None:
            shown["endDateTime"] = iso(self.ended_at)
        return shown
