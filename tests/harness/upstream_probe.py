"""Print which defects moto has without the patches, as JSON: `python -m tests.harness.upstream_probe`.

A test runs this in a process of its own. When a name is missing from the output, moto no longer has that defect:
delete the patch of the same name.
"""

import contextlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from moto.dynamodb.models.table import Table
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.stepfunctions.parser.utils import TMP_THREADS

from tests.harness.lambda_runtime import LambdaRuntime
from tests.harness.moto_patches.defects.integrations import normalise_parameters

ROLE = "arn:aws:iam::123456789012:role/probe"
PATIENCE = 4.0


def machine(sfn: Any, name: str, *, language: str = "JSONata", **states: Any) -> str:
    definition = {"QueryLanguage": language, "StartAt": next(iter(states)), "States": states}
    created = sfn.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)
    return str(created["stateMachineArn"])


def start(sfn: Any, arn: str, **arguments: Any) -> Any:
    execution = sfn.start_execution(stateMachineArn=arn, **arguments)["executionArn"]
    return stepfunctions_parser_backends["123456789012"]["us-east-1"].describe_execution(execution)


def finish(execution: Any) -> Any:
    end = time.monotonic() + PATIENCE
    while execution.status == "RUNNING" and time.monotonic() < end:
        time.sleep(0.02)
    return execution


