"""Each patch of MiniStack, with the same engine unpatched beside it. When the unpatched one changes, drop the patch."""

import base64
import json
import os
import sys
import time
import timeit
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, WaiterError

from sandbox.engine import WITHOUT
from sandbox.engine.accelerators import ACCELERATORS
from sandbox.engine.defects import DEFECTS
from sandbox.processes import LeashedProcess

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT, REGION = "111122223333", "us-west-2"

HANDLER = """
import os, sys
AHEAD = "boto3" in sys.modules

class CircuitOpen(Exception):
    pass

def handler(event, context):
    if event.get("raise"):
        raise CircuitOpen("not now")
    if event.get("import"):
        __import__(event["import"])
    if event.get("print"):
        print(event["print"])
    return {"pid": os.getpid(), "ahead": AHEAD}

def answer(event, context):
    return {"statusCode": 200, "body": event["httpMethod"]}
"""

MACHINE = """
QueryLanguage: JSONata
StartAt: Greet
States:
  Greet:
    Type: Pass
    End: true
    Output: ${Greeting}
"""


def function(handler: str) -> dict[str, Any]:
    role = {"Fn::GetAtt": ["Role", "Arn"]}
    code = {"ZipFile": HANDLER}
    properties = {"Runtime": "python3.12", "Handler": f"index.{handler}", "Role": role, "Code": code, "Timeout": 20}
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


INTEGRATION = {
    "type": "aws_proxy",
    "httpMethod": "POST",
    "uri": {
        "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Answer.Arn}/invocations",
    },
}
ANY = {"x-amazon-apigateway-any-method": {"x-amazon-apigateway-integration": INTEGRATION}}
REFUSALS = {
    "MISSING_AUTHENTICATION_TOKEN": {
        "statusCode": "404",
        "responseParameters": {"gatewayresponse.header.Content-Type": "'text/plain'"},
        "responseTemplates": {"application/json": "no way"},
    }
}
API = {
    "swagger": "2.0",
    "info": {"title": "toy", "version": "1"},
    "paths": {"/{proxy+}": ANY},
    "x-amazon-apigateway-gateway-responses": REFUSALS,
}
TEMPLATE = {
    "Resources": {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
        },
        "Toy": function("handler"),
        "Answer": function("answer"),
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionS3Location": {"Bucket": "toy", "Key": "machine.asl.yaml"},
                "DefinitionSubstitutions": {"Greeting": "hello"},
            },
        },
        "Api": {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "toy", "Body": API}},
        "Deployment": {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}},
        "Stage": {
            "Type": "AWS::ApiGateway::Stage",
            "Properties": {
                "RestApiId": {"Ref": "Api"},
                "DeploymentId": {"Ref": "Deployment"},
                "StageName": "v1",
            },
        },
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Toy", "Machine", "Api")},
}


@dataclass(frozen=True)
class Engine:
    url: str
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return client(self.url, service)

    def invoke(self, event: dict[str, Any]) -> dict[str, Any]:
        reply = self.client("lambda").invoke(FunctionName=self.outputs["Toy"], Payload=json.dumps(event))
        answer: dict[str, Any] = json.loads(reply["Payload"].read())
        return answer


def client(url: str, service: str, session: boto3.Session | None = None) -> Any:
    session = session or boto3.Session(ACCOUNT, "test", region_name=REGION)
    config = Config(proxies={}, retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=url, config=config)  # type: ignore[call-overload]


