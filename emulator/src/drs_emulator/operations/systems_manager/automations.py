"""Operations of Automation."""

import json
import uuid
from typing import Any

from drs_emulator.errors import NotBuilt, Refused
from drs_emulator.ids import digest
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.systems_manager.documents import check_parameters, find_versions, pick_version
from drs_emulator.operations.systems_manager.paging import forget_oldest, newest_first, paginate_ssm, read_time
from drs_emulator.records.automation import Automation, AutomationStep
from drs_emulator.records.ssm_document import SsmDocument
from drs_emulator.simulation.systems_manager import automation_run

NOT_BUILT = (
    "TargetLocations",
    "TargetLocationsURL",
    "Targets",
    "TargetMaps",
    "TargetParameterName",
    "AlarmConfiguration",
)
MAX_OPEN = 1100  # 100 run at a time and 1,000 wait, by the service quotas; the emulator runs them all at once
FORGOTTEN_SECONDS = 600.0  # after which a client token is new again, if the behaviour forgets them


@operation("StartAutomationExecution", "ssm")
def start_automation_execution(call: Call) -> dict[str, Any]:
    """With a client token, a repeated call returns the first execution. Targets and other accounts are missing."""
    sent = call.input
    for name in NOT_BUILT:
        if sent.get(name):
            raise NotBuilt(f"The emulator does not implement {name} of StartAutomationExecution")
    if known := _find_token(call):
        return {"AutomationExecutionId": known}
    document, parameters = _find_document(call), sent.get("Parameters") or {}
    check_parameters(document, parameters, "InvalidAutomationExecutionParametersException")
    target = call.target
    if sum(not each.has_ended for each in target.automations.values()) >= MAX_OPEN:
        raise Refused("AutomationExecutionLimitExceededException", f"{MAX_OPEN} automations are running or waiting.")
    target.automations_made += 1
    automation = Automation(
        id=str(uuid.uuid4()),
        number=target.automations_made,
        target=target.key,
        document=document.name,
        version=str(document.version),
        parameters={each.name: [each.default] for each in document.parameters if each.default} | parameters,
        mode=sent.get("Mode") or "Auto",
        started_at=call.now,
        steps=[AutomationStep(step, str(uuid.uuid4())) for step in document.steps],
        tags={tag["Key"]: tag["Value"] for tag in sent.get("Tags") or ()},
    )
    automation_run.start(call.world, target, automation)
    forget_oldest(target.automations, call.world.settings.jobs_kept)
    if token := sent.get("ClientToken"):
        target.automation_tokens[token.lower()] = (_fingerprint(sent), automation.id, call.now)
    return {"AutomationExecutionId": automation.id}


def _find_document(call: Call) -> SsmDocument:
    """Raise Refused."""
    name = call.input["DocumentName"]
    versions = find_versions(call.target, name)
    if not versions or versions[-1].kind != "Automation":
        raise Refused("AutomationDefinitionNotFoundException", f"Automation document {name} does not exist.")
    document = pick_version(versions, call.input.get("DocumentVersion"))
    if document is None:
        raise Refused("AutomationDefinitionVersionNotFoundException", "The document has no such version.")
    return document


def _find_token(call: Call) -> str | None:
    """Return the execution of the client token, which is case insensitive. Raise Refused for another request."""
    known = call.target.automation_tokens.get((call.input.get("ClientToken") or "").lower())
    if known is None:
        return None
    fingerprint, automation_id, used_at = known
    forgets = call.world.settings.behaviour.automation_tokens == "forgotten"
    if forgets and call.now >= used_at + FORGOTTEN_SECONDS:
        return None
    if fingerprint != _fingerprint(call.input):
        raise Refused("IdempotentParameterMismatch", "The client token was used for a request with other parameters.")
    return automation_id


def _fingerprint(sent: dict[str, Any]) -> str:
    return digest(json.dumps({name: value for name, value in sent.items() if name != "ClientToken"}, sort_keys=True))


def _find(call: Call) -> Automation:
    automation = call.target.automations.get(call.input["AutomationExecutionId"])
    if automation is None:
        raise Refused(
            "AutomationExecutionNotFoundException",
            f"Automation execution {call.input['AutomationExecutionId']} does not exist.",
        )
    return automation


@operation("GetAutomationExecution", "ssm")
def get_automation_execution(call: Call) -> dict[str, Any]:
    return {"AutomationExecution": _find(call).to_api()}


