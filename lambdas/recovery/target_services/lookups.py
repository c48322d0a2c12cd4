"""Whether checks and actions could run in a target: what they need exists there, and the role may read it.

A parameter of cfn/target_account.yaml permits the start of a thing together with the reading of it, so a refused
reading says that the parameter lacks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import calls
from recovery.target_services.permissions import Permission


class DocumentKind(StrEnum):
    """The types of documents that checks and actions run."""

    COMMAND = "Command"
    AUTOMATION = "Automation"


_PERMISSIONS = {DocumentKind.COMMAND: Permission.COMMANDS, DocumentKind.AUTOMATION: Permission.AUTOMATIONS}


@dataclass(frozen=True, slots=True)
class DocumentParameter:
    """A parameter: its name, its type (String or StringList), and whether it has no default."""

    name: str
    kind: str
    is_required: bool

    @classmethod
    def from_ssm(cls, item: Mapping[str, Any]) -> "DocumentParameter":
        """Read the DocumentParameter shape. One without a default value is required (API reference)."""
        return cls(item["Name"], item.get("Type", "String"), "DefaultValue" not in item)


@dataclass(frozen=True, slots=True)
class Document:
    """A document of Systems Manager. `platforms` are Linux, Windows and MacOS, as far as it runs on them."""

    name: str
    version: str
    kind: DocumentKind
    parameters: tuple[DocumentParameter, ...]
    platforms: tuple[str, ...]


def find_document(target: Target, name: str, version: str | None, kind: DocumentKind) -> Document:
    """Describe a document. Raise NotInTarget (also for an unknown version), TargetRefused if it is of another type or
    not active, TargetAccessDenied, and errors that are transient.
    """
    optional: dict[str, Any] = {"DocumentVersion": version} if version else {}
    answer = calls.read(
        target,
        "ssm",
        "describe_document",
        permission=_PERMISSIONS[kind],
        Name=name,
        **optional,
    )["Document"]
    where = f"DescribeDocument in {target.key}: {name}"
    if answer.get("DocumentType") != kind:
        raise TargetRefused(f"{where} has the type {answer.get('DocumentType')}, not {kind}", code="WrongType")
    if answer.get("Status", "Active") not in ("Active", "Updating"):
        raise TargetRefused(f"{where} has the status {answer['Status']}", code="NotActive")
    return Document(
        name=answer.get("Name", name),
        version=answer.get("DocumentVersion", version or ""),
        kind=kind,
        parameters=tuple(map(DocumentParameter.from_ssm, answer.get("Parameters") or ())),
        platforms=tuple(answer.get("PlatformTypes") or ()),
    )


def find_function(target: Target, function: str) -> None:
    """Ask whether the function exists. Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are
    transient.
    """
    calls.read(target, "lambda", "get_function_configuration", permission=Permission.FUNCTIONS, FunctionName=function)


def find_state_machine(target: Target, machine_arn: str) -> None:
    """Ask whether the machine exists. Raise NotInTarget (also for one that is being deleted), TargetRefused for an
    express machine, whose executions cannot be described, TargetAccessDenied, and errors that are transient.
    """
    answer = calls.read(
        target,
        "stepfunctions",
        "describe_state_machine",
        permission=Permission.STATE_MACHINES,
        stateMachineArn=machine_arn,
    )
    where = f"DescribeStateMachine in {target.key}: {machine_arn}"
    if answer.get("status", "ACTIVE") != "ACTIVE":
        raise NotInTarget(f"{where} is being deleted", code="StateMachineDeleting")
    if answer.get("type", "STANDARD") != "STANDARD":
        raise TargetRefused(f"{where} is an express machine, which cannot be followed", code="WrongType")


def find_event_bus(target: Target, bus: str) -> None:
    """Ask whether the bus exists. Raise NotInTarget, TargetAccessDenied, and errors that are transient."""
    calls.read(target, "events", "describe_event_bus", permission=Permission.EVENT_BUSES, Name=bus)


def find_target_group(target: Target, target_group_arn: str) -> None:
    """Ask whether the group exists. Raise NotInTarget, TargetAccessDenied, and errors that are transient."""
    calls.read(target, "elbv2", "describe_target_health", permission=Permission.CHECKS, TargetGroupArn=target_group_arn)


def try_checks(target: Target) -> None:
    """Ask whether instances and their agents may be looked at. Raise TargetAccessDenied, and errors that are
    transient.
    """
    calls.read(target, "ec2", "describe_instance_status", permission=Permission.CHECKS, MaxResults=5)
    calls.read(target, "ssm", "describe_instance_information", permission=Permission.CHECKS, MaxResults=5)
