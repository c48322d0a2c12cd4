"""The recovery plans of DRS itself: plans with their steps, and executions with theirs."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.records.launch_configuration import Values

OPEN_STATUSES = ("CREATED", "IN_PROGRESS", "CANCELLING")  # the statuses of an execution in progress
SERVER_STEP, WAIT_STEP = "serverStepConfiguration", "waitStepConfiguration"


@dataclass(slots=True)
class PlanStep:
    """A step of a plan. `configuration` has one member, SERVER_STEP or WAIT_STEP."""

    arn: str
    name: str
    configuration: Values
    created_at: float
    updated_at: float

    @property
    def servers(self) -> list[Values]:
        servers: list[Values] = self.configuration.get(SERVER_STEP, {}).get("servers", [])
        return servers

    def to_api(self, order: int) -> Values:
        return {
            "recoveryPlanStepArn": self.arn,
            "stepOrder": order,
            "stepName": self.name,
            "configuration": self.configuration,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
        }


@dataclass(slots=True)
class RecoveryPlan:
    arn: str
    name: str
    created_at: float
    updated_at: float
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    steps: list[PlanStep] = field(default_factory=list)

    @property
    def is_valid(self) -> bool:
        """A plan whose last server step is gone is INVALID. One without any step is not."""
        return not self.steps or any(step.servers for step in self.steps)

    @property
    def server_arns(self) -> list[str]:
        return [server["serverArn"] for step in self.steps for server in step.servers]

    def summary(self) -> Values:
        return {
            "recoveryPlanArn": self.arn,
            "name": self.name,
            "status": "ACTIVE" if self.is_valid else "INVALID",
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
        }

    def to_api(self) -> Values:
        fields = self.summary() | {"tags": dict(self.tags)}
        if self.description is not None:
            fields["description"] = self.description
        return fields


@dataclass(slots=True)
class ExecutionStep:
    """A step of an execution. `job_ids` maps source servers to their latest job; `error` is (code, message)."""

    arn: str
    index: int
    name: str
    servers: list[Values]
    wait_minutes: int | None
    created_at: float
    updated_at: float
    status: str = "NOT_STARTED"
    attempt: int = 1
    job_ids: dict[str, str] = field(default_factory=dict)
    error: tuple[str, str] | None = None

    def end(self, status: str, at: float, error: tuple[str, str] | None = None) -> None:
        self.status, self.updated_at, self.error = status, at, error

    def summary(self) -> Values:
        if self.wait_minutes is not None:
            configuration: Values = {WAIT_STEP: {"waitDurationMinutes": self.wait_minutes}}
        else:
            servers = [server | self._job_member(server["serverArn"]) for server in self.servers]
            configuration = {"executionServerStepConfiguration": {"servers": servers}}
        fields: Values = {
            "recoveryPlanExecutionStepArn": self.arn,
            "stepName": self.name,
            "stepIndex": self.index,
            "status": self.status,
            "configuration": configuration,
        }
        return fields | _error_detail(self.error)

    def to_api(self) -> Values:
        times = {"createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at)}
        return self.summary() | times | {"attempt": self.attempt}

    def _job_member(self, server_arn: str) -> dict[str, str]:
        job_id = self.job_ids.get(server_arn)
        return {"jobID": job_id} if job_id else {}


@dataclass(slots=True)
class PlanExecution:
    """An execution. `snapshots` maps source servers to chosen recovery points; `steps` are copied at the start."""

    arn: str
    plan_arn: str
    mode: str
    started_at: float
    steps: list[ExecutionStep]
    snapshots: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "CREATED"
    completed_at: float | None = None
    error: tuple[str, str] | None = None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES

    @property
    def is_timed_out(self) -> bool:
        return any(step.status == "TIMED_OUT" for step in self.steps)

    def holds(self, server_arn: str) -> bool:
        return any(server["serverArn"] == server_arn for step in self.steps for server in step.servers)

    def summary(self) -> Values:
        fields: Values = {
            "recoveryPlanExecutionArn": self.arn,
            "recoveryPlanArn": self.plan_arn,
            "mode": self.mode,
            "status": self.status,
            "startedAt": iso(self.started_at),
        }
        return fields | _error_detail(self.error)

    def to_api(self) -> Values:
        fields = self.summary() | {"tags": dict(self.tags)}
        if self.completed_at is not None:
            fields["completedAt"] = iso(self.completed_at)
        return fields


def _error_detail(error: tuple[str, str] | None) -> dict[str, Any]:
    return {"errorDetail": {"code": error[0], "message": error[1]}} if error else {}