def run_engine(folder: Path, port: int, without: str) -> Iterator[Engine]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "AUTH": "true",
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        WITHOUT: without,
    }
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "sandbox.engine"]
    with LeashedProcess("engine", command, log=folder / "engine.log", env=environment, cwd=ROOT) as process:
        await_answer(f"{url}/_ministack/health", process)
        s3 = client(url, "s3")
        s3.create_bucket(Bucket="toy", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket="toy", Key="machine.asl.yaml", Body=MACHINE.encode())
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        client(url, "iam").create_role(RoleName="any", AssumeRolePolicyDocument=trust)
        stacks = client(url, "cloudformation")
        stacks.create_stack(StackName="toy", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete").wait(StackName="toy", WaiterConfig={"Delay": 0.2})
        outputs = stacks.describe_stacks(StackName="toy")["Stacks"][0]["Outputs"]
        yield Engine(url, {output["OutputKey"]: output["OutputValue"] for output in outputs})


def await_answer(url: str, process: LeashedProcess) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            assert process.returncode is None, process.log_tail()
            assert time.monotonic() < deadline, process.log_tail()
            time.sleep(0.05)


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, free_ports: list[int]) -> Iterator[Engine]:
    yield from run_engine(tmp_path_factory.mktemp("mended"), free_ports[0], without="")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, free_ports: list[int]) -> Iterator[Engine]:
    yield from run_engine(tmp_path_factory.mktemp("bare"), free_ports[1], without="all")


def test_an_exception_keeps_its_class_name(mended: Engine, bare: Engine) -> None:
    assert mended.invoke({"raise": True})["errorType"] == "CircuitOpen"
    assert bare.invoke({"raise": True})["errorType"] == "Runtime.HandlerError"


def test_an_exception_is_reported_as_a_failure_with_its_message(mended: Engine) -> None:
    reply = mended.client("lambda").invoke(FunctionName=mended.outputs["Toy"], Payload='{"raise": true}')
    assert reply["FunctionError"] == "Unhandled"
    assert json.loads(reply["Payload"].read())["errorMessage"] == "not now"


