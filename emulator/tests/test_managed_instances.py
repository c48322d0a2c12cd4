"""Instances that boot: EC2's status checks, and the agent of Systems Manager."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, BOOT, DRILL, REGION, EmulatorClient


def status(emulator: EmulatorClient, instance_id: str) -> tuple[str, str, str]:
    (shown,) = emulator.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
    return tuple(shown[f"{area}Status"]["Status"] for area in ("System", "Instance", "AttachedEbs"))  # type: ignore[return-value]


def agents(emulator: EmulatorClient, *instance_ids: str) -> dict[str, str]:
    """The ping status of the instances that are listed."""
    filters = [{"Key": "InstanceIds", "Values": list(instance_ids)}] if instance_ids else []
    listed = emulator.ssm.describe_instance_information(Filters=filters)["InstanceInformationList"]
    return {each["InstanceId"]: each["PingStatus"] for each in listed}


def test_a_launched_instance_boots_and_then_its_agent_registers(emulator: EmulatorClient) -> None:
    emulator.change(spread=0)
    job_id = emulator.start(emulator.seed())
    while emulator.job(job_id)["participatingServers"][0]["launchStatus"] != "LAUNCHED":
        emulator.advance(10)
    (instance,) = (each["recoveryInstanceID"] for each in emulator.drs.describe_recovery_instances()["items"])
    assert status(emulator, instance) == ("initializing",) * 3
    assert agents(emulator, instance) == {}
    emulator.advance(90)
    assert agents(emulator, instance) == {instance: "Online"}
    assert status(emulator, instance) == ("initializing",) * 3
    emulator.advance(90)
    assert status(emulator, instance) == ("ok",) * 3


def test_what_is_known_of_a_managed_instance(emulator: EmulatorClient) -> None:
    emulator.seed(hostname="db01", os="Microsoft Windows Server 2022", tags={"tier": "db"})
    job_id = emulator.start([each["sourceServerID"] for each in emulator.drs.describe_source_servers()["items"]])
    emulator.advance(DRILL + BOOT)
    assert emulator.job(job_id)["status"] == "COMPLETED"
    for asked in ({"Key": "tag:tier", "Values": ["db"]}, {"Key": "PlatformTypes", "Values": ["Windows"]}):
        (shown,) = emulator.ssm.describe_instance_information(Filters=[asked])["InstanceInformationList"]
        assert (shown["ComputerName"], shown["PlatformType"], shown["ResourceType"]) == (
            "db01",
            "Windows",
            "EC2Instance",
        )
    none = {"Key": "tag:tier", "Values": ["web"]}
    assert emulator.ssm.describe_instance_information(Filters=[none])["InstanceInformationList"] == []
    with pytest.raises(ClientError, match="InvalidFilterKey"):
        emulator.ssm.describe_instance_information(Filters=[none, {"Key": "InstanceIds", "Values": ["i-1"]}])


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ("system-impaired", ("impaired", "ok", "ok")),
        ("instance-impaired", ("ok", "impaired", "ok")),
        ("ebs-impaired", ("ok", "ok", "impaired")),
        ("initializing", ("initializing",) * 3),
    ],
)
def test_an_instance_that_never_passes_its_checks(
    emulator: EmulatorClient, checks: str, expected: tuple[str, str, str]
) -> None:
    rule = emulator.rule("INSTANCE", hostname="host-0000", checks=checks)
    first, second = emulator.booted(2)
    assert (status(emulator, first), status(emulator, second)) == (expected, ("ok",) * 3)
    emulator.control("DELETE", f"rules/{rule}")
    assert status(emulator, first) == ("ok",) * 3


def test_a_slow_boot_and_a_late_agent(emulator: EmulatorClient) -> None:
    emulator.rule("INSTANCE", checksSeconds=1200, agentSeconds=2400)
    (instance,) = emulator.booted()
    assert (status(emulator, instance)[0], agents(emulator)) == ("initializing", {})
    emulator.advance(1200)
    assert (status(emulator, instance)[0], agents(emulator)) == ("ok", {})
    emulator.advance(1200)
    assert agents(emulator) == {instance: "Online"}


def test_an_instance_without_an_agent_is_not_listed_and_takes_no_command(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    emulator.rule("INSTANCE", sourceServerId=server, agent="absent")
    emulator.start([server])
    emulator.advance(DRILL + BOOT)
    (instance,) = (each["recoveryInstanceID"] for each in emulator.drs.describe_recovery_instances()["items"])
    assert agents(emulator, instance) == {}
    with pytest.raises(ClientError, match=rf"InvalidInstanceId.*Instances \[\[{instance}\]\] not in a valid state"):
        emulator.ssm.send_command(
            InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["id"]}
        )


def test_an_agent_is_lost_and_comes_back(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=60, agentBackSeconds=600)
    assert agents(emulator) == {instance: "Online"}
    emulator.advance(60)
    assert agents(emulator) == {instance: "ConnectionLost"}
    emulator.advance(600)
    assert agents(emulator) == {instance: "Online"}


def test_a_terminated_instance_disappears(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[instance])
    emulator.advance(300)
    assert agents(emulator) == {}
    assert emulator.ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"] == []
    every = emulator.ec2.describe_instance_status(InstanceIds=[instance], IncludeAllInstances=True)
    (shown,) = every["InstanceStatuses"]
    assert (shown["InstanceState"]["Name"], shown["SystemStatus"]["Status"]) == ("terminated", "not-applicable")
    emulator.advance(3600)
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        emulator.ec2.describe_instance_status(InstanceIds=[instance])


def test_a_drill_replaces_the_earlier_instance(emulator: EmulatorClient) -> None:
    servers = emulator.seed()
    emulator.start(servers)
    emulator.advance(DRILL + BOOT)
    (first,) = agents(emulator)
    emulator.start(servers)
    emulator.advance(DRILL + BOOT)
    (second,) = agents(emulator)
    assert first != second


def test_a_stopped_instance_has_no_checks_and_no_agent(emulator: EmulatorClient) -> None:
    (server,) = emulator.seed()
    emulator.drs.update_launch_configuration(sourceServerID=server, launchDisposition="STOPPED")
    emulator.start([server])
    emulator.advance(DRILL + BOOT)
    assert agents(emulator) == {}
    assert emulator.ec2.describe_instance_status()["InstanceStatuses"] == []
    (shown,) = emulator.ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert shown["InstanceState"]["Name"] == "stopped"


def test_statuses_come_in_pages_and_one_call_takes_a_hundred_ids(emulator: EmulatorClient) -> None:
    instances = emulator.booted(12)
    pages = emulator.ec2.get_paginator("describe_instance_status").paginate(PaginationConfig={"PageSize": 5})
    found = [[each["InstanceId"] for each in page["InstanceStatuses"]] for page in pages]
    assert [len(page) for page in found] == [5, 5, 2]
    assert [each for page in found for each in page] == sorted(instances)
    filtered = [{"Name": "system-status.status", "Values": ["ok"]}]
    assert len(emulator.ec2.describe_instance_status(Filters=filtered)["InstanceStatuses"]) == 12
    for wrong in ({"InstanceIds": instances, "MaxResults": 5}, {"InstanceIds": [f"i-{n:017}" for n in range(101)]}):
        with pytest.raises(ClientError, match="InvalidParameter"):
            emulator.ec2.describe_instance_status(**wrong)
    listed = [
        each["InstanceId"]
        for page in emulator.ssm.get_paginator("describe_instance_information").paginate()
        for each in page["InstanceInformationList"]
    ]
    assert listed == sorted(instances)
    assert len(emulator.ssm.describe_instance_information()["InstanceInformationList"]) == 10  # the default


def test_with_the_unkind_profile_agents_are_shown_late_and_one_unknown_id_fails_the_call(
    captured: EmulatorClient,
) -> None:
    captured.change(profile="unkind", spread=0)
    (server,) = captured.seed()
    job_id = captured.start([server])
    captured.advance(600)
    assert captured.job(job_id)["status"] == "COMPLETED"
    captured.advance(50)
    (shown,) = captured.control("GET", "instances")[1]["instances"]
    assert (shown["agent"], agents(captured)) == ("online", {})
    captured.advance(60)
    assert agents(captured, shown["instanceId"]) == {shown["instanceId"]: "Online"}
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        agents(captured, shown["instanceId"], "i-00000000000000000")
    captured.change(behaviour={"unknownInstances": "absent"})
    assert list(agents(captured, shown["instanceId"], "i-00000000000000000")) == [shown["instanceId"]]


def test_a_new_instance_is_unknown_to_ec2_for_a_while_and_fails_the_call(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"statusDelaySeconds": 600})
    (instance,) = emulator.booted()
    with pytest.raises(ClientError, match=rf"InvalidInstanceID\.NotFound.*'{instance}'"):
        status(emulator, instance)
    emulator.advance(600)
    assert status(emulator, instance) == ("ok",) * 3


def test_an_instance_of_the_control_api_boots_too(emulator: EmulatorClient) -> None:
    added = {"accountId": ACCOUNT, "region": REGION, "instanceId": "i-0aaaabbbbccccdddd", "tags": {"role": "bastion"}}
    assert emulator.control("POST", "ec2-instances", added)[0] == 201
    emulator.advance(BOOT)
    assert agents(emulator) == {"i-0aaaabbbbccccdddd": "Online"}
    assert emulator.ssm_of("9" * 12, REGION).describe_instance_information()["InstanceInformationList"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind: must be one of"),
        ({"kind": "INSTANCE", "document": "x"}, "document: is unknown"),
        ({"kind": "INSTANCE", "checks": "broken"}, "checks: must be one of"),
        ({"kind": "INSTANCE", "instanceId": "web01"}, "instanceId: must be"),
        ({"kind": "INSTANCE", "agentBackSeconds": 5}, "agentLostSeconds: "),
        ({"kind": "COMMAND", "effect": "IS_CANCELLED"}, "effect: must be one of"),
        ({"kind": "COMMAND", "exitCode": 0}, "exitCode: must be a whole number, 1 or more"),
        ({"kind": "COMMAND", "seconds": -1}, "seconds: must be a number"),
        ({"kind": "AUTOMATION", "stdout": "x"}, "stdout: is unknown"),
        ({"kind": "AUTOMATION", "step": 1}, "step: must be a text"),
    ],
)
def test_a_wrong_rule_is_refused_by_the_name_of_its_field(
    emulator: EmulatorClient, body: dict[str, Any], field: str
) -> None:
    status, answer = emulator.control("POST", "rules", body)
    assert (status, answer["message"].startswith(field)) == (400, True), answer
    assert emulator.control("GET", "rules")[1] == {"rules": []}
