"""Automations of Systems Manager: starting one once, finding it again, how it stands, and stopping it.

A start has a client token and a tag, both made of the caller's key. Systems Manager answers a repeated token with the
first automation, for a time that AWS does not document. After that, the tag finds it.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

_NAMESPACE = uuid.UUID("6f1d7c0e-3a52-4a86-9d0b-6b5f2c1e8a47")

# A tag of all automations of drs-waves: the target role lets it read and stop these only.
OWN_TAG = "drs-waves:action"

# Characters that the value of a tag may not have (its model in botocore).
_NO_TAG_VALUE = re.compile(r"[^\w\s.:/=+@-]")


class AutomationOutcome(StrEnum):
    """How an automation stands."""

    RUNNING = "RUNNING"
    WAITING = "WAITING"
    """For an approval or another signal of a person."""
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    CANCELLED = "CANCELLED"

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is final."""
        return self not in (AutomationOutcome.RUNNING, AutomationOutcome.WAITING)


# The AutomationExecutionStatus shape. What it does not have counts as running; the caller has a deadline.
OUTCOMES: Mapping[str, AutomationOutcome] = {
    "Pending": AutomationOutcome.RUNNING,
    "InProgress": AutomationOutcome.RUNNING,
    "RunbookInProgress": AutomationOutcome.RUNNING,
    "Scheduled": AutomationOutcome.RUNNING,
    "Approved": AutomationOutcome.RUNNING,
    "ChangeCalendarOverrideApproved": AutomationOutcome.RUNNING,
    "Cancelling": AutomationOutcome.RUNNING,
    "Waiting": AutomationOutcome.WAITING,
    "PendingApproval": AutomationOutcome.WAITING,
    "PendingChangeCalendarOverride": AutomationOutcome.WAITING,
    "Success": AutomationOutcome.SUCCEEDED,
    "CompletedWithSuccess": AutomationOutcome.SUCCEEDED,
    "Failed": AutomationOutcome.FAILED,
    "CompletedWithFailure": AutomationOutcome.FAILED,
    "Rejected": AutomationOutcome.FAILED,
    "ChangeCalendarOverrideRejected": AutomationOutcome.FAILED,
    "TimedOut": AutomationOutcome.TIMED_OUT,
    "Cancelled": AutomationOutcome.CANCELLED,
    "Exited": AutomationOutcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class AutomationState:
    """An automation. `status` is the word of Systems Manager, `step` the one that runs, and `output` its outputs.

    `failure` and `output` have at most 500 characters.
    """

    execution_id: str
    outcome: AutomationOutcome
    status: str
    step: str
    failure: str
    output: str

    @classmethod
    def from_ssm(cls, item: Mapping[str, Any]) -> "AutomationState":
        """Read the AutomationExecution shape."""
        status = item.get("AutomationExecutionStatus", "")
        outputs = item.get("Outputs") or {}
        return cls(
            execution_id=item["AutomationExecutionId"],
            outcome=OUTCOMES.get(status, AutomationOutcome.RUNNING),
            status=status,
            step=item.get("CurrentStepName", ""),
            failure=calls.shorten(item.get("FailureMessage")),
            output=calls.shorten("\n".join(f"{name}: {', '.join(outputs[name])}" for name in sorted(outputs))),
        )


def token_of(key: str) -> str:
    """The client token of starts with this key."""
    return str(uuid.uuid5(_NAMESPACE, key))


def tag_of(key: str) -> str:
    """The key of the tag by which automations with this key are found: a filter takes keys of tags, and no values."""
    return f"{OWN_TAG}:{token_of(key)}"


def start(
    target: Target,
    document: str,
    version: str | None,
    parameters: Mapping[str, Sequence[str]],
    key: str,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Start an automation and return its id; that of the first one if it was started with this key shortly before.

    Raise NotInTarget (document or version), TargetRefused (parameters), TargetAccessDenied, and errors that are
    transient: AwsUnavailable with `sent` True means that it may have started, see `find`.
    """
    values = {**(tags or {}), OWN_TAG: key, tag_of(key): ""}
    optional: dict[str, Any] = {"DocumentVersion": version} if version else {}
    if parameters:
        optional["Parameters"] = {name: list(each) for name, each in parameters.items()}
    answer = calls.change(
        target,
        "ssm",
        "start_automation_execution",
        permission=Permission.AUTOMATIONS,
        hidden=[value for each in parameters.values() for value in each],
        DocumentName=document,
        **optional,
        ClientToken=token_of(key),
        Tags=[{"Key": name, "Value": _NO_TAG_VALUE.sub("-", value)[:256]} for name, value in values.items()],
    )
    return str(answer["AutomationExecutionId"])


def find(target: Target, key: str) -> AutomationState | None:
    """The oldest automation with this key; None if there is none, or if it is not shown yet.

    It has no failure message and no output: ask `get`. Raise TargetAccessDenied, and errors that are transient.
    """
    found, token = list[AutomationState](), dict[str, str]()
    while True:
        answer = calls.read(
            target,
            "ssm",
            "describe_automation_executions",
            permission=Permission.AUTOMATIONS,
            Filters=[{"Key": "TagKey", "Values": [tag_of(key)]}],
            MaxResults=50,
            **token,
        )
        found += map(AutomationState.from_ssm, answer["AutomationExecutionMetadataList"])
        if not answer.get("NextToken"):  # a page may be empty although more follow
            return found[-1] if found else None
        token = {"NextToken": answer["NextToken"]}


def get(target: Target, execution_id: str) -> AutomationState:
    """How an automation stands. Raise NotInTarget, TargetAccessDenied, and errors that are transient."""
    answer = calls.read(
        target,
        "ssm",
        "get_automation_execution",
        permission=Permission.AUTOMATIONS,
        AutomationExecutionId=execution_id,
    )
    return AutomationState.from_ssm(answer["AutomationExecution"])


def stop(target: Target, execution_id: str) -> bool:
    """Cancel an automation, with the step that runs; False if it has ended, is being cancelled or does not exist.

    Raise TargetAccessDenied, and errors that are transient.
    """
    try:
        calls.change(
            target,
            "ssm",
            "stop_automation_execution",
            permission=Permission.AUTOMATIONS,
            AutomationExecutionId=execution_id,
            Type="Cancel",
        )
    except NotInTarget:
        return False
    except TargetRefused as error:
        if error.facts["code"] != "InvalidAutomationStatusUpdateException":
            raise
        return False
    return True
