"""Patches of EventBridge, EC2, EventBridge Scheduler, STS, CloudFormation and DynamoDB."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError

from tests.support.ministack import ACCOUNT, REGION, MiniStack, client, deploy


@pytest.mark.parametrize(("engine_name", "refused"), [("patched", 0), ("unpatched", 1)])
def test_an_emulated_service_may_send_its_events(
    engine_name: str, refused: int, request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    entry = {"Source": "aws.drs", "DetailType": "DRS Source Server Launch Result", "Detail": "{}"}
    assert engine.client("events").put_events(Entries=[entry])["FailedEntryCount"] == refused


def test_instances_are_found_by_their_ids(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine, found in ((patched, 1), (unpatched, 2)):
        ec2 = engine.client("ec2")
        answer = ec2.run_instances(ImageId="ami-0123456789abcdef0", MinCount=2, MaxCount=2, InstanceType="m5.large")
        wanted = answer["Instances"][0]["InstanceId"]
        asked = [{"Name": "instance-id", "Values": [wanted, "i-0123456789abcdef0"]}]
        described = ec2.describe_instances(Filters=asked)["Reservations"]
        assert len([one for each in described for one in each["Instances"]]) == found


def test_an_instance_has_a_launch_time_of_the_simulated_clock(patched: MiniStack, unpatched: MiniStack) -> None:
    now = datetime.now(UTC).timestamp()
    for engine, expected in ((patched, 2 * now), (unpatched, now)):
        launched = engine.client("ec2").run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)
        (instance,) = launched["Instances"]
        described = engine.client("ec2").describe_instances(InstanceIds=[instance["InstanceId"]])
        for each in (instance, described["Reservations"][0]["Instances"][0]):
            assert each["LaunchTime"].timestamp() == pytest.approx(expected, abs=300)


def test_a_role_that_may_make_schedules_in_one_group_can_make_them_there_alone(
    patched: MiniStack, unpatched: MiniStack
) -> None:
    for engine, in_its_group in ((patched, "made"), (unpatched, "AccessDeniedException")):
        engine.client("scheduler").create_schedule_group(Name="drills")
        mine = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/drills/*"
        schedules = client(
            engine.url, "scheduler", session_of_a_role(engine, "planner", "scheduler:CreateSchedule", mine)
        )
        assert make_schedule(schedules, "drills") == in_its_group
        assert make_schedule(schedules, "default") == "AccessDeniedException"


def test_a_bus_is_described_by_who_may_describe_it(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine, answer in ((patched, "described"), (unpatched, "AccessDeniedException")):
        for name in ("shop", "other"):
            engine.client("events").create_event_bus(Name=name)
        mine = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/shop"
        events = client(engine.url, "events", session_of_a_role(engine, "listener", "events:DescribeEventBus", mine))
        assert describe_bus(events, "shop") == answer
        assert describe_bus(events, mine) == answer
        assert describe_bus(events, "other") == "AccessDeniedException"


def test_a_bus_is_described_by_its_arn(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine, answer in ((patched, "described"), (unpatched, "ResourceNotFoundException")):
        arn = engine.client("events").create_event_bus(Name="by-arn")["EventBusArn"]
        assert describe_bus(engine.client("events"), arn) == answer


def describe_bus(events: Any, name: str) -> str:
    try:
        events.describe_event_bus(Name=name)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "described"


def session_of_a_role(
    engine: MiniStack,
    name: str,
    actions: str | list[str],
    resource: str,
    condition: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> boto3.Session:
    """A session with a new role that may do this, and may pass roles, which every schedule needs."""
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


def test_a_policy_may_compare_with_a_tag_of_the_caller(patched: MiniStack, unpatched: MiniStack) -> None:
    for engine, as_itself in ((patched, "taken on"), (unpatched, "AccessDenied")):
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
        assert (take_on(sts, role_arn, TAG_OF_THE_CALLER) == "AccessDenied") is (engine is patched)


def take_on(sts: Any, role_arn: str, name: str) -> str:
    """`taken on`, or the error's code."""
    try:
        sts.assume_role(RoleArn=role_arn, RoleSessionName="toy", Tags=[{"Key": "toys:name", "Value": name}])
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "taken on"


@pytest.mark.parametrize(
    ("engine_name", "outcome"), [("patched", "CREATE_COMPLETE"), ("unpatched", "ROLLBACK_COMPLETE")]
)
def test_a_nested_template_may_have_resources_of_sam(
    engine_name: str, outcome: str, request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    table = {"Type": "AWS::Serverless::SimpleTable", "Properties": {"TableName": "of-sam"}}
    nested = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"Table": table}}
    engine.client("s3").put_object(Bucket="toy", Key="nested.yaml", Body=json.dumps(nested).encode())
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": f"{engine.url}/toy/nested.yaml"}}
    assert deploy(engine, "nesting", {"Resources": {"Nested": stack}}) == outcome
    assert ("of-sam" in engine.client("dynamodb").list_tables()["TableNames"]) is (engine_name == "patched")


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


@pytest.mark.parametrize(("engine_name", "protected"), [("patched", True), ("unpatched", False)])
def test_a_global_table_is_protected_as_its_replica_here_says(
    engine_name: str, protected: bool, request: pytest.FixtureRequest
) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
    stacks = engine.client("cloudformation")
    stacks.create_stack(StackName="global", TemplateBody=json.dumps({"Resources": {"Plans": GLOBAL_TABLE}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="global", WaiterConfig={"Delay": 0.1})
    described = engine.client("dynamodb").describe_table(TableName="plans")["Table"]
    assert described["DeletionProtectionEnabled"] is protected


@pytest.mark.parametrize(("engine_name", "imported"), [("patched", True), ("unpatched", False)])
def test_a_global_table_can_be_imported(engine_name: str, imported: bool, request: pytest.FixtureRequest) -> None:
    engine: MiniStack = request.getfixturevalue(engine_name)
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
