"""Executions of automations, step by step."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.records.ssm_document import DocumentStep
from drs_emulator.target_key import TargetKey

ENDED = {"Success", "TimedOut", "Cancelled", "Failed"}
DEFAULT_TIMEOUTS = {"aws:approve": 7 * 86400.0}  # as the action's reference says
TIMEOUT_SECONDS = 3600.0


@dataclass(slots=True)
class AutomationStep:
    """A step of an execution. It has one attempt."""

    step: DocumentStep
    id: str
    status: str = "Pending"
    started_at: float | None = None
    ended_at: float | None = None
    failure: str = ""

    @property
    def timeout_seconds(self) -> float:
        return self.step.timeout_seconds or DEFAULT_TIMEOUTS.get(self.step.action, TIMEOUT_SECONDS)

    @property
    def waits_for_signal(self) -> bool:
        return self.step.action in ("aws:approve", "aws:pause")

    def end(self, status: str, at: float, failure: str = "") -> None:
        self.status, self.ended_at, self.failure = status, at, failure

    def to_api(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "StepName": self.step.name,
            "Action": self.step.action,
            "TimeoutSeconds": int(self.timeout_seconds),
            "OnFailure": self.step.on_failure,
            "MaxAttempts": 1,
            "StepStatus": self.status,
            "Inputs": {},
            "StepExecutionId": self.id,
            "IsCritical": self.step.is_critical,
        }
        if self.status == "Success" and self.step.outputs:
            shown["Outputs"] = self.step.outputs
        if self.started_at is not None:
            shown["ExecutionStartTime"] = self.started_at
        if self.ended_at is not None:
            shown["ExecutionEndTime"] = self.ended_at
        if self.status == "Success":
            shown["ResponseCode"] = "0"
        if self.failure:
            shown["FailureMessage"] = self.failure
            shown["FailureDetails"] = {"FailureStage": "Invocation", "FailureType": self.status}
        return shown


@dataclass(slots=True)
class Automation:
    """An execution of an automation. `stop_after_step` says that it was told to end after its running step."""

    id: str
    number: int
    target: TargetKey
    document: str
    version: str
    parameters: dict[str, list[str]]
    mode: str
    started_at: float
    steps: list[AutomationStep]
    tags: dict[str, str] = field(default_factory=dict)
    status: str = "Pending"
    ended_at: float | None = None
    failure: str = ""
    stop_after_step: bool = False

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED

    @property
    def current(self) -> AutomationStep | None:
        return next((each for each in self.steps if each.status in ("InProgress", "Waiting", "Cancelling")), None)

    def end(self, status: str, at: float, failure: str = "") -> None:
        self.status, self.ended_at, self.failure = status, at, failure

    def outputs(self) -> dict[str, list[str]]:
        done = (each for each in self.steps if each.status == "Success")
        return {f"{each.step.name}.{name}": value for each in done for name, value in each.step.outputs.items()}

    def summary(self) -> dict[str, Any]:
        """Return what DescribeAutomationExecutions shows."""
        shown: dict[str, Any] = {
            "AutomationExecutionId": self.id,
            "DocumentName": self.document,
            "DocumentVersion": self.version,
            "AutomationExecutionStatus": self.status,
            "ExecutionStartTime": self.started_at,
            "ExecutedBy": f"arn:aws:sts::{self.target.account}:assumed-role/caller/session",
            "Mode": self.mode,
            "Targets": [],
            "ResolvedTargets": {"ParameterValues": [], "Truncated": False},
        }
        if outputs := self.outputs():
            shown["Outputs"] = outputs
        if self.ended_at is not None:
            shown["ExecutionEndTime"] = self.ended_at
        if self.failure:
            shown["FailureMessage"] = self.failure
        if current := self.current:
            shown |= {"CurrentStepName": current.step.name, "CurrentAction": current.step.action}
        return shown

    def to_api(self) -> dict[str, Any]:
        shown = self.summary() | {
            "StepExecutions": [each.to_api() for each in self.steps],
            "StepExecutionsTruncated": False,
            "ProgressCounters": {
                "TotalSteps": len(self.steps),
                "SuccessSteps": sum(each.status == "Success" for each in self.steps),
                "FailedSteps": sum(each.status == "Failed" for each in self.steps),
                "CancelledSteps": sum(each.status == "Cancelled" for each in self.steps),
                "TimedOutSteps": sum(each.status == "TimedOut" for each in self.steps),
            },
        }
        return shown | {"Parameters": self.parameters} if self.parameters else shown
