"""Run Command: commands on instances that DRS launched, and every way in which one can end."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, REGION, EmulatorClient

SHELL = "AWS-RunShellScript"
RUN = 10  # seconds in which a command that just runs has ended


def careless(emulator: EmulatorClient) -> Any:
    """A client that lets every request through to the service."""
    return boto3.client(
        "ssm",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="any",
        aws_session_token=emulator.secret,
        config=Config(parameter_validation=False),
    )


def send(emulator: EmulatorClient, instances: list[str], *lines: str, timeout: int = 600, **more: Any) -> str:
    parameters = {"commands": list(lines or ("uptime",)), "executionTimeout": [str(timeout)]}
    sent = emulator.ssm.send_command(InstanceIds=instances, DocumentName=SHELL, Parameters=parameters, **more)
    return str(sent["Command"]["CommandId"])


def run(emulator: EmulatorClient, command: str, instance: str) -> Any:
    return emulator.ssm.get_command_invocation(CommandId=command, InstanceId=instance)


def ended(emulator: EmulatorClient, command: str) -> dict[str, tuple[str, str]]:
    listed = emulator.ssm.list_command_invocations(CommandId=command)["CommandInvocations"]
    return {each["InstanceId"]: (each["Status"], each["StatusDetails"]) for each in listed}


def overall(emulator: EmulatorClient, command: str) -> Any:
    return emulator.ssm.list_commands(CommandId=command)["Commands"][0]


def test_a_command_is_pending_then_runs_and_succeeds_with_its_output(emulator: EmulatorClient) -> None:
    emulator.change(spread=0)
    (instance,) = emulator.booted()
    command = send(emulator, [instance], "echo 'all is well'", Comment="after the drill")
    seen = [run(emulator, command, instance)]
    for _ in range(6):
        emulator.advance(1)
        seen.append(run(emulator, command, instance))
    assert [each["Status"] for each in seen] == ["Pending", *["InProgress"] * 4, "Success", "Success"]
    assert (seen[0]["ResponseCode"], seen[0]["ExecutionStartDateTime"]) == (-1, "")
    assert (seen[2]["ResponseCode"], seen[2]["StandardOutputContent"]) == (-1, "")
    last = seen[-1]
    assert (last["ResponseCode"], last["StandardOutputContent"]) == (0, "all is well\n")
    assert (last["ExecutionElapsedTime"], last["PluginName"]) == ("PT4.000S", "aws:runShellScript")
    assert last["Comment"] == "after the drill"
    shown = overall(emulator, command)
    assert (shown["Status"], shown["CompletedCount"], shown["TargetCount"]) == ("Success", 1, 1)


def test_a_failed_command_has_its_exit_code_and_its_error(emulator: EmulatorClient) -> None:
    good, bad = emulator.booted(2)
    emulator.rule("COMMAND", instanceId=bad, contains="pg_isready", effect="FAILS", exitCode=2, stderr="no response")
    command = send(emulator, [good, bad], "pg_isready")
    emulator.advance(RUN)
    assert ended(emulator, command) == {good: ("Success", "Success"), bad: ("Failed", "Failed")}
    failed = run(emulator, command, bad)
    assert (failed["ResponseCode"], failed["StandardOutputContent"]) == (2, "")
    assert failed["StandardErrorContent"] == "no response\nfailed to run commands: exit status 2"
    shown = overall(emulator, command)
    assert (shown["Status"], shown["ErrorCount"], shown["CompletedCount"]) == ("Failed", 1, 2)
    (plugin,) = emulator.ssm.list_command_invocations(CommandId=command, InstanceId=bad, Details=True)[
        "CommandInvocations"
    ][0]["CommandPlugins"]
    assert (plugin["ResponseCode"], plugin["Output"].count("----------ERROR-------")) == (2, 1)
    other = send(emulator, [bad], "id")  # the rule is about another command
    emulator.advance(RUN)
    assert run(emulator, other, bad)["Status"] == "Success"


def test_a_database_that_starts_late_fails_so_many_times_on_each_instance(emulator: EmulatorClient) -> None:
    instances = emulator.booted(2)
    emulator.rule("COMMAND", contains="pg_isready", effect="FAILS", count=2)
    seen = []
    for _ in range(3):
        command = send(emulator, instances, "pg_isready")
        emulator.advance(RUN)
        seen.append([status for status, _ in ended(emulator, command).values()])
    assert seen == [["Failed"] * 2, ["Failed"] * 2, ["Success"] * 2]
    (shown,) = emulator.control("GET", "rules")[1]["rules"]
    assert shown["struck"] == 4


def test_a_command_that_hangs_ends_with_its_execution_timeout(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.rule("COMMAND", document=SHELL, effect="HANGS")
    command = send(emulator, [instance], timeout=120)
    emulator.advance(110)
    assert run(emulator, command, instance)["Status"] == "InProgress"
    emulator.advance(20)
    timed_out = run(emulator, command, instance)
    assert (timed_out["Status"], timed_out["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    shown = overall(emulator, command)
    assert (shown["StatusDetails"], shown["ErrorCount"], shown["DeliveryTimedOutCount"]) == ("ExecutionTimedOut", 1, 0)


@pytest.mark.parametrize(("cut", "ending"), [("marked", "---Output truncated---"), ("plain", "x")])
def test_output_is_cut_as_the_reference_says(emulator: EmulatorClient, cut: str, ending: str) -> None:
    emulator.change(behaviour={"outputCut": cut})
    (instance,) = emulator.booted()
    emulator.rule("COMMAND", effect="FAILS", stdout="x", stdoutLength=30_000, stderr="y" * 9_000)
    command = send(emulator, [instance])
    emulator.advance(RUN)
    shown = run(emulator, command, instance)
    assert (len(shown["StandardOutputContent"]), len(shown["StandardErrorContent"])) == (24_000, 8_000)
    assert shown["StandardOutputContent"].endswith(ending)
    listed = emulator.ssm.list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
    assert len(listed[0]["CommandPlugins"][0]["Output"]) == 2_500


@pytest.mark.parametrize(
    ("variant", "expected"),
    [("DeliveryTimedOut", ("TimedOut", "DeliveryTimedOut")), ("Undeliverable", ("Failed", "Undeliverable"))],
)
def test_a_command_to_a_lost_agent_is_delayed_until_its_delivery_times_out(
    emulator: EmulatorClient, variant: str, expected: tuple[str, str]
) -> None:
    emulator.change(behaviour={"lostAgent": variant})
    (instance,) = emulator.booted()
    emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=0)
    command = send(emulator, [instance], TimeoutSeconds=60)
    emulator.advance(30)
    assert ended(emulator, command) == {instance: ("Delayed", "Delayed")}
    emulator.advance(31)
    assert ended(emulator, command) == {instance: expected}
    assert run(emulator, command, instance)["ResponseCode"] == -1


def test_a_command_is_delivered_when_the_agent_is_back(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=0, agentBackSeconds=120)
    command = send(emulator, [instance])
    emulator.advance(100)
    assert run(emulator, command, instance)["Status"] == "Delayed"
    emulator.advance(60)
    assert run(emulator, command, instance)["Status"] == "Success"


def test_a_run_whose_agent_is_lost_stays_in_progress_until_the_command_expires(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.rule("COMMAND", seconds=60)
    command = send(emulator, [instance], timeout=300, TimeoutSeconds=300)
    emulator.advance(2)
    emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=0)
    emulator.advance(500)
    assert run(emulator, command, instance)["Status"] == "InProgress"
    emulator.advance(100)
    assert ended(emulator, command) == {instance: ("TimedOut", "DeliveryTimedOut")}


def test_a_command_to_an_instance_that_is_terminated_before_its_delivery_is_undeliverable(
    emulator: EmulatorClient,
) -> None:
    (instance,) = emulator.booted()
    emulator.rule("INSTANCE", instanceId=instance, agentLostSeconds=0)
    command = send(emulator, [instance], TimeoutSeconds=2000)
    emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[instance])
    emulator.advance(400)
    assert ended(emulator, command) == {instance: ("Failed", "Undeliverable")}


def test_the_number_of_instances_at_a_time_is_kept(emulator: EmulatorClient) -> None:
    instances = emulator.booted(5)
    emulator.rule("COMMAND", seconds=100)
    command = send(emulator, instances, MaxConcurrency="40%")
    most = 0
    for _ in range(40):
        emulator.advance(10)
        running = [status for status, _ in ended(emulator, command).values()].count("InProgress")
        most = max(most, running)
        assert running <= 2
    assert most == 2
    assert overall(emulator, command)["Status"] == "Success"


def test_after_too_many_errors_the_rest_is_terminated(emulator: EmulatorClient) -> None:
    instances = emulator.booted(5)
    emulator.rule("COMMAND", effect="FAILS")
    command = send(emulator, instances, MaxConcurrency="1", MaxErrors="1")
    emulator.advance(5 * RUN)
    details = [details for _, details in ended(emulator, command).values()]
    assert sorted(details) == ["Failed", "Failed", "Terminated", "Terminated", "Terminated"]
    assert (overall(emulator, command)["Status"], overall(emulator, command)["ErrorCount"]) == ("Failed", 2)


def test_some_failures_within_the_limit_leave_the_command_incomplete(emulator: EmulatorClient) -> None:
    instances = emulator.booted(3)
    emulator.rule("COMMAND", instanceId=instances[0], effect="FAILS")
    command = send(emulator, instances, MaxErrors="1")
    emulator.advance(RUN)
    assert overall(emulator, command)["StatusDetails"] == "Incomplete"


def test_a_cancelled_command_stops_where_it_runs_and_does_not_begin_elsewhere(emulator: EmulatorClient) -> None:
    instances = emulator.booted(2)
    emulator.rule("COMMAND", effect="HANGS")
    command = send(emulator, instances, MaxConcurrency="1")
    emulator.advance(2)
    emulator.ssm.cancel_command(CommandId=command)
    assert sorted(ended(emulator, command).values()) == [("Cancelled", "Cancelled"), ("Cancelling", "Cancelling")]
    assert overall(emulator, command)["Status"] == "Cancelling"
    emulator.advance(RUN)
    assert set(ended(emulator, command).values()) == {("Cancelled", "Cancelled")}
    assert overall(emulator, command)["Status"] == "Cancelled"
    emulator.ssm.cancel_command(CommandId=command)  # again, without an effect
    for wrong, error in (
        ({"CommandId": "0" * 36}, "InvalidCommandId"),
        ({"CommandId": command, "InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceId"),
    ):
        with pytest.raises(ClientError, match=error):
            emulator.ssm.cancel_command(**wrong)


def test_there_is_no_guarantee_that_a_cancelled_command_stops(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"cancelCommand": "ignored"})
    (instance,) = emulator.booted()
    command = send(emulator, [instance])
    emulator.advance(2)
    emulator.ssm.cancel_command(CommandId=command)
    emulator.advance(RUN)
    assert ended(emulator, command) == {instance: ("Success", "Success")}


def test_a_new_command_is_not_found_for_a_while(emulator: EmulatorClient) -> None:
    emulator.change(behaviour={"commandDelaySeconds": 5})
    (instance,) = emulator.booted()
    command = send(emulator, [instance])
    with pytest.raises(ClientError, match="InvocationDoesNotExist"):
        run(emulator, command, instance)
    assert emulator.ssm.list_commands(CommandId=command)["Commands"] == []
    assert ended(emulator, command) == {}
    emulator.advance(5)
    assert list(ended(emulator, command)) == [instance]
    assert overall(emulator, command)["CommandId"] == command
    run(emulator, command, instance)


def test_instances_are_found_by_their_tags(emulator: EmulatorClient) -> None:
    emulator.seed(tags={"tier": "web"})
    emulator.seed(1, hostname="db", tags={"tier": "db"})
    emulator.start([each["sourceServerID"] for each in emulator.drs.describe_source_servers()["items"]])
    emulator.advance(1600)
    listed = emulator.ssm.describe_instance_information()["InstanceInformationList"]
    (web,) = (each["InstanceId"] for each in listed if each["ComputerName"] != "db")
    asked: dict[str, Any] = {"DocumentName": SHELL, "Parameters": {"commands": ["id"]}}
    command = emulator.ssm.send_command(Targets=[{"Key": "tag:tier", "Values": ["web"]}], **asked)["Command"]
    assert (list(ended(emulator, command["CommandId"])), command["InstanceIds"]) == ([web], [])
    none = emulator.ssm.send_command(Targets=[{"Key": "tag:tier", "Values": ["app"]}], **asked)["Command"]
    shown = overall(emulator, none["CommandId"])
    assert (shown["Status"], shown["StatusDetails"], shown["TargetCount"]) == ("Success", "NoInstancesInTag", 0)
    by_id = emulator.ssm.send_command(Targets=[{"Key": "InstanceIds", "Values": [web]}], **asked)["Command"]
    assert by_id["TargetCount"] == 1


def test_commands_are_listed_newest_first_in_pages_and_by_filter(emulator: EmulatorClient) -> None:
    instances = emulator.booted(3)
    commands = [send(emulator, instances, Comment=f"number {number}") for number in range(4)]
    emulator.advance(RUN)
    commands.append(send(emulator, instances[:1]))
    pages = emulator.ssm.get_paginator("list_commands").paginate(PaginationConfig={"PageSize": 2})
    assert [each["CommandId"] for page in pages for each in page["Commands"]] == commands[::-1]
    invocations = emulator.ssm.get_paginator("list_command_invocations").paginate(PaginationConfig={"PageSize": 5})
    assert sum(len(page["CommandInvocations"]) for page in invocations) == 13
    done = emulator.ssm.list_commands(Filters=[{"key": "Status", "value": "Success"}])["Commands"]
    assert [each["CommandId"] for each in done] == commands[-2::-1]
    here = emulator.ssm.list_commands(InstanceId=instances[0])["Commands"]
    assert len(here) == 5
    token = emulator.ssm.list_commands(MaxResults=1)["NextToken"]
    with pytest.raises(ClientError, match="InvalidNextToken"):
        emulator.ssm.list_command_invocations(NextToken=token)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"DocumentName": "Shop-Check"}, "InvalidDocument"),
        ({"DocumentName": "AWS-StopEC2Instance"}, "InvalidDocument"),
        ({"DocumentName": "AWS-RunPowerShellScript", "DocumentVersion": "7"}, "InvalidDocumentVersion"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["id"], "colour": ["red"]}}, "InvalidParameters"),
        ({"Parameters": {"commands": ["id"], "executionTimeout": ["a day"]}}, "InvalidParameters"),
        ({"InstanceIds": ["i-00000000000000000"]}, "InvalidInstanceId"),
        ({"InstanceIds": []}, "InvalidInstanceId"),
        ({"Comment": "x" * 101}, "ValidationException"),
        ({"InstanceIds": [f"i-{number:017}" for number in range(51)]}, "ValidationException"),
        ({"TimeoutSeconds": 29}, "ValidationException"),
        ({"MaxConcurrency": "none"}, "ValidationException"),
    ],
)
def test_a_wrong_command_is_refused_and_sends_nothing(
    emulator: EmulatorClient, change: dict[str, Any], error: str
) -> None:
    instances = emulator.booted()
    good = {"InstanceIds": instances, "DocumentName": SHELL, "Parameters": {"commands": ["id"]}}
    with pytest.raises(ClientError) as refused:
        careless(emulator).send_command(**good | change)
    assert refused.value.response["Error"]["Code"] == error
    assert emulator.ssm.list_commands()["Commands"] == []


def test_an_instance_twice_and_a_script_for_another_platform_are_refused(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    emulator.control("POST", "ssm-documents", {
        "accountId": "111122223333", "region": "eu-west-1", "name": "Shop-Windows", "type": "Command",
        "platforms": ["Windows"],
    })  # fmt: skip
    with pytest.raises(ClientError, match="DuplicateInstanceId"):
        send(emulator, [instance, instance])
    with pytest.raises(ClientError, match="UnsupportedPlatformType"):
        emulator.ssm.send_command(InstanceIds=[instance], DocumentName="Shop-Windows")
