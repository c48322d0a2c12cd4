"""Run Command of Systems Manager: sending a command to instances, finding it again, its results, and stopping it.

SendCommand has no client token. A command carries the caller's key as its comment, so that one whose answer was lost is
found before it is sent again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from recovery import clock
from recovery.domain.target import Target
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import calls
from recovery.target_services.known_ids import named_in
from recovery.target_services.permissions import Permission

# SendCommand takes at most 50 ids, a comment of 100 characters, and 30 seconds to 30 days for the delivery (its model
# in botocore).
MAX_IDS = 50
MAX_COMMENT = 100
DELIVERY_SECONDS = (30, 2_592_000)

# AWS's documents that run scripts; which of them a server takes depends on its platform.
SHELL_DOCUMENT, POWERSHELL_DOCUMENT = "AWS-RunShellScript", "AWS-RunPowerShellScript"

# A page of ListCommands and of ListCommandInvocations has at most 50 items (their models in botocore).
PAGE = 50

# A thousand commands of the document since the first one was sent. Others use the account too.
MAX_PAGES = 20

# The response code of a step that has not ended, or that never began.
_NO_CODE = -1

# Clocks may differ by so much.
SKEW_SECONDS = 60


class CommandOutcome(StrEnum):
    """How a command stands on an instance."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    """It began and did not end in its time."""
    NOT_DELIVERED = "NOT_DELIVERED"
    """The agent did not get it."""
    CANCELLED = "CANCELLED"

    @property
    def has_ended(self) -> bool:
        """Whether the outcome is final."""
        return self is not CommandOutcome.RUNNING


# StatusDetails, and Status where they are the same, without blanks ("Understanding command statuses", user guide).
OUTCOMES: Mapping[str, CommandOutcome] = {
    "Pending": CommandOutcome.RUNNING,
    "InProgress": CommandOutcome.RUNNING,
    "Delayed": CommandOutcome.RUNNING,
    "Cancelling": CommandOutcome.RUNNING,
    "Success": CommandOutcome.SUCCEEDED,
    "Failed": CommandOutcome.FAILED,
    "Incomplete": CommandOutcome.FAILED,
    "TimedOut": CommandOutcome.TIMED_OUT,
    "ExecutionTimedOut": CommandOutcome.TIMED_OUT,
    "DeliveryTimedOut": CommandOutcome.NOT_DELIVERED,
    "Undeliverable": CommandOutcome.NOT_DELIVERED,
    "InvalidPlatform": CommandOutcome.NOT_DELIVERED,
    "AccessDenied": CommandOutcome.NOT_DELIVERED,
    "RateExceeded": CommandOutcome.NOT_DELIVERED,
    "NoInstancesInTag": CommandOutcome.NOT_DELIVERED,
    "Terminated": CommandOutcome.CANCELLED,
    "Cancelled": CommandOutcome.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class SentCommand:
    """A command, and the instances that Systems Manager does not take commands for. Without others there is no id."""

    command_id: str | None
    unmanaged: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundCommand:
    """A command that was sent before, and the instances that it was sent to."""

    command_id: str
    instance_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command on an instance. `detail` is the status in the words of Systems Manager, without blanks.

    `response_code` is None until a script has ended. `output` is that of the steps that failed, or else of all.
    """

    instance_id: str
    outcome: CommandOutcome
    detail: str
    response_code: int | None
    output: str

    @classmethod
    def from_ssm(cls, item: Mapping[str, Any]) -> "Invocation":
        """Read the CommandInvocation shape. A status that is not known counts as running; the caller has a deadline."""
        status = item.get("Status", "")
        detail = (item.get("StatusDetails") or status).replace(" ", "")
        outcome = OUTCOMES.get(detail) or OUTCOMES.get(status, CommandOutcome.RUNNING)
        steps = _steps_that_count(item.get("CommandPlugins") or [])
        code = steps[-1].get("ResponseCode", _NO_CODE) if steps and outcome.has_ended else _NO_CODE
        return cls(
            instance_id=item["InstanceId"],
            outcome=outcome,
            detail=detail,
            response_code=None if code == _NO_CODE else code,
            output=calls.shorten("\n".join(each["Output"] for each in steps if each.get("Output"))),
        )


