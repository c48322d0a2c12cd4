"""State machines of a target. The name of an execution makes its start unique."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import calls
from recovery.target_services.permissions import Permission


class ExecutionOutcome(StrEnum):
    """How an execution stands."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is final."""
        return self is not ExecutionOutcome.RUNNING


# Step Functions' statuses. PENDING_REDRIVE runs again.
OUTCOMES: Mapping[str, ExecutionOutcome] = {
    "RUNNING": ExecutionOutcome.RUNNING,
    "PENDING_REDRIVE": ExecutionOutcome.RUNNING,
    "SUCCEEDED": ExecutionOutcome.SUCCEEDED,
    "FAILED": ExecutionOutcome.FAILED,
    "TIMED_OUT": ExecutionOutcome.TIMED_OUT,
    "ABORTED": ExecutionOutcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class ExecutionState:
    """An execution. `error` is its error and cause, `output` the beginning of its output as JSON."""

    execution_arn: str
    outcome: ExecutionOutcome
    error: str
    output: str


def execution_arn(machine_arn: str, name: str) -> str:
    """The ARN of an execution of this name. The machine may be named by a version or an alias."""
    parts = machine_arn.split(":")[:7]
    return ":".join([*parts[:5], "execution", *parts[6:], name])


def start(target: Target, machine_arn: str, name: str, payload: Mapping[str, Any]) -> str:
    """Start an execution, or find the one of this name; return its ARN.

    An execution of the name that has ended, or that has another input, is not started again. Raise NotInTarget,
    TargetRefused (an express machine too), TargetAccessDenied, and errors that are transient; a repeated start is safe.
    """
    if ":express:" in machine_arn:
        raise TargetRefused(f"StartExecution in {target.key}: {machine_arn} is not a state machine", code="InvalidArn")
    try:
        answer = calls.change(
            target,
            "stepfunctions",
            "start_execution",
            permission=Permission.STATE_MACHINES,
            stateMachineArn=machine_arn,
            name=name,
            input=json.dumps(payload),
        )
    except TargetRefused as error:
        if error.facts["code"] != "ExecutionAlreadyExists":
            raise
        return execution_arn(machine_arn, name)
    return str(answer["executionArn"])


def describe(target: Target, arn: str) -> ExecutionState:
    """How an execution stands. Raise NotInTarget, TargetAccessDenied, and errors that are transient."""
    answer = calls.read(
        target, "stepfunctions", "describe_execution", permission=Permission.STATE_MACHINES, executionArn=arn
    )
    return ExecutionState(
        execution_arn=arn,
        outcome=OUTCOMES.get(answer["status"], ExecutionOutcome.RUNNING),
        error=calls.shorten(": ".join(text for text in (answer.get("error"), answer.get("cause")) if text)),
        output=calls.shorten(answer.get("output")),
    )


def stop(target: Target, arn: str, cause: str) -> bool:
    """Stop an execution; False if there is none. One that has ended stays as it is.

    Raise TargetAccessDenied, and errors that are transient.
    """
    try:
        calls.change(
            target,
            "stepfunctions",
            "stop_execution",
            permission=Permission.STATE_MACHINES,
            executionArn=arn,
            error="Cancelled",
            cause=cause[: calls.MAX_OUTPUT],
        )
    except NotInTarget:
        return False
    return True
