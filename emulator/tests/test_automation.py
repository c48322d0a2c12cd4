"""Automation: executions of documents, step by step."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, REGION, EmulatorClient

TARGET = {"accountId": ACCOUNT, "region": REGION}
FREEZE = {
    "name": "Shop-FreezeWrites",
    "type": "Automation",
    "parameters": ["Mode", {"name": "Hosts", "type": "StringList", "default": "all"}],
    "steps": [
        {"name": "stopIngress", "seconds": 30},
        {"name": "drainQueues", "seconds": 60, "outputs": {"Drained": ["17"]}},
    ],
}


def add(emulator: EmulatorClient, document: dict[str, Any] = FREEZE, **changes: Any) -> str:
    status, answer = emulator.control("POST", "ssm-documents", TARGET | document | changes)
    assert status == 201, answer
    return str(answer["name"])


def start(emulator: EmulatorClient, document: str = "Shop-FreezeWrites", **more: Any) -> str:
    asked = {"Parameters": {"Mode": ["drill"]}} | more
    return str(emulator.ssm.start_automation_execution(DocumentName=document, **asked)["AutomationExecutionId"])


def look(emulator: EmulatorClient, execution: str) -> Any:
    return emulator.ssm.get_automation_execution(AutomationExecutionId=execution)["AutomationExecution"]


def states(emulator: EmulatorClient, execution: str) -> list[str]:
    """The status of the execution, then those of its steps."""
    shown = look(emulator, execution)
    return [shown["AutomationExecutionStatus"], *[each["StepStatus"] for each in shown["StepExecutions"]]]


def test_an_automation_runs_its_steps_one_after_another(emulator: EmulatorClient) -> None:
    add(emulator)
    execution = start(emulator)
    seen = [states(emulator, execution)]
    for seconds in (2, 30, 60):
        emulator.advance(seconds)
        seen.append(states(emulator, execution))
    assert seen == [
        ["Pending", "Pending", "Pending"],
        ["InProgress", "InProgress", "Pending"],
        ["InProgress", "Success", "InProgress"],
        ["Success", "Success", "Success"],
    ]
    shown = look(emulator, execution)
    assert shown["Outputs"] == {"drainQueues.Drained": ["17"]}
    assert shown["Parameters"] == {"Mode": ["drill"], "Hosts": ["all"]}
    assert (shown["ExecutionEndTime"] - shown["ExecutionStartTime"]).total_seconds() == 91
    assert shown["ProgressCounters"]["SuccessSteps"] == 2


def test_a_client_token_starts_one_execution_only(emulator: EmulatorClient) -> None:
    add(emulator)
    token = str(uuid.uuid4())
    first = start(emulator, ClientToken=token)
    assert start(emulator, ClientToken=token.upper()) == first  # tokens are case insensitive
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        start(emulator, ClientToken=token, Parameters={"Mode": ["recovery"]})
    emulator.advance(3600)
    assert start(emulator, ClientToken=token) == first
    emulator.change(behaviour={"automationTokens": "forgotten"})
    assert start(emulator, ClientToken=token) != first
    assert start(emulator) != start(emulator)


def test_a_step_that_fails_ends_the_automation(emulator: EmulatorClient) -> None:
    add(emulator)
    emulator.rule("AUTOMATION", step="stopIngress", effect="FAILS", message="The load balancer refuses", count=1)
    execution = start(emulator)
    emulator.advance(40)
    assert states(emulator, execution) == ["Failed", "Failed", "Pending"]
    assert "The load balancer refuses" in look(emulator, execution)["FailureMessage"]
    again = start(emulator)
    emulator.advance(100)
    assert states(emulator, again)[0] == "Success"


@pytest.mark.parametrize(("is_critical", "expected"), [(True, "Failed"), (False, "Success")])
def test_a_step_that_may_fail_lets_the_next_one_run(emulator: EmulatorClient, is_critical: bool, expected: str) -> None:
    first = {"name": "stopIngress", "seconds": 5, "onFailure": "Continue", "isCritical": is_critical}
    add(emulator, steps=[first, {"name": "drainQueues", "seconds": 5}])
    emulator.rule("AUTOMATION", step="stopIngress", effect="FAILS")
    execution = start(emulator)
    emulator.advance(20)
    assert states(emulator, execution) == [expected, "Failed", "Success"]


def test_a_step_that_hangs_times_out(emulator: EmulatorClient) -> None:
    add(emulator, steps=[{"name": "stopIngress", "seconds": 5, "timeoutSeconds": 120}])
    emulator.rule("AUTOMATION", document="Shop-FreezeWrites", effect="HANGS")
    execution = start(emulator)
    emulator.advance(120)
    assert states(emulator, execution) == ["InProgress", "InProgress"]
    emulator.advance(2)
    assert states(emulator, execution) == ["TimedOut", "TimedOut"]


def test_an_automation_that_is_cancelled_half_way(emulator: EmulatorClient) -> None:
    add(emulator)
    emulator.rule("AUTOMATION", step="drainQueues", effect="IS_CANCELLED", seconds=10)
    execution = start(emulator)
    emulator.advance(45)
    assert states(emulator, execution) == ["Cancelled", "Success", "Cancelled"]


def test_a_stop_cancels_the_running_step(emulator: EmulatorClient) -> None:
    add(emulator)
    execution = start(emulator)
    emulator.advance(10)
    emulator.ssm.stop_automation_execution(AutomationExecutionId=execution)
    assert states(emulator, execution) == ["Cancelling", "Cancelling", "Pending"]
    emulator.advance(2)
    assert states(emulator, execution) == ["Cancelled", "Cancelled", "Pending"]
    emulator.advance(200)
    assert states(emulator, execution) == ["Cancelled", "Cancelled", "Pending"]
    with pytest.raises(ClientError, match="InvalidAutomationStatusUpdateException"):
        emulator.ssm.stop_automation_execution(AutomationExecutionId=execution)


def test_a_stop_of_the_other_type_lets_the_running_step_end(emulator: EmulatorClient) -> None:
    add(emulator)
    execution = start(emulator)
    emulator.advance(10)
    emulator.ssm.stop_automation_execution(AutomationExecutionId=execution, Type="Complete")
    assert states(emulator, execution)[0] == "InProgress"
    emulator.advance(100)
    assert states(emulator, execution) == ["Success", "Success", "Pending"]


def test_an_automation_that_has_not_begun_is_cancelled_at_once(emulator: EmulatorClient) -> None:
    add(emulator)
    execution = start(emulator)
    emulator.ssm.stop_automation_execution(AutomationExecutionId=execution)
    emulator.advance(100)
    assert states(emulator, execution) == ["Cancelled", "Pending", "Pending"]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [("Approve", ["Success", "Success", "Success"]), ("Reject", ["Failed", "Failed", "Pending"])],
)
def test_an_approval_waits_for_its_signal(emulator: EmulatorClient, signal: str, expected: list[str]) -> None:
    add(emulator, steps=[{"name": "approve", "action": "aws:approve"}, {"name": "freeze", "seconds": 5}])
    execution = start(emulator)
    emulator.advance(86_400)
    assert states(emulator, execution) == ["Waiting", "Waiting", "Pending"]
    with pytest.raises(ClientError, match="InvalidAutomationSignalException"):
        emulator.ssm.send_automation_signal(AutomationExecutionId=execution, SignalType="Resume")
    emulator.ssm.send_automation_signal(
        AutomationExecutionId=execution, SignalType=signal, Payload={"Comment": ["seen"]}
    )
    emulator.advance(10)
    assert states(emulator, execution) == expected


def test_an_approval_without_a_signal_times_out_after_a_week(emulator: EmulatorClient) -> None:
    add(emulator, steps=[{"name": "approve", "action": "aws:approve"}])
    execution = start(emulator)
    emulator.advance(7 * 86_400 + 2)
    assert states(emulator, execution) == ["TimedOut", "TimedOut"]


def test_executions_and_their_steps_are_listed_by_filter(emulator: EmulatorClient) -> None:
    add(emulator)
    add(emulator, name="Other-Document")
    executions = [start(emulator, Tags=[{"Key": "wave", "Value": "1"}]) for _ in range(3)]
    other = start(emulator, "Other-Document")

    def listed(*filters: tuple[str, str]) -> list[str]:
        asked = {"Filters": [{"Key": key, "Values": [value]} for key, value in filters]} if filters else {}
        pages = emulator.ssm.get_paginator("describe_automation_executions").paginate(
            **asked, PaginationConfig={"PageSize": 2}
        )
        return [each["AutomationExecutionId"] for page in pages for each in page["AutomationExecutionMetadataList"]]

    assert listed() == [other, *executions[::-1]]
    assert listed(("DocumentNamePrefix", "Shop-")) == executions[::-1]
    assert listed(("ExecutionId", other)) == [other]
    assert listed(("TagKey", "wave"), ("ExecutionStatus", "Pending")) == executions[::-1]
    with pytest.raises(ClientError, match="InvalidFilterKey"):
        listed(("OpsItemId", "x"))
    tags = emulator.ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=executions[0])
    assert tags["TagList"] == [{"Key": "wave", "Value": "1"}]
    with pytest.raises(ClientError, match="InvalidResourceId"):
        emulator.ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=executions[0][::-1])
    asked = {"AutomationExecutionId": executions[0], "ReverseOrder": True}
    steps = emulator.ssm.describe_automation_step_executions(**asked)["StepExecutions"]
    assert [each["StepName"] for each in steps] == ["drainQueues", "stopIngress"]
    asked |= {"Filters": [{"Key": "StepName", "Values": ["stopIngress"]}]}
    assert len(emulator.ssm.describe_automation_step_executions(**asked)["StepExecutions"]) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"DocumentName": "Shop-Thaw"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentName": "AWS-RunShellScript"}, "AutomationDefinitionNotFoundException"),
        ({"DocumentVersion": "3"}, "AutomationDefinitionVersionNotFoundException"),
        ({"Parameters": {"Colour": ["red"]}}, "InvalidAutomationExecutionParametersException"),
        ({"Parameters": {"Hosts": ["web01"]}}, "InvalidAutomationExecutionParametersException"),
        ({"Parameters": {"Mode": ["drill", "recovery"]}}, "InvalidAutomationExecutionParametersException"),
        ({"TargetLocations": [{"Accounts": [ACCOUNT], "Regions": [REGION]}]}, "NotImplementedException"),
    ],
)
def test_a_wrong_start_is_refused(emulator: EmulatorClient, change: dict[str, Any], error: str) -> None:
    add(emulator)
    good: dict[str, Any] = {"DocumentName": "Shop-FreezeWrites", "Parameters": {"Mode": ["drill"]}}
    with pytest.raises(ClientError) as refused:
        emulator.ssm.start_automation_execution(**good | change)
    assert refused.value.response["Error"]["Code"] == error
    assert emulator.ssm.describe_automation_executions()["AutomationExecutionMetadataList"] == []


def test_an_unknown_execution_is_not_found(emulator: EmulatorClient) -> None:
    for name in ("get_automation_execution", "stop_automation_execution", "describe_automation_step_executions"):
        with pytest.raises(ClientError, match="AutomationExecutionNotFoundException"):
            getattr(emulator.ssm, name)(AutomationExecutionId="0" * 36)


def test_documents_are_described_with_their_versions(emulator: EmulatorClient) -> None:
    add(emulator)
    assert add(emulator, steps=[{"name": "stopIngress", "seconds": 1}]) == "Shop-FreezeWrites"
    shown = emulator.ssm.describe_document(Name="Shop-FreezeWrites")["Document"]
    assert (shown["DocumentVersion"], shown["DefaultVersion"], shown["DocumentType"]) == ("2", "2", "Automation")
    assert {each["Name"]: each.get("DefaultValue") for each in shown["Parameters"]} == {"Mode": None, "Hosts": "all"}
    assert emulator.ssm.describe_document(Name="Shop-FreezeWrites", DocumentVersion="1")["Document"]["Owner"] == ACCOUNT
    own = emulator.ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])["DocumentIdentifiers"]
    assert [each["Name"] for each in own] == ["Shop-FreezeWrites"]
    commands = emulator.ssm.list_documents(Filters=[{"Key": "DocumentType", "Values": ["Command"]}])
    assert "AWS-RunShellScript" in [each["Name"] for each in commands["DocumentIdentifiers"]]
    assert "DocumentVersion" in emulator.ssm.describe_document(Name="AWS-RestartEC2Instance")["Document"]
    with pytest.raises(ClientError, match="InvalidDocument"):
        emulator.ssm_of("9" * 12, REGION).describe_document(Name="Shop-FreezeWrites")
    for name, version in (("Shop-Thaw", "1"), ("Shop-FreezeWrites", "9")):
        with pytest.raises(ClientError, match="InvalidDocument"):
            emulator.ssm.describe_document(Name=name, DocumentVersion=version)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "AWS-RunShellScript"}, "name: "),
        ({"type": "Session"}, "type: "),
        ({"steps": []}, "steps: "),
        ({"type": "Command"}, "steps: "),
        ({"steps": [{"name": "x"}]}, "steps[0].name: "),
        ({"steps": [{"name": "freeze", "onFailure": "Retry"}]}, "steps[0].onFailure: "),
        ({"steps": [{"name": "freeze", "seconds": "5"}]}, "steps[0].seconds: "),
        ({"steps": [{"name": "freeze", "colour": "red"}]}, "steps[0].colour: is unknown"),
        ({"parameters": [{"name": "Mode", "type": "Number"}]}, "parameters[0].type: "),
        ({"platforms": ["BeOS"]}, "platforms: "),
        ({"colour": "red"}, "colour: is unknown"),
    ],
)
def test_a_wrong_document_is_refused_by_the_name_of_its_field(
    emulator: EmulatorClient, change: dict[str, Any], field: str
) -> None:
    status, answer = emulator.control("POST", "ssm-documents", TARGET | FREEZE | change)
    assert (status, answer["message"].startswith(field)) == (400, True), answer
    own = emulator.ssm.list_documents(Filters=[{"Key": "Owner", "Values": ["Self"]}])
    assert own["DocumentIdentifiers"] == []


def test_only_the_newest_ended_executions_and_commands_are_kept(emulator: EmulatorClient) -> None:
    emulator.change(jobsKept=2)
    add(emulator, steps=[{"name": "freeze", "seconds": 1}], parameters=["Mode"])
    instances = emulator.booted()
    executions, commands = [], []
    for _ in range(4):
        executions.append(start(emulator))
        sent = emulator.ssm.send_command(
            InstanceIds=instances, DocumentName="AWS-RunShellScript", Parameters={"commands": ["id"]}
        )
        commands.append(sent["Command"]["CommandId"])
        emulator.advance(10)
    listed = emulator.ssm.describe_automation_executions()["AutomationExecutionMetadataList"]
    assert [each["AutomationExecutionId"] for each in listed] == executions[:-3:-1]
    assert [each["CommandId"] for each in emulator.ssm.list_commands()["Commands"]] == commands[:-3:-1]