@pytest.mark.parametrize(("engine_name", "survives"), [("mended", True), ("bare", False)])
def test_an_exception_leaves_the_environment_warm(
    engine_name: str, survives: bool, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    before = engine.invoke({})["pid"]
    engine.invoke({"raise": True})
    assert (engine.invoke({})["pid"] == before) is survives


@pytest.mark.parametrize(("engine_name", "outcome"), [("mended", "SUCCEEDED"), ("bare", "FAILED")])
def test_a_state_machine_in_yaml_runs(engine_name: str, outcome: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    machines = engine.client("stepfunctions")
    execution = machines.start_execution(stateMachineArn=engine.outputs["Machine"])["executionArn"]
    deadline = time.monotonic() + 60
    while (described := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert described["status"] == outcome
    if outcome == "SUCCEEDED":
        assert json.loads(described["output"]) == "hello"


@pytest.mark.parametrize(
    ("event", "timeout", "error"),
    [({}, "{% $states.input.seconds %}", "States.Timeout"), ({"raise": True}, 60, "CircuitOpen")],
)
def test_a_wait_for_a_token_ends_with_its_timeout_in_jsonata_and_with_its_function(
    mended: Engine, bare: Engine, event: dict[str, Any], timeout: Any, error: str
) -> None:
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "TimeoutSeconds": timeout,
        "Arguments": {"FunctionName": "FUNCTION", "Payload": {**event, "token": "{% $states.context.Task.Token %}"}},
        "End": True,
    }
    runs = []
    for engine in (mended, bare):
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


@pytest.mark.parametrize(("engine_name", "inner"), [("mended", ["Inner"] * 3), ("bare", [])])
def test_the_states_of_a_map_are_in_the_history(
    engine_name: str, inner: list[str], request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
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


@pytest.mark.parametrize(("engine_name", "refused"), [("mended", 0), ("bare", 1)])
def test_an_emulated_service_may_send_its_events(
    engine_name: str, refused: int, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    entry = {"Source": "aws.drs", "DetailType": "DRS Source Server Launch Result", "Detail": "{}"}
    assert engine.client("events").put_events(Entries=[entry])["FailedEntryCount"] == refused


@pytest.mark.parametrize(("engine_name", "status"), [("mended", 200), ("bare", 403)])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_any_method_of_an_api_is_answered(
    engine_name: str, status: int, method: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    url = f"{engine.url}/restapis/{engine.outputs['Api']}/v1/_user_request_/plans/shop"
    answered, text = call(method, url)
    assert answered == status
    if status == 200:
        assert text == method


def test_an_api_refuses_in_the_words_of_its_document(mended: Engine, bare: Engine) -> None:
    for engine, refused in ((mended, (404, "no way")), (bare, (403, '{"message":"Missing Authentication Token"}'))):
        root = f"{engine.url}/restapis/{engine.outputs['Api']}/v1/_user_request_/"
        assert call("GET", root) == refused


def call(method: str, url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_instances_are_found_by_their_ids(mended: Engine, bare: Engine) -> None:
    for engine, found in ((mended, 1), (bare, 2)):
        ec2 = engine.client("ec2")
        answer = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=2, MaxCount=2, InstanceType="m5.large")
        wanted = answer["Instances"][0]["InstanceId"]
        asked = [{"Name": "instance-id", "Values": [wanted, "i-0123456789abcdef0"]}]
        described = ec2.describe_instances(Filters=asked)["Reservations"]
        assert len([one for each in described for one in each["Instances"]]) == found


def embedded(value: int, **dimensions: str) -> str:
    """A line of a log that is a metric `Calls` of the namespace `Toy`, with these dimensions."""
    told = {"Namespace": "Toy", "Dimensions": [list(dimensions)], "Metrics": [{"Name": "Calls", "Unit": "Count"}]}
    about = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [told]}
    return json.dumps({"_aws": about, "Calls": value, **dimensions})


def alarm(engine: Engine, name: str, **dimensions: str) -> None:
    """An alarm on more than five `Calls` of exactly these dimensions."""
    engine.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Toy",
        MetricName="Calls",
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )


def goes_off(engine: Engine, name: str, within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        (found,) = engine.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if found["StateValue"] == "ALARM":
            return True
        time.sleep(0.1)
    return False


def test_a_metric_that_a_function_logs_sets_off_an_alarm(mended: Engine, bare: Engine) -> None:
    for engine in (mended, bare):
        alarm(engine, "logged", Outcome="logged")
        engine.invoke({"print": embedded(6, Outcome="logged")})
    assert goes_off(mended, "logged", within=60)
    assert not goes_off(bare, "logged", within=1)


def test_an_alarm_looks_at_the_metric_of_its_own_dimensions_alone(mended: Engine, bare: Engine) -> None:
    for engine in (mended, bare):
        alarm(engine, "one", Outcome="one")
        alarm(engine, "other", Outcome="other")
        data = [{"MetricName": "Calls", "Value": 6.0, "Dimensions": [{"Name": "Outcome", "Value": "one"}]}]
        engine.client("cloudwatch").put_metric_data(Namespace="Toy", MetricData=data)
        engine.invoke({"print": embedded(1, Outcome="one")})  # whatever is logged has the alarms looked at
        assert goes_off(engine, "one", within=60)
    assert not goes_off(mended, "other", within=1)
    assert goes_off(bare, "other", within=60)


def test_an_alarm_on_an_expression_can_be_deployed(mended: Engine, bare: Engine) -> None:
    metric = {"Namespace": "Toy", "MetricName": "Calls"}
    watched = {"Id": "calls", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Sum"}, "ReturnData": False}
    share = {"Id": "share", "Expression": "calls / 2"}
    properties = {"Metrics": [watched, share], "EvaluationPeriods": 1, "Threshold": 5}
    properties["ComparisonOperator"] = "GreaterThanThreshold"
    template = {"Resources": {"Share": {"Type": "AWS::CloudWatch::Alarm", "Properties": properties}}}
    for engine, outcome in ((mended, "CREATE_COMPLETE"), (bare, "ROLLBACK_COMPLETE")):
        assert deployed(engine, "math", template) == outcome


def deployed(engine: Engine, name: str, template: dict[str, Any]) -> str:
    stacks = engine.client("cloudformation")
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=capabilities)
    deadline = time.monotonic() + 60
    while (status := str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])).endswith("IN_PROGRESS"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return status


def test_a_role_that_may_make_schedules_in_one_group_can_make_them_there_alone(mended: Engine, bare: Engine) -> None:
    for engine, in_its_group in ((mended, "made"), (bare, "AccessDeniedException")):
        engine.client("scheduler").create_schedule_group(Name="drills")
        mine = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/drills/*"
        schedules = client(
            engine.url, "scheduler", session_of_a_role(engine, "planner", "scheduler:CreateSchedule", mine)
        )
        assert make_schedule(schedules, "drills") == in_its_group
        assert make_schedule(schedules, "default") == "AccessDeniedException"


def session_of_a_role(
    engine: Engine,
    name: str,
    actions: str | list[str],
    resource: str,
    condition: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> boto3.Session:
    """Credentials of a new role that may do this and, as every schedule needs it, pass roles on."""
    iam = engine.client("iam")
    principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trusted = [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]
    trust = json.dumps({"Version": "2012-10-17", "Statement": trusted})
    given_tags = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Tags=given_tags)["Role"]
    allowed: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": actions, "Resource": resource, "Condition": condition or {}},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": allowed})
    iam.put_role_policy(RoleName=name, PolicyName="allowed", PolicyDocument=policy)
    given = engine.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return boto3.Session(*keys, region_name=REGION)


def make_schedule(schedules: Any, group: str) -> str:
    """`made`, or the error's code."""
    target = {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:any", "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/any"}
    at = {"ScheduleExpression": "at(2040-01-01T00:00:00)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    try:
        schedules.create_schedule(Name="later", GroupName=group, Target=target, **at)
    except schedules.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "made"


TAG_OF_THE_CALLER = "${aws:PrincipalTag/toys:name}"


def test_a_policy_may_compare_with_a_tag_of_the_caller(mended: Engine, bare: Engine) -> None:
    for engine, as_itself in ((mended, "taken on"), (bare, "AccessDenied")):
        condition = {"StringEquals": {"aws:RequestTag/toys:name": TAG_OF_THE_CALLER}}
        role_arn = f"arn:aws:iam::{ACCOUNT}:role/trusting"
        actions = ["sts:AssumeRole", "sts:TagSession"]
        session = session_of_a_role(engine, "tagged", actions, role_arn, condition, {"toys:name": "duck"})
        trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": actions}
        trust = json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
        engine.client("iam").create_role(RoleName="trusting", AssumeRolePolicyDocument=trust)
        sts = client(engine.url, "sts", session)
        assert take_on(sts, role_arn, "duck") == as_itself
        assert take_on(sts, role_arn, "goose") == "AccessDenied"
        # The text of the variable is no way around it.
        assert (take_on(sts, role_arn, TAG_OF_THE_CALLER) == "AccessDenied") is (engine is mended)


def take_on(sts: Any, role_arn: str, name: str) -> str:
    """`taken on`, or the error's code."""
    try:
        sts.assume_role(RoleArn=role_arn, RoleSessionName="toy", Tags=[{"Key": "toys:name", "Value": name}])
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "taken on"


@pytest.mark.parametrize(("engine_name", "outcome"), [("mended", "CREATE_COMPLETE"), ("bare", "ROLLBACK_COMPLETE")])
def test_a_nested_template_may_have_resources_of_sam(
    engine_name: str, outcome: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    table = {"Type": "AWS::Serverless::SimpleTable", "Properties": {"TableName": "of-sam"}}
    nested = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Table": table}}
    engine.client("s3").put_object(Bucket="toy", Key="nested.yaml", Body=json.dumps(nested).encode())
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"{engine.url}/toy/nested.yaml"}}
    assert deployed(engine, "nesting", {"Resources": {"Nested": stack}}) == outcome
    assert ("of-sam" in engine.client("dynamodb").list_tables()["TableNames"]) is (engine_name == "mended")


def assert_quicker(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    """At its best; on a busy machine it takes a while until each has had a quiet moment."""
    best = [float("inf"), float("inf")]
    for _ in range(60):
        best = [min(found, timeit.timeit(call, number=1)) for found, call in zip(best, (one, other), strict=True)]
    assert best[0] < best[1]


def test_a_query_of_many_rows_reads_its_condition_once(mended: Engine, bare: Engine) -> None:
    counts = []
    for engine in (mended, bare):
        tables = engine.client("dynamodb")
        keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("fleet", "server")]
        schema = [{"AttributeName": "fleet", "KeyType": "HASH"}, {"AttributeName": "server", "KeyType": "RANGE"}]
        tables.create_table(
            TableName="fleets", AttributeDefinitions=keys, KeySchema=schema, BillingMode="PAY_PER_REQUEST"
        )
        rows = [{"fleet": {"S": "all"}, "server": {"S": f"s-{number:04}"}} for number in range(500)]
        for at in range(0, len(rows), 25):
            puts = [{"PutRequest": {"Item": row}} for row in rows[at : at + 25]]
            assert not tables.batch_write_item(RequestItems={"fleets": puts})["UnprocessedItems"]
        asked = {":fleet": {"S": "all"}, ":kind": {"S": "s-"}, ":last": {"S": "s-0009"}}
        condition = "fleet = :fleet AND begins_with(server, :kind)"

        def count(tables: Any = tables, condition: str = condition, asked: Any = asked) -> int:
            values = {name: value for name, value in asked.items() if name in condition}
            more = {"KeyConditionExpression": condition, "ExpressionAttributeValues": values}
            return int(tables.query(TableName="fleets", Select="COUNT", **more)["Count"])

        assert count() == len(rows)
        assert count(condition="fleet = :fleet AND server <= :last") == 10
        with pytest.raises(tables.exceptions.ClientError, match="ValidationException"):
            count(condition="fleet = :fleet AND AND server <= :last")
        counts.append(count)
    assert_quicker(*counts)


def test_the_log_of_an_invocation_is_whole_and_nobody_waits_for_more(mended: Engine, bare: Engine) -> None:
    text = "\n".join(f"line {number}" for number in range(200))
    invoke = mended.client("lambda").invoke
    for _ in range(5):
        reply = invoke(FunctionName=mended.outputs["Toy"], LogType="Tail", Payload=json.dumps({"print": text}))
        told = base64.b64decode(reply["LogResult"]).decode()
        assert text[-1_000:] in told
        silent = invoke(FunctionName=mended.outputs["Toy"], LogType="Tail", Payload="{}")
        assert "line" not in base64.b64decode(silent.get("LogResult", "")).decode()
    assert_quicker(lambda: mended.invoke({}), lambda: bare.invoke({}))


def test_an_environment_has_boto3_before_its_handler_is_imported(mended: Engine, bare: Engine) -> None:
    assert mended.invoke({})["ahead"]
    assert not bare.invoke({})["ahead"]


def test_a_function_finds_only_what_aws_would_give_it(mended: Engine, bare: Engine) -> None:
    assert "pid" in mended.invoke({"import": "boto3"})
    assert mended.invoke({"import": "typer"})["errorType"] == "ModuleNotFoundError"
    assert "pid" in bare.invoke({"import": "typer"})


def test_a_patch_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    environment = {**os.environ, WITHOUT: "gravity"}
    command = [sys.executable, "-m", "sandbox.engine"]
    with LeashedProcess("engine", command, log=tmp_path / "engine.log", env=environment, cwd=ROOT) as process:
        assert process.wait(60) == 1
        assert "there is no patch called gravity" in process.log_tail()


def test_every_patch_says_what_is_wrong_upstream_and_in_which_version() -> None:
    for patch in (*DEFECTS, *ACCELERATORS):
        assert "MiniStack" in (patch.__doc__ or ""), patch.name
    assert all((patch.seen_in or "").startswith("MiniStack ") for patch in DEFECTS)
    assert not any(patch.seen_in for patch in ACCELERATORS)


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
    """The template, with a child that says this and a parent that waits for one of the child's version."""
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
    """A machine that says it."""
    say = {"Type": "Pass", "Output": word, "End": True}
    return json.dumps({"QueryLanguage": "JSONata", "StartAt": "Say", "States": {"Say": say}})


def outcome(machines: Any, arn: str) -> tuple[str, Any]:
    execution = machines.start_execution(stateMachineArn=arn)["executionArn"]
    deadline = time.monotonic() + 60
    while (described := machines.describe_execution(executionArn=execution))["status"] == "RUNNING":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return described["status"], json.loads(described.get("output") or "null")


def test_what_is_started_by_a_version_runs_as_that_version_says(mended: Engine) -> None:
    stacks, machines = mended.client("cloudformation"), mended.client("stepfunctions")
    stacks.create_stack(StackName="versioned", TemplateBody=versioned("old"), Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_create_complete").wait(StackName="versioned", WaiterConfig={"Delay": 0.1})
    outputs = stacks.describe_stacks(StackName="versioned")["Stacks"][0]["Outputs"]
    before = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    assert outcome(machines, before["Parent"]) == ("SUCCEEDED", "old")

    stacks.update_stack(StackName="versioned", TemplateBody=versioned("new"), Capabilities=["CAPABILITY_IAM"])
    stacks.get_waiter("stack_update_complete").wait(StackName="versioned", WaiterConfig={"Delay": 0.1})
    assert outcome(machines, before["Parent"]) == ("SUCCEEDED", "new")
    assert outcome(machines, before["ChildVersion"]) == ("SUCCEEDED", "old")
    assert outcome(machines, before["ChildVersion"].rpartition(":")[0]) == ("SUCCEEDED", "new")


def test_unpatched_versions_cannot_be_deployed_and_do_not_keep_their_definition(bare: Engine) -> None:
    stacks, machines = bare.client("cloudformation"), bare.client("stepfunctions")
    with pytest.raises(ClientError, match="StateMachineVersion"):
        stacks.create_stack(StackName="versioned", TemplateBody=versioned("old"), Capabilities=["CAPABILITY_IAM"])
    role = f"arn:aws:iam::{ACCOUNT}:role/any"
    made = machines.create_state_machine(name="child", definition=saying("old"), roleArn=role, publish=True)
    machines.update_state_machine(stateMachineArn=made["stateMachineArn"], definition=saying("new"))
    assert outcome(machines, made["stateMachineVersionArn"]) == ("SUCCEEDED", "new")


GLOBAL_TABLE: dict[str, Any] = {
    "Type": "AWS::DynamoDB::GlobalTable",
    "DeletionPolicy": "Retain",
    "Properties": {
        "TableName": "plans",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "Replicas": [{"Region": {"Ref": "AWS::Region"}, "DeletionProtectionEnabled": True}],
    },
}


@pytest.mark.parametrize(("engine_name", "protected"), [("mended", True), ("bare", False)])
def test_a_global_table_is_protected_as_its_replica_here_says(
    engine_name: str, protected: bool, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    stacks = engine.client("cloudformation")
    stacks.create_stack(StackName="global", TemplateBody=json.dumps({"Resources": {"Plans": GLOBAL_TABLE}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="global", WaiterConfig={"Delay": 0.1})
    described = engine.client("dynamodb").describe_table(TableName="plans")["Table"]
    assert described["DeletionProtectionEnabled"] is protected


@pytest.mark.parametrize(("engine_name", "imported"), [("mended", True), ("bare", False)])
def test_a_global_table_can_be_imported(engine_name: str, imported: bool, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(engine_name)
    table = {**GLOBAL_TABLE["Properties"], "TableName": "left"}
    del table["Replicas"]
    engine.client("dynamodb").create_table(**table)
    left = {**GLOBAL_TABLE, "Properties": {**GLOBAL_TABLE["Properties"], "TableName": "left"}}
    wanted = {
        "StackName": "importing",
        "ChangeSetName": "adopt",
        "ChangeSetType": "IMPORT",
        "TemplateBody": json.dumps({"Resources": {"Left": left}}),
        "ResourcesToImport": [
            {
                "ResourceType": left["Type"],
                "LogicalResourceId": "Left",
                "ResourceIdentifier": {"TableName": "left"},
            }
        ],
    }
    stacks = engine.client("cloudformation")
    named = {"StackName": "importing", "ChangeSetName": "adopt"}
    try:
        stacks.create_change_set(**wanted)
        stacks.get_waiter("change_set_create_complete").wait(**named, WaiterConfig={"Delay": 0.2, "MaxAttempts": 25})
        stacks.execute_change_set(**named)
        waiter = stacks.get_waiter("stack_import_complete")
        waiter.wait(StackName="importing", WaiterConfig={"Delay": 0.2, "MaxAttempts": 25})
    except (ClientError, WaiterError):
        assert not imported
    else:
        assert imported