def winners_of_a_race(client: Any) -> int:
    """Return how many of two threads get a success for a write that only one of them may make."""
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    client.create_table(TableName="race", KeySchema=key, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    look = Table.get_item
    won = []

    def look_and_ponder(self: Any, *arguments: Any, **more: Any) -> Any:
        row = look(self, *arguments, **more)
        time.sleep(0.1)
        return row

    def write() -> None:
        with contextlib.suppress(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName="race",
                Key={"id": {"S": "lock"}},
                UpdateExpression="SET holder = :me",
                ExpressionAttributeValues={":me": {"S": "me"}},
                ConditionExpression="attribute_not_exists(holder)",
            )
            won.append(True)

    Table.get_item = look_and_ponder  # type: ignore[method-assign]
    try:
        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        Table.get_item = look  # type: ignore[method-assign]
    return len(won)


def probe(sfn: Any, runtime: LambdaRuntime) -> dict[str, bool]:
    """One entry per defect: True if moto still has it."""
    tokens: list[str] = []
    runtime.register("nap", lambda event, context: time.sleep(1.3))
    runtime.register("token", lambda event, context: tokens.append(event["token"]))
    pass_, task = {"Type": "Pass", "End": True}, {"Type": "Task", "End": True}
    token_task = {
        **task,
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Parameters": {"FunctionName": "token", "Payload": {"token.$": "$$.Task.Token"}},
    }
    invoke = {**task, "Resource": "arn:aws:states:::lambda:invoke"}
    nap = {**invoke, "Parameters": {"FunctionName": "nap"}, "TimeoutSeconds": 1}
    inner = {"ProcessorConfig": {"Mode": "INLINE"}, "StartAt": "Nap", "States": {"Nap": nap}}
    mapping = machine(
        sfn, "map", language="JSONPath", M={"Type": "Map", "ItemsPath": "$", "ItemProcessor": inner, "End": True}
    )
    in_map = start(sfn, mapping, name="map", input="[1]")

    found: dict[str, bool] = {}
    plain = machine(sfn, "plain", P=pass_)
    found["name_executions"] = start(sfn, plain).execution_arn.endswith(":None")
    start_execution = {**task, "Resource": "arn:aws:states:::states:startExecution"}
    start_child = {**start_execution, "Arguments": {"StateMachineArn": plain}}
    parent = start(sfn, machine(sfn, "parent", S=start_child), name="parent")
    sum_ = finish(start(sfn, machine(sfn, "sum", P={**pass_, "Output": "{% 1 + 1 %}"}), name="sum"))
    found["evaluate_jsonata"] = sum_.output != 2
    quoted = finish(start(sfn, machine(sfn, "q", P={**pass_, "Assign": {"say": '"é"'}}), name="q"))
    found["read_escapes"] = quoted.exec_worker.env.variable_store.get("say") != '"é"'
    found["normalise_parameters"] = finish(parent).status == "FAILED"

    waiting = machine(sfn, "wait", language="JSONPath", W=token_task)
    stopped, _ = start(sfn, waiting, name="stopped"), start(sfn, waiting, name="answered")
    while len(tokens) < 2:
        time.sleep(0.02)
    sfn.stop_execution(executionArn=stopped.execution_arn)
    time.sleep(0.1)
    found["stop_at_once"] = stopped.status != "ABORTED"
    for _ in range(2):
        for token in tokens:
            try:
                sfn.send_task_success(taskToken=token, output="{}")
                found["honour_task_tokens"] = True
            except sfn.exceptions.InvalidToken:
                found.setdefault("honour_task_tokens", False)

    found["keep_threads_accountable"] = len(TMP_THREADS) > 5
    states_role = type("Credentials", (), {"role_arn": "arn:aws:iam::222222222222:role/other"})
    sts: Any = boto_client.boto_client_for("us-east-1", "sts", states_role)
    found["use_clients_of_the_role"] = sts.get_caller_identity()["Account"] != "222222222222"

    worker: Any = ExecutionWorker
    entrypoint = worker._get_evaluation_entrypoint

    def slow(self: Any) -> Any:
        time.sleep(0.2)
        return entrypoint(self)

    worker._get_evaluation_entrypoint = slow
    found["start_with_an_environment"] = start(sfn, plain, name="race").exec_worker.env is None

    try:
        sfn.create_state_machine(name="bad", definition="{}", roleArn=ROLE)
    except sfn.exceptions.ClientError as error:
        found["name_api_errors"] = error.response["Error"]["Code"] != "InvalidDefinition"

    found["make_conditional_writes_atomic"] = winners_of_a_race(boto3.client("dynamodb", "us-east-1")) != 1
    try:
        boto3.client("service-quotas", "us-east-1").list_service_quotas(ServiceCode="drs")
    except NotImplementedError:
        found["list_service_quotas"] = True
    kms = boto3.client("kms", "us-east-1")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    found["sign_digests"] = kms.get_public_key(KeyId=key["KeyId"])["KeyId"] != key["Arn"]
    found["let_states_errors_out_of_maps"] = finish(in_map).error != "States.Timeout"
    found["stop_children_with_their_parent"] = child_outlives_its_parent(sfn)
    return found


def child_outlives_its_parent(sfn: Any) -> bool:
    """Return whether a child still runs after the parent that waits for it has been stopped."""
    normalise_parameters()  # without this patch no machine can start another
    child = machine(sfn, "child", W={"Type": "Wait", "Seconds": 600, "End": True})
    start_child = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child, "Input": {}},
        "End": True,
    }
    parent = start(sfn, machine(sfn, "waiting-parent", language="JSONPath", S=start_child), name="waiting-parent")
    while not (children := sfn.list_executions(stateMachineArn=child)["executions"]):
        time.sleep(0.02)
    sfn.stop_execution(executionArn=parent.execution_arn)
    time.sleep(1.5)  # moto polls a child every second
    described = sfn.describe_execution(executionArn=children[0]["executionArn"])
    sfn.stop_execution(executionArn=children[0]["executionArn"])
    return str(described["status"]) == "RUNNING"


def main() -> None:
    config: Any = {"stepfunctions": {"execute_state_machine": True}}
    with mock_aws(config=config):
        runtime = LambdaRuntime(Path(__file__).parent / "toys")
        runtime.start()
        boto3.client("iam", "us-east-1").create_role(RoleName="probe", AssumeRolePolicyDocument="{}")
        functions = boto3.client("lambda", "us-east-1")
        for name in ("nap", "token"):
            functions.create_function(
                FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="toy.handler", Code={"ZipFile": b"toy"}
            )
        found = probe(boto3.client("stepfunctions", "us-east-1"), runtime)
    sys.stdout.write(json.dumps(sorted(name for name, broken in found.items() if broken)) + "\n")


if __name__ == "__main__":
    main()