@operation("ListTagsForResource", "ssm")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """Of automations; no other resource of Systems Manager has tags here."""
    kind, resource_id = call.input["ResourceType"], call.input["ResourceId"]
    if kind != "Automation":
        raise NotBuilt(f"The emulator does not implement tags of the resource type {kind}")
    automation = call.target.automations.get(resource_id)
    if automation is None:
        raise Refused("InvalidResourceId", f"Automation execution {resource_id} does not exist.")
    return {"TagList": [{"Key": name, "Value": value} for name, value in automation.tags.items()]}


@operation("DescribeAutomationExecutions", "ssm")
def describe_automation_executions(call: Call) -> dict[str, Any]:
    """Newest first."""
    asked = {each["Key"]: each["Values"] for each in call.input.get("Filters") or ()}
    newest = sorted(call.target.automations.values(), key=lambda each: -each.number)
    matching = [each for each in newest if _matches(each, asked)]
    name = "AutomationExecutionMetadataList"
    return paginate_ssm(
        call,
        matching,
        lambda each: newest_first(each.number),
        lambda each: each.summary() | {"AutomationType": "Local"},
        name,
    )


def _matches(automation: Automation, asked: dict[str, list[str]]) -> bool:
    for key, values in asked.items():
        match key:
            case "ExecutionId":
                fits = automation.id in values
            case "ExecutionStatus":
                fits = automation.status in values
            case "DocumentNamePrefix":
                fits = automation.document.startswith(tuple(values))
            case "StartTimeBefore":
                fits = automation.started_at <= read_time(key, values[0])
            case "StartTimeAfter":
                fits = automation.started_at >= read_time(key, values[0])
            case "TagKey":
                fits = bool(automation.tags.keys() & set(values))
            case _:
                raise Refused("InvalidFilterKey", f"The emulator does not implement the filter {key}.")
        if not fits:
            return False
    return True


@operation("DescribeAutomationStepExecutions", "ssm")
def describe_automation_step_executions(call: Call) -> dict[str, Any]:
    """In the order of the document, or the reverse."""
    asked = {each["Key"]: each["Values"] for each in call.input.get("Filters") or ()}
    readers = {
        "StepExecutionStatus": lambda step: step.status,
        "StepExecutionId": lambda step: step.id,
        "StepName": lambda step: step.step.name,
        "Action": lambda step: step.step.action,
    }
    if unknown := asked.keys() - readers.keys():
        raise Refused("InvalidFilterKey", f"The emulator does not implement the filter {min(unknown)}.")
    steps = _find(call).steps
    numbered = list(enumerate(reversed(steps) if call.input.get("ReverseOrder") else steps))
    matching = [entry for entry in numbered if all(readers[key](entry[1]) in asked[key] for key in asked)]
    return paginate_ssm(
        call, matching, lambda entry: f"{entry[0]:04}", lambda entry: entry[1].to_api(), "StepExecutions"
    )


@operation("StopAutomationExecution", "ssm")
def stop_automation_execution(call: Call) -> dict[str, Any]:
    automation = _find(call)
    if automation.has_ended or automation.status == "Cancelling":
        raise Refused(
            "InvalidAutomationStatusUpdateException", f"The automation is {automation.status} and cannot be stopped."
        )
    automation_run.stop(call.world, automation, call.now, completes=call.input.get("Type") == "Complete")
    return {}


@operation("SendAutomationSignal", "ssm")
def send_automation_signal(call: Call) -> dict[str, Any]:
    """Approve and Reject end a step aws:approve, Resume ends a step aws:pause. The other signals are missing."""
    automation, signal = _find(call), call.input["SignalType"]
    action = {"Approve": "aws:approve", "Reject": "aws:approve", "Resume": "aws:pause"}.get(signal)
    if action is None:
        raise NotBuilt(f"The emulator does not implement the signal {signal}")
    step = automation.current
    if step is None or step.status != "Waiting" or step.step.action != action:
        raise Refused("InvalidAutomationSignalException", f"No step of the automation waits for {signal}.")
    names = (call.input.get("Payload") or {}).get("StepName")
    if names and step.step.name not in names:
        raise Refused("AutomationStepNotFoundException", f"The step {names[0]} does not wait.")
    status, failure = ("Failed", "The request was rejected") if signal == "Reject" else ("Success", "")
    automation_run.end_step(call.world, automation, step, status, call.now, failure)
    return {}
