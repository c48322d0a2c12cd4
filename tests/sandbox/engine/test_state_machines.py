"""Patches of Step Functions: history, task tokens, versions."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.ministack import ACCOUNT, TEMPLATE, MiniStack, run_machine


@pytest.mark.parametrize(
    ("event", "timeout", "error"),
    [({}, "{% $states.input.seconds %}", "States.Timeout"), ({"raise": True}, 60, "CircuitOpen")],
)
def test_a_wait_for_a_token_ends_with_its_timeout_in_jsonata_and_with_its_function(
    patched: MiniStack, unpatched: MiniStack, event: dict[str, Any], timeout: Any, error: str
) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "TimeoutSeconds": timeout,
        "Arguments": {"FunctionName": "FUNCTION", "Payload": {**event, "token": "{% $states.context.Task.Token %}"}},
        "End": True,
    }
    runs = []
    for engine in (patched, unpatched):
        machines = engine.client("stepfunctions")
        definition = {"QueryLanguage": "JSONata", "StartAt": "Wait", "States": {"Wait": state}}
        text = json.dumps(definition).replace("FUNCTION", engine.outputs["Toy"])
        role = f"arn:aws:iam::{ACCOUNT}:role/any"
        made = machines.create_state_machine(name=f"wait-{error[:4]}", definition=text, roleArn=role)
        arn = machines.start_execution(stateMachineArn=made["stateMachineArn"], input='{"seconds": 1}')["executionArn"]
        runs.append((machines, arn))
    time.sleep(3)
    mended_run, bare_run = (machines.describe_execution(executionArn=arn) for machines, arn in runs)
    assert (mended_run["status"], mended_run["error"]) == ("FAILED", error)
    assert bare_run["status"] == "RUNNING" or bare_run.get("error") != error


@pytest.mark.parametrize(("engine_name", "inner"), [("patched", ["Inner"] * 3), ("unpatched", [])])
def test_the_states_of_a_map_are_in_the_history(
    engine_name: str, inner: list[str], request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    machines = engine.client("stepfunctions")
    processor = {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "End": True}}}
    outer = {"Type": "Map", "Items": [1, 2, 3], "ItemProcessor": processor, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "Outer", "States": {"Outer": outer}}
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    machine = machines.create_state_machine(name="map", definition=json.dumps(definition), roleArn=role)
    execution = machines.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]
    deadline = time.monotonic() + 60
    while machines.describe_execution(executionArn=execution)["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    events = machines.get_execution_history(executionArn=execution)["events"]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if event["type"].endswith("StateEntered")]
    assert entered == ["Outer", *inner]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))


VERSIONED = {
    "Resources": {
        "Role": TEMPLATE["Resources"]["Role"],
        "Child": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"RoleArn": {"Fn::GetAtt": ["Role", "Arn"]}, "DefinitionString": "CHILD"},
        },
        "ChildVersion": {
            "Type": "AWS::StepFunctions::StateMachineVersion",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "StateMachineArn": {"Ref": "Child"},
                "StateMachineRevisionId": {"Fn::GetAtt": ["Child", "StateMachineRevisionId"]},
            },
        },
        "Parent": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": "PARENT",
                "DefinitionSubstitutions": {"Child": {"Ref": "ChildVersion"}},
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Parent", "ChildVersion")},
}


def versioned(says: str) -> str:
    """The template with a child whose output is this, and a parent that waits for a version of the child."""
    wait = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": "${Child}", "Input": {}},
        "Output": "{% $states.result.Output %}",
        "End": True,
    }
    parent = {"QueryLanguage": "JSONata", "StartAt": "Wait", "States": {"Wait": wait}}
    text = json.dumps(VERSIONED)
    return text.replace('"CHILD"', json.dumps(saying(says))).replace('"PARENT"', json.dumps(json.dumps(parent)))


def saying(word: str) -> str:
    """A machine whose output is this text."""
    say = {"Type": "Pass", "Output": word, "End": True}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "Say", "States": {"Say": say}})


def test_what_is_started_by_a_version_runs_as_that_version_says(patched: MiniStack) -> None:
    stacks, machines = patched.client("cloudformation"), patched.client("stepfunctions")
    stacks.create_stack(StackName="versioned", TemplateBody=versioned("old"), Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_create_complete").wait(StackName="versioned", WaiterConfig={"Delay": 0.1})
    outputs = stacks.describe_stacks(StackName="versioned")["Stacks"][0]["Outputs"]
    before = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert run_machine(machines, before["Parent"]) == ("SUCCEEDED", "old")

    stacks.update_stack(StackName="versioned", TemplateBody=versioned("new"), Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_update_complete").wait(StackName="versioned", WaiterConfig={"Delay": 0.1})
    assert run_machine(machines, before["Parent"]) == ("SUCCEEDED", "new")
    assert run_machine(machines, before["ChildVersion"]) == ("SUCCEEDED", "old")
    assert run_machine(machines, before["ChildVersion"].rpartition(":")[0]) == ("SUCCEEDED", "new")


def test_unpatched_versions_cannot_be_deployed_and_do_not_keep_their_definition(unpatched: MiniStack) -> None:
    stacks, machines = unpatched.client("cloudformation"), unpatched.client("stepfunctions")
    with pytest.raises(ClientError, match="StateMachineVersion"):
        stacks.create_stack(StackName="versioned", TemplateBody=versioned("old"), Capabilities=["CAPABILITY_IAM"])
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    made = machines.create_state_machine(name="child", definition=saying("old"), roleArn=role, publish=True)
    machines.update_state_machine(stateMachineArn=made["stateMachineArn"], definition=saying("new"))
    assert run_machine(machines, made["stateMachineVersionArn"]) == ("SUCCEEDED", "new")