def _steps_that_count(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps of a document that failed, or else all."""
    wrong = [each for each in steps if each.get("ResponseCode", 0) > 0 or each.get("Status") == "Failed"]
    return wrong or steps


def comment_of(key: str) -> str:
    """The comment of commands with this key: the key itself, or its digest if it is too long for a comment."""
    return key if len(key) <= MAX_COMMENT else f"drs-waves {hashlib.sha256(key.encode()).hexdigest()}"


def send(
    target: Target,
    document: str,
    version: str | None,
    parameters: Mapping[str, Sequence[str]],
    instance_ids: Sequence[str],
    key: str,
    timeout_seconds: int,
) -> SentCommand:
    """Send a command to at most 50 instances; a failure on one does not keep it from the others.

    `timeout_seconds` is the time for its delivery; how long it may run is a parameter of the document. Instances that
    are not managed are left out, and the others get the command. Raise NotInTarget (document or version), TargetRefused
    (parameters, platform), TargetAccessDenied, and errors that are transient: AwsUnavailable with `sent` True means
    that the command may have been sent, see `find`.
    """
    if len(instance_ids) > MAX_IDS:
        raise ValueError(f"a command is sent to at most {MAX_IDS} instances, not {len(instance_ids)}")
    ids, unmanaged = sorted(set(instance_ids)), frozenset[str]()
    optional: dict[str, Any] = {"DocumentVersion": version} if version else {}
    while ids:
        try:
            answer = calls.change(
                target,
                "ssm",
                "send_command",
                permission=Permission.COMMANDS,
                hidden=[value for values in parameters.values() for value in values],
                DocumentName=document,
                **optional,
                Parameters={name: list(values) for name, values in parameters.items()},
                InstanceIds=ids,
                Comment=comment_of(key),
                TimeoutSeconds=min(max(timeout_seconds, DELIVERY_SECONDS[0]), DELIVERY_SECONDS[1]),
                MaxConcurrency=str(MAX_IDS),
                MaxErrors="100%",
            )
        except TargetRefused as error:
            if error.facts["code"] != "InvalidInstanceId":
                raise
            unmanaged |= named_in(error, ids) or frozenset(ids)
            ids = [each for each in ids if each not in unmanaged]
        else:
            return SentCommand(answer["Command"]["CommandId"], unmanaged)
    return SentCommand(None, unmanaged)


def find(target: Target, document: str, key: str, sent_after: float) -> FoundCommand | None:
    """The newest command of the document with this key; None if there is none, or if it is not shown yet.

    `sent_after` (epoch seconds) bounds the search. Raise TargetRefused if the account has sent more than a
    thousand commands of the document since then, so that the answer is unknown; TargetAccessDenied, and errors that are
    transient.
    """
    filters = [{"key": "InvokedAfter", "value": clock.iso(sent_after - SKEW_SECONDS)[:19] + "Z"}]
    if ":" not in document:  # a command names its document without the ARN that it was sent with
        filters.append({"key": "DocumentName", "value": document})
    comment = comment_of(key)
    pages = calls.read_pages(
        target, "ssm", "list_commands", permission=Permission.COMMANDS, Filters=filters, MaxResults=PAGE
    )
    for page in islice(pages, MAX_PAGES):
        for command in page["Commands"]:
            if command.get("Comment") == comment:
                return FoundCommand(str(command["CommandId"]), frozenset(command.get("InstanceIds", ())))
    if not page.get("NextToken"):
        return None
    raise TargetRefused(
        f"ListCommands in {target.key}: more than {MAX_PAGES * PAGE} commands of {document} since then",
        advice="Look for the command in the console of Systems Manager, by its comment.",
        code="TooManyCommands",
    )


def list_invocations(target: Target, command_id: str) -> dict[str, Invocation]:
    """The command on each instance; instances are missing while it is new. One call for 50 instances.

    Systems Manager itself cuts the output of a step to 2,500 characters. Raise TargetAccessDenied, and errors that are
    transient.
    """
    pages = calls.read_pages(
        target,
        "ssm",
        "list_command_invocations",
        permission=Permission.COMMANDS,
        CommandId=command_id,
        Details=True,
        MaxResults=PAGE,
    )
    found = (Invocation.from_ssm(item) for page in pages for item in page["CommandInvocations"])
    return {each.instance_id: each for each in found}


def cancel(target: Target, command_id: str) -> bool:
    """Ask for the end of the command on all its instances; False if there is no such command.

    Systems Manager does not promise that a script that runs is stopped. Raise TargetAccessDenied, and errors that are
    transient.
    """
    try:
        calls.change(target, "ssm", "cancel_command", permission=Permission.COMMANDS, CommandId=command_id)
    except NotInTarget:
        return False
    return True
