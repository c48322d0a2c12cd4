"""What the deployed functions reach in a target account, with the credentials of a role that they assume."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox import clients, drill, environments, seeding
from sandbox.settings import EXTERNAL_ID, HUB_ACCOUNT, TARGET_ACCOUNT
from sandbox.shop import Shop
from sandbox.stack import Sandbox
from tests.support.deployed import MAX_WAIT_SECONDS, Operator

pytestmark = pytest.mark.e2e
REGION = "ap-southeast-2"  # of this module alone
FUNCTION_TAG = {"Key": "drs-waves:function", "Value": "drs-waves-poll-job"}
Client = Callable[[str], Any]


def assumed(sandbox: Sandbox, role: dict[str, Any]) -> Client:
    """Make clients in the target with the role, which have the addresses that functions have."""
    given = sandbox.client("sts").assume_role(RoleSessionName="test", **role)["Credentials"]
    session = clients.create_session(TARGET_ACCOUNT, REGION, sandbox.secret)

    def client(service: str) -> Any:
        is_emulated = service in environments.SERVICES_OF_EMULATOR
        return session.client(  # type: ignore[call-overload]
            service,
            endpoint_url=sandbox.drs_url if is_emulated else sandbox.engine_url,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(proxies={}, retries={"total_max_attempts": 2}),
        )

    return client


@pytest.fixture(scope="module")
def shop(sandbox: Sandbox) -> Shop:
    rows = [
        {"hostname": f"{tier}-au-{{n}}", "count": 2, "os": system, "cpus": 2, "ramGiB": 8, "disksGiB": [40]}
        | {"accountId": TARGET_ACCOUNT, "region": REGION, "tags": {"tier": tier}}
        for tier, system in (("web", "Ubuntu 24.04"), ("db", "Windows Server 2022"))
    ]
    shops = seeding.open_shops(sandbox, rows, seeding.seed_source_servers(sandbox, rows))
    return shops[TARGET_ACCOUNT, REGION]


@pytest.fixture(scope="module")
def as_target_role(sandbox: Sandbox) -> Client:
    role = {"RoleArn": sandbox.target_roles[TARGET_ACCOUNT], "ExternalId": EXTERNAL_ID, "Tags": [FUNCTION_TAG]}
    return assumed(sandbox, role)


@pytest.fixture(scope="module")
def as_user_of_the_shop(sandbox: Sandbox, shop: Shop) -> Client:
    """A role with exactly the rights that the actions of a plan need."""
    iam = sandbox.client("iam", account=TARGET_ACCOUNT)
    principal = {"AWS": f"arn:aws:iam::{HUB_ACCOUNT}:root"}
    trust = policy({"Principal": principal, "Action": "sts:AssumeRole"})
    role = iam.create_role(RoleName="user-of-the-shop", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    executions = shop.machine_arn.replace(":stateMachine:", ":execution:") + ":*"
    allowed = policy(
        {"Action": "lambda:InvokeFunction", "Resource": shop.function_arn},
        {"Action": "states:StartExecution", "Resource": shop.machine_arn},
        {"Action": ["states:DescribeExecution", "states:StopExecution"], "Resource": executions},
        {"Action": "events:PutEvents", "Resource": shop.bus_arn},
    )
    iam.put_role_policy(RoleName="user-of-the-shop", PolicyName="shop", PolicyDocument=allowed)
    return assumed(sandbox, {"RoleArn": role})


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements]})


def test_ec2_is_asked_through_the_emulator_with_the_rights_of_the_role(as_target_role: Client) -> None:
    ec2 = as_target_role("ec2")
    unknown = [{"Name": "instance-id", "Values": ["i-0123456789abcdef0"]}]
    assert ec2.describe_instances(Filters=unknown)["Reservations"] == []
    with pytest.raises(ClientError, match=r"UnauthorizedOperation.*not authorized to perform: ec2:CreateVpc"):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")


def test_instances_of_a_drill_boot_and_are_behind_the_target_group(
    sandbox: Sandbox, operator: Operator, shop: Shop, as_target_role: Client
) -> None:
    servers = sandbox.client("drs", account=TARGET_ACCOUNT, region=REGION).describe_source_servers()["items"]
    ids = [each["sourceServerID"] for each in servers]
    record = operator.drill(operator.plan(all=operator.group(ids, account=TARGET_ACCOUNT, region=REGION)))
    assert record["status"] == "COMPLETED", record
    managed = wait_for_agents(as_target_role("ssm"), len(ids))
    assert sorted(each["PlatformType"] for each in managed) == ["Linux", "Linux", "Windows", "Windows"]
    linux = {each["InstanceId"] for each in managed if each["PlatformType"] == "Linux"}
    wait_for_health(as_target_role("elbv2"), shop, dict.fromkeys(linux, "healthy"))
    status = as_target_role("ec2").describe_instance_status(InstanceIds=sorted(linux))["InstanceStatuses"]
    assert [each["InstanceStatus"]["Status"] for each in status] == ["ok", "ok"]


def test_the_calls_of_a_drill_are_those_of_drs_alone(sandbox: Sandbox, as_target_role: Client) -> None:
    as_target_role("ec2").describe_instances()
    as_target_role("ssm").list_commands()
    counted = drill.count_drs_calls(sandbox)
    assert "DescribeJobs" in counted
    assert not {"DescribeInstances", "ListCommands"} & counted.keys()


def wait_for_agents(ssm: Any, count: int) -> list[dict[str, Any]]:
    """What Systems Manager knows of the instances, as soon as all agents have registered."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while len(managed := ssm.describe_instance_information()["InstanceInformationList"]) < count:
        assert time.monotonic() < deadline, managed
        time.sleep(0.1)
    return list(managed)


