"""The health of targets in target groups of Elastic Load Balancing."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, BOOT, DRILL, REGION, EmulatorClient

UNKNOWN = "i-00000000000000000"


def add_group(emulator: EmulatorClient, servers: list[str]) -> str:
    group = {"accountId": ACCOUNT, "region": REGION, "name": "shop-web", "port": 8080, "sourceServerIds": servers}
    status, answer = emulator.control("POST", "target-groups", group | {"healthySeconds": 60})
    assert status == 201, answer
    return str(answer["targetGroupArn"])


def health(emulator: EmulatorClient, group: str, *instance_ids: str) -> dict[str, Any]:
    asked = {"Targets": [{"Id": each} for each in instance_ids]} if instance_ids else {}
    described = emulator.elb.describe_target_health(TargetGroupArn=group, **asked)["TargetHealthDescriptions"]
    return {
        each["Target"]["Id"]: (each["TargetHealth"]["State"], each["TargetHealth"].get("Reason")) for each in described
    }


def test_a_launched_instance_becomes_healthy_in_the_group_of_its_server(emulator: EmulatorClient) -> None:
    servers = emulator.seed(2)
    group = add_group(emulator, servers[:1])
    assert health(emulator, group) == {}
    emulator.rule("INSTANCE", checksSeconds=3600)
    emulator.start(servers)
    emulator.advance(DRILL)
    (instance,) = health(emulator, group)
    expected = {instance: ("initial", "Elb.InitialHealthChecking"), UNKNOWN: ("unused", "Target.NotRegistered")}
    assert health(emulator, group, instance, UNKNOWN) == expected
    emulator.advance(3660)
    assert health(emulator, group, instance, UNKNOWN) == expected | {instance: ("healthy", None)}


def test_a_target_is_unhealthy_by_a_rule_or_by_its_checks(emulator: EmulatorClient) -> None:
    servers = emulator.seed(2)
    group = add_group(emulator, servers)
    emulator.rule("INSTANCE", sourceServerId=servers[0], targetHealth="unhealthy")
    emulator.rule("INSTANCE", sourceServerId=servers[1], checks="instance-impaired")
    emulator.start(servers)
    emulator.advance(DRILL + BOOT + 60)
    assert set(health(emulator, group).values()) == {("unhealthy", "Target.FailedHealthChecks")}


def test_an_unknown_group_and_a_wrong_one_are_refused(emulator: EmulatorClient) -> None:
    with pytest.raises(ClientError) as refused:
        health(emulator, "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/none/0123456789abcdef")
    assert refused.value.response["Error"]["Code"] == "TargetGroupNotFound"
    assert isinstance(refused.value, emulator.elb.exceptions.TargetGroupNotFoundException)
    for change, field in (
        ({"name": "shop web"}, "name"),
        ({"port": 0}, "port"),
        ({"instanceIds": "i-1"}, "instanceIds"),
    ):
        group = {"accountId": ACCOUNT, "region": REGION, "name": "shop-web"} | change
        status, answer = emulator.control("POST", "target-groups", group)
        assert (status, answer["message"].partition(":")[0]) == (400, field)


def test_its_calls_are_throttled_and_counted_like_those_of_the_other_services(emulator: EmulatorClient) -> None:
    group = add_group(emulator, [])
    emulator.control("POST", "faults", {"kind": "THROTTLING", "operation": "DescribeTargetHealth", "count": 1})
    with pytest.raises(ClientError, match="Throttling"):
        health(emulator, group)
    assert health(emulator, group) == {}
    counted = emulator.control("GET", "calls")[1]["operations"]["DescribeTargetHealth"]
    assert counted == {"OK": 1, "ThrottlingException": 1}
