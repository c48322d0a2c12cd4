"""What all services of the emulator share: one URL, accounts, faults, rate limits, the call log and the state file."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from drs_emulator import Emulator
from emulator_support.client import ACCOUNT, BOOT, DRILL, REGION, EmulatorClient

SHELL: dict[str, Any] = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["id"]}}


def outcomes(emulator: EmulatorClient) -> Any:
    return emulator.control("GET", "calls")[1]["operations"]


def test_calls_of_every_service_are_counted_by_operation(emulator: EmulatorClient) -> None:
    instances = emulator.booted(3)
    emulator.ssm.send_command(InstanceIds=instances, **SHELL)
    emulator.ec2.describe_instance_status(InstanceIds=instances)
    counted = outcomes(emulator)
    assert (counted["SendCommand"], counted["DescribeInstanceStatus"]) == ({"OK": 1}, {"OK": 1})
    calls = emulator.control("GET", "calls?detail=true")[1]["calls"]
    assert [(each["service"], each["account"], each["region"]) for each in calls[-2:]] == [
        ("ssm", ACCOUNT, REGION),
        ("ec2", ACCOUNT, REGION),
    ]


@pytest.mark.parametrize("service", ["drs", "ssm", "ec2"])
def test_a_region_goes_down_for_one_service(emulator: EmulatorClient, service: str) -> None:
    emulator.drs.initialize_service()
    fault = {"kind": "REGION_DOWN", "region": REGION, "service": service}
    assert emulator.control("POST", "faults", fault)[0] == 201
    for name, call in (
        ("drs", emulator.drs.describe_source_servers),
        ("ssm", emulator.ssm.describe_instance_information),
        ("ec2", emulator.ec2.describe_instance_status),
    ):
        if name == service:
            with pytest.raises(ClientError) as refused:
                call()
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        else:
            call()


def test_an_outage_of_all_services_is_one_fault(emulator: EmulatorClient) -> None:
    emulator.control("POST", "faults", {"kind": "SERVER_ERROR", "service": "all", "count": 2})
    with pytest.raises(ClientError, match="InternalServerError"):
        emulator.ssm.list_commands()
    with pytest.raises(ClientError, match="InternalError"):
        emulator.ec2.describe_instance_status()
    emulator.ssm.list_commands()


def test_a_throttled_call_has_the_error_of_its_service(emulator: EmulatorClient) -> None:
    for operation in ("SendCommand", "DescribeInstanceStatus"):
        emulator.control("POST", "faults", {"kind": "THROTTLING", "operation": operation, "count": 1})
    with pytest.raises(ClientError, match="ThrottlingException"):
        emulator.ssm.send_command(InstanceIds=["i-00000000000000000"], **SHELL)
    with pytest.raises(ClientError, match="RequestLimitExceeded"):
        emulator.ec2.describe_instance_status()
    emulator.change(rateLimits={"ListCommands": {"perSecond": 1, "burst": 2}})
    emulator.ssm.list_commands()
    emulator.ssm.list_commands()
    with pytest.raises(ClientError, match="ThrottlingException"):
        emulator.ssm.list_commands()
    assert outcomes(emulator)["ListCommands"] == {"OK": 2, "ThrottlingException": 1}


def test_a_command_whose_answer_is_lost_has_been_sent(emulator: EmulatorClient) -> None:
    instances = emulator.booted()
    emulator.control("POST", "faults", {"kind": "CUT_AFTER", "operation": "SendCommand", "count": 1})
    with pytest.raises(ConnectionClosedError):
        emulator.ssm.send_command(InstanceIds=instances, Comment="once", **SHELL)
    assert [each["Comment"] for each in emulator.ssm.list_commands()["Commands"]] == ["once"]


def test_a_call_that_is_denied_has_the_error_of_its_service_and_names_the_action(emulator: EmulatorClient) -> None:
    for operation in ("DescribeDocument", "DescribeInstanceStatus", "DescribeTargetHealth", "DescribeJobs"):
        emulator.control("POST", "faults", {"kind": "ACCESS_DENIED", "operation": operation})
    with pytest.raises(ClientError, match=r"AccessDeniedException.* not authorized to perform: ssm:DescribeDocument"):
        emulator.ssm.describe_document(Name="AWS-RunShellScript")
    with pytest.raises(ClientError, match=r"UnauthorizedOperation.*ec2:DescribeInstanceStatus"):
        emulator.ec2.describe_instance_status()
    # pragma: allowlist nextline secret
    arn = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/shop-web/0123456789abcdef"
    with pytest.raises(ClientError, match=r"\(AccessDenied\).*elasticloadbalancing:DescribeTargetHealth"):
        emulator.elb.describe_target_health(TargetGroupArn=arn)
    with pytest.raises(ClientError, match=r"AccessDeniedException.*drs:DescribeJobs") as denied:
        emulator.drs.describe_jobs()
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_fault_strikes_only_calls_that_contain_a_text(emulator: EmulatorClient) -> None:
    fault = {"kind": "ACCESS_DENIED", "service": "ssm", "contains": "AWS-RunPowerShellScript"}
    assert emulator.control("POST", "faults", fault)[0] == 201
    emulator.ssm.describe_document(Name="AWS-RunShellScript")
    with pytest.raises(ClientError, match="not authorized"):
        emulator.ssm.describe_document(Name="AWS-RunPowerShellScript")
    status, answer = emulator.control("POST", "faults", {"kind": "LAUNCH_FAILS", "contains": "any"})
    assert (status, answer["message"]) == (400, "contains: not allowed for LAUNCH_FAILS")


def test_a_fault_without_a_service_strikes_drs_only(emulator: EmulatorClient) -> None:
    emulator.control("POST", "faults", {"kind": "THROTTLING"})
    emulator.ssm.list_commands()
    status, answer = emulator.control("POST", "faults", {"kind": "THROTTLING", "service": "s3"})
    assert (status, answer["message"]) == (
        400,
        "service: must be one of drs, ssm, ec2, elbv2, iam, service-quotas, all",
    )
    status, answer = emulator.control("POST", "faults", {"kind": "THROTTLING", "operation": "Send"})
    assert (status, answer["message"]) == (400, "operation: must be an operation")


def test_what_is_not_built_says_so(emulator: EmulatorClient) -> None:
    with pytest.raises(ClientError, match="NotImplementedException"):
        emulator.ssm.describe_parameters()
    built = emulator.control("GET", "health")[1]["otherServices"]
    assert {"SendCommand", "StartAutomationExecution", "DescribeInstanceInformation"} <= set(built["ssm"])
    assert {"DescribeInstanceStatus", "DescribeInstances", "CreateLaunchTemplateVersion"} <= set(built["ec2"])
    assert "RunInstances" not in built["ec2"]
    assert (built["elbv2"], built["iam"]) == (["DescribeTargetHealth"], ["GetInstanceProfile"])
    with pytest.raises(ClientError, match="NotImplementedException"):
        emulator.quotas.list_services()


def test_commands_automations_and_rules_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    document = {"name": "Shop-Freeze", "type": "Automation", "steps": [{"name": "freeze", "seconds": 300}]}
    with Emulator(speed=0, state=file) as first:
        (server,) = first.seed(ACCOUNT, REGION, [{"hostname": "web01"}])
        first.client(ACCOUNT, REGION).start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True)
        first.control.advance(DRILL + BOOT)
        ssm = first.ssm_client(ACCOUNT, REGION)
        (instance,) = (each["instanceId"] for each in first.control.instances())
        first.control.add_rule({"kind": "COMMAND", "contains": "late", "effect": "FAILS", "count": 1})
        first.control.add_document({"accountId": ACCOUNT, "region": REGION} | document)
        command = ssm.send_command(InstanceIds=[instance], **SHELL)["Command"]["CommandId"]
        automation = ssm.start_automation_execution(DocumentName="Shop-Freeze")["AutomationExecutionId"]
        first.control.advance(2)
    with Emulator(state=file) as second:
        ssm = second.ssm_client(ACCOUNT, REGION)
        second.control.advance(400)
        run = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
        assert run["Status"] == "Success"
        shown = ssm.get_automation_execution(AutomationExecutionId=automation)["AutomationExecution"]
        assert shown["AutomationExecutionStatus"] == "Success"
        late = {"DocumentName": "AWS-RunShellScript", "Parameters": {"commands": ["late"]}}
        command = ssm.send_command(InstanceIds=[instance], **late)["Command"]["CommandId"]
        second.control.advance(10)
        assert ssm.get_command_invocation(CommandId=command, InstanceId=instance)["Status"] == "Failed"


def test_every_built_operation_of_systems_manager_answers_in_every_profile(any_profile: EmulatorClient) -> None:
    emulator = any_profile
    document = {"name": "Shop-Freeze", "type": "Automation", "steps": [{"name": "freeze", "action": "aws:approve"}]}
    emulator.control("POST", "ssm-documents", {"accountId": ACCOUNT, "region": REGION} | document)
    emulator.answered.clear()
    ssm = emulator.ssm
    emulator.start(emulator.seed())
    emulator.advance(2 * DRILL)
    instances = [each["instanceId"] for each in emulator.control("GET", "instances")[1]["instances"]]
    ssm.describe_instance_information()
    command = ssm.send_command(InstanceIds=instances, **SHELL)["Command"]["CommandId"]
    emulator.advance(6)
    for _ in range(3):
        ssm.get_command_invocation(CommandId=command, InstanceId=instances[0])
        ssm.list_command_invocations(CommandId=command, Details=True)
        ssm.list_commands()
        emulator.advance(2)
    ssm.cancel_command(CommandId=command)
    ssm.describe_document(Name="Shop-Freeze")
    ssm.list_documents()
    started = ssm.start_automation_execution(DocumentName="Shop-Freeze")
    execution = {"AutomationExecutionId": started["AutomationExecutionId"]}
    emulator.advance(5)
    ssm.get_automation_execution(**execution)
    ssm.describe_automation_step_executions(**execution)
    ssm.describe_automation_executions()
    ssm.list_tags_for_resource(ResourceType="Automation", ResourceId=started["AutomationExecutionId"])
    ssm.send_automation_signal(**execution, SignalType="Approve")
    ssm.get_automation_execution(**execution)
    other = ssm.start_automation_execution(DocumentName="Shop-Freeze")["AutomationExecutionId"]
    ssm.stop_automation_execution(AutomationExecutionId=other)
    ssm.get_automation_execution(AutomationExecutionId=other)
    built = emulator.control("GET", "health")[1]["otherServices"]["ssm"]
    assert set(built) <= emulator.answered


def test_the_waiters_of_boto3_end(emulator: EmulatorClient) -> None:
    (instance,) = emulator.booted()
    quickly = {"Delay": 1, "MaxAttempts": 1}
    emulator.ec2.get_waiter("instance_status_ok").wait(InstanceIds=[instance], WaiterConfig=quickly)
    emulator.ec2.get_waiter("system_status_ok").wait(InstanceIds=[instance], WaiterConfig=quickly)
    command = emulator.ssm.send_command(InstanceIds=[instance], **SHELL)["Command"]["CommandId"]
    emulator.advance(10)
    waiter = emulator.ssm.get_waiter("command_executed")
    waiter.wait(CommandId=command, InstanceId=instance, WaiterConfig=quickly)