def wait_for_health(balancers: Any, shop: Shop, wanted: dict[str, str]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    shown: dict[str, str] = {}
    while shown != wanted:
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
        health = balancers.describe_target_health(TargetGroupArn=shop.target_group_arn)["TargetHealthDescriptions"]
        shown = {each["Target"]["Id"]: each["TargetHealth"]["State"] for each in health}


def test_the_function_the_machine_and_the_bus_of_a_target_do_what_they_are_asked(
    as_user_of_the_shop: Client, shop: Shop
) -> None:
    functions, machines, events = (as_user_of_the_shop(each) for each in ("lambda", "stepfunctions", "events"))
    assert functions.invoke(FunctionName=shop.function_arn, InvocationType="DryRun")["StatusCode"] == 204
    answer = functions.invoke(FunctionName=shop.function_arn, Payload="{}")
    assert ("FunctionError" in answer, json.loads(answer["Payload"].read())["ordersPlaced"]) == (False, 3)
    started = machines.start_execution(stateMachineArn=shop.machine_arn, name="one", input="{}")
    with pytest.raises(machines.exceptions.ExecutionAlreadyExists):
        machines.start_execution(stateMachineArn=shop.machine_arn, name="one", input='{"other": 1}')
    machines.stop_execution(executionArn=started["executionArn"], cause="the run is cancelled")
    ended = machines.describe_execution(executionArn=started["executionArn"])
    assert ended["status"] == "ABORTED"
    entry = {"Source": "drs-waves", "DetailType": "shop", "Detail": "{}", "EventBusName": shop.bus_arn}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_what_the_role_does_not_name_is_refused(as_user_of_the_shop: Client, shop: Shop) -> None:
    functions, machines, events = (as_user_of_the_shop(each) for each in ("lambda", "stepfunctions", "events"))
    with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction"):
        functions.invoke(FunctionName=f"{shop.function_arn}-of-others", InvocationType="DryRun")
    with pytest.raises(ClientError, match="not authorized to perform: states:StartExecution"):
        machines.start_execution(stateMachineArn=f"{shop.machine_arn}-of-others")
    entry = {"Source": "drs-waves", "DetailType": "shop", "Detail": "{}", "EventBusName": "default"}
    with pytest.raises(ClientError, match="not authorized to perform: events:PutEvents"):
        events.put_events(Entries=[entry])
