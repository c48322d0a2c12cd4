"""Jobs with their participating servers and their log. `simulation` runs them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.records.source_server import FailsAt
from drs_emulator.target_key import TargetKey


class JobStatus(StrEnum):
    """DRS has no failed jobs: servers can fail in a COMPLETED job."""

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
    """A run of a launch action on a recovery instance. `action` has the API's form."""

    action: dict[str, Any]
    run_id: str
    status: str = "IN_PROGRESS"
    failure: str = ""

    def to_api(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"action": self.action, "runId": self.run_id, "status": self.status}
        if self.failure:
            fields["failureReason"] = self.failure
        return fields


@dataclass(slots=True)
class Participant:
    """A server of a job.

    `ec2_requested` and `ec2_responded` record the progress of the call to EC2, and `ec2_overdue` that its result is
    late. `private_ip` and `error` are that result. `point_in_time` is the time of the snapshot to launch from. The
    faults `fails_at` with its `launch_error`, `uses_previous_snapshot`, `action_faults` and `termination_fails` are
    decided when the job starts; `action_faults` maps the name of a launch action, or an empty name for all of them, to
    the kind of its fault. `next_actions` are the ids of the launch actions to come, and `actions_left` counts those
    that the job waits for.
    """

    server_id: str
    status: LaunchStatus = LaunchStatus.PENDING
    recovery_instance_id: str = ""
    snapshot_id: str = ""
    point_in_time: float = 0
    private_ip: str = ""
    error: str = ""
    ec2_requested: bool = False
    ec2_responded: bool = False
    ec2_overdue: bool = False
    fails_at: FailsAt | None = None
    launch_error: str = ""
    uses_previous_snapshot: bool = False
    action_faults: dict[str, str] = field(default_factory=dict)
    termination_fails: bool = False
    agent_found_at: float | None = None
    action_runs: dict[str, ActionRun] = field(default_factory=dict)
    next_actions: list[str] = field(default_factory=list)
    actions_left: int = 0

    @property
    def settled(self) -> bool:
        return self.status in SETTLED and not self.actions_left

    def to_api(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"sourceServerID": self.server_id, "launchStatus": self.status.value}
        if self.recovery_instance_id:
            fields["recoveryInstanceID"] = self.recovery_instance_id
        if self.agent_found_at is not None or self.action_runs:
            fields["launchActionsStatus"] = {"runs": [run.to_api() for run in self.action_runs.values()]}
        if self.agent_found_at is not None:
            fields["launchActionsStatus"]["ssmAgentDiscoveryDatetime"] = iso(self.agent_found_at)
        return fields


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
    """A job. `number` counts the jobs of its target from 1; `type` and `initiated_by` have the API's values.

    A fault can hold the job PENDING: `held_by` is the fault's id, and `begins_at` is later than `created_at`.
    DescribeJobs does not show the job before `shown_at`. `overdue` says that the job ends as soon as its last server is
    settled. `execution_arn` names the execution of a recovery plan that the job belongs to.
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
    execution_arn: str = ""
    shown_at: float = 0
    log: list[LogItem] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return self.target.arn("job", self.id)

    @property
    def in_progress(self) -> bool:
        return self.status is not JobStatus.COMPLETED

    def is_hidden(self, now: float) -> bool:
        return now < self.shown_at

    @property
    def is_drill(self) -> bool:
        return self.initiated_by == "START_DRILL"

    def log_event(self, at: float, event: str, **data: str) -> None:
        self.log.append(LogItem(at, event, {name: value for name, value in data.items() if value}))

    def to_api(self) -> dict[str, Any]:
        fields: dict[str, Any] = {
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
            fields["endDateTime"] = iso(self.ended_at)
        return fields
