"""What checks and actions of a plan meet in a target, reached with the addresses and the roles of the functions."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.product import EUROPE, HUB, OTHER, WEST, Product
from tests.support.shops import open_shop, rule, target_client

TARGETS = pytest.mark.parametrize(("account", "region"), [(HUB, WEST), (OTHER, EUROPE)])


def launch(product: Product, server_ids: list[str], account: str, region: str) -> list[str]:
    """Drill these servers, and return the ids of their instances."""
    group = product.group(server_ids, account=account, region=region)
    record = product.drill(product.plan({"name": "shop", "groups": [group]}))
    assert record["status"] == "COMPLETED", record
    found = {each["sourceServerId"]: each["recoveryInstanceId"] for each in record["sourceServers"]}
    return [found[server_id] for server_id in server_ids]


def wait_until(look: Any, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@TARGETS
def test_functions_see_instances_boot_in_their_target(product: Product, account: str, region: str) -> None:
    servers = product.seed(2, account=account, region=region, os="Windows Server 2022")
    rule(product, "INSTANCE", sourceServerId=servers[1], checks="instance-impaired", agent="absent")
    good, broken = launch(product, servers, account, region)
    seen: dict[str, Any] = {}

    def look(event: Any, context: Any) -> None:
        ec2, ssm = (target_client(product, service, account, region) for service in ("ec2", "ssm"))
        status = ec2.describe_instance_status(InstanceIds=[good, broken], IncludeAllInstances=True)
        seen["checks"] = {each["InstanceId"]: each["InstanceStatus"]["Status"] for each in status["InstanceStatuses"]}
        managed = ssm.describe_instance_information()["InstanceInformationList"]
        seen["managed"] = {each["InstanceId"]: (each["PingStatus"], each["PlatformType"]) for each in managed}

    product.engine.create_function("Look", look)
    product.emulator.control.advance(600)
    product.engine.invoke("Look", {})
    assert seen == {"checks": {good: "ok", broken: "impaired"}, "managed": {good: ("Online", "Windows")}}


@TARGETS
def test_documents_and_target_groups_of_a_shop_are_the_emulators(product: Product, account: str, region: str) -> None:
    (server,) = product.seed(1, account=account, region=region)
    shop = open_shop(product, server, account=account, region=region)
    (instance,) = launch(product, [server], account, region)
    product.emulator.control.advance(600)
    ssm, balancers = (target_client(product, service, account, region) for service in ("ssm", "elbv2"))
    health = balancers.describe_target_health(TargetGroupArn=shop.target_group_arn)["TargetHealthDescriptions"]
    assert [(each["Target"]["Id"], each["TargetHealth"]["State"]) for each in health] == [(instance, "healthy")]
    rule(product, "COMMAND", document="Shop-CheckService", effect="FAILS", exitCode=3, stderr="not ready", count=1)
    sent = ssm.send_command(InstanceIds=[instance], DocumentName="Shop-CheckService")["Command"]["CommandId"]
    run = wait_until(lambda: ended_command(ssm, sent, instance))
    assert (run["Status"], run["ResponseCode"]) == ("Failed", 3)
    assert run["StandardErrorContent"].startswith("not ready\n")
    started = ssm.start_automation_execution(DocumentName="Shop-FreezeWrites")["AutomationExecutionId"]
    product.emulator.control.advance(120)
    execution = ssm.get_automation_execution(AutomationExecutionId=started)["AutomationExecution"]
    assert execution["AutomationExecutionStatus"] == "Success"


def ended_command(ssm: Any, command_id: str, instance_id: str) -> Any:
    run = ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
    return run if run["Status"] not in ("Pending", "InProgress") else None


@TARGETS
def test_functions_machines_and_buses_of_a_shop_answer_in_their_target(
    product: Product, account: str, region: str
) -> None:
    called = []
    shop = open_shop(product, account=account, region=region, smoke_test=lambda event, context: called.append(event))
    functions, machines, events = (
        target_client(product, service, account, region) for service in ("lambda", "stepfunctions", "events")
    )
    assert shop.function_arn.split(":")[3:5] == [region, account]
    assert functions.invoke(FunctionName=shop.function_arn, InvocationType="DryRun")["StatusCode"] == 204
    assert called == []
    functions.invoke(FunctionName=shop.function_arn, Payload=json.dumps({"key": "one"}))
    assert called == [{"key": "one"}]
    refused = machines.start_execution(stateMachineArn=shop.machine_arn, name="one", input='{"refuse": true}')
    product.engine.execution(refused["executionArn"]).wait()
    ended = machines.describe_execution(executionArn=refused["executionArn"])
    assert (ended["status"], ended["error"]) == ("FAILED", "Shop.Refused")
    entry = {"Source": "drs-waves", "DetailType": "shop", "Detail": "{}", "EventBusName": shop.bus_arn}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_target_runs_functions_while_the_account_of_the_product_runs_none(product: Product) -> None:
    here, there = open_shop(product), open_shop(product, account=OTHER, region=EUROPE)
    product.engine.runtime.limit_concurrency(0)
    for account, region, shop in ((HUB, WEST, here), (OTHER, EUROPE, there)):
        answer = target_client(product, "lambda", account, region).invoke(FunctionName=shop.function_arn)
        assert json.loads(answer["Payload"].read()) == {"ordersPlaced": 3}


def test_a_function_that_fails_says_so_to_its_caller(product: Product) -> None:
    def fail(event: Any, context: Any) -> None:
        raise RuntimeError("no order went through")

    shop = open_shop(product, smoke_test=fail)
    answer = target_client(product, "lambda").invoke(FunctionName=shop.function_arn)
    assert answer["FunctionError"]
    assert "no order went through" in answer["Payload"].read().decode()
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        target_client(product, "lambda").invoke(FunctionName=f"{shop.function_arn}-of-another-name")
