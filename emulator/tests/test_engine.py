"""EC2 and accounts with MiniStack as the engine."""

import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from shutil import which
from sys import executable
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

from drs_emulator import Emulator
from emulator_support.client import BOOT, DRILL, wait_until

if TYPE_CHECKING:
    from mypy_boto3_drs.client import DrsClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

ACCOUNT, REGION = "444455556666", "eu-central-1"
MINISTACK = which("ministack", path=f"{Path(executable).parent}{os.pathsep}{os.environ['PATH']}")

pytestmark = pytest.mark.skipif(MINISTACK is None, reason="MiniStack is not installed")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("ministack")
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "LAMBDA_EXECUTOR": "local",
        "STATE_DIR": str(folder),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([str(MINISTACK)], env=os.environ | settings, stdout=log, stderr=log, cwd=folder)
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    try:
        wait_until(healthy, 20)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


UNLIMITED = {"rateLimits": {"default": {"perSecond": 0, "burst": 100_000}}}  # the clock stands still while a test polls


@pytest.fixture(scope="module")
def running(engine: str) -> Iterator[Emulator]:
    with Emulator(speed=0, engine_url=engine) as emulator:
        emulator.control.change_settings(UNLIMITED)
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.control.reset()
    return running


@cache
def ec2(engine: str, account: str = ACCOUNT, region: str = REGION) -> "EC2Client":
    return boto3.client(
        "ec2", endpoint_url=engine, region_name=region, aws_access_key_id=account, aws_secret_access_key="test"
    )


@cache
def client(emulator: Emulator) -> "DrsClient":
    return emulator.client(ACCOUNT, REGION)


def described(ec2_client: "EC2Client", instance_ids: list[str]) -> "list[InstanceTypeDef]":
    answer = ec2_client.describe_instances(InstanceIds=instance_ids)
    return [instance for reservation in answer["Reservations"] for instance in reservation["Instances"]]


def finish(emulator: Emulator, job_id: str, seconds: float) -> list[str]:
    """Wait for the end of the job, and return the recovery instances that it launched."""
    drs = client(emulator)

    def ended() -> bool:
        return drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["status"] == "COMPLETED"

    emulator.control.advance(seconds)
    wait_until(ended)
    servers = drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["participatingServers"]
    launched = {i["sourceServerID"]: i for i in drs.describe_recovery_instances()["items"] if i["jobID"] == job_id}
    return [launched[server["sourceServerID"]]["recoveryInstanceID"] for server in servers]


def test_recovery_instances_run_and_are_terminated_at_the_engine(emulator: Emulator, engine: str) -> None:
    drs = client(emulator)
    sized = {"hostname": "db01", "cpus": 8, "ramGiB": 32, "tags": {"tier": "db"}}
    servers = emulator.seed(ACCOUNT, REGION, [sized, *({"hostname": f"web{n:02}"} for n in range(30))])
    asked = [{"sourceServerID": server} for server in servers]
    job_id = drs.start_recovery(sourceServers=asked, isDrill=True)["job"]["jobID"]  # type: ignore[arg-type]
    instances = finish(emulator, job_id, DRILL)

    running = {instance["InstanceId"]: instance for instance in described(ec2(engine), instances)}
    assert len(running) == 31
    assert {instance["State"]["Name"] for instance in running.values()} == {"running"}
    database = running[instances[0]]
    assert database["InstanceType"] == "m5.2xlarge"
    assert {tag["Key"]: tag["Value"] for tag in database["Tags"]} == {
        "Name": "db01",
        "tier": "db",
        "AWSElasticDisasterRecoverySourceServerID": servers[0],
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
    }
    for shown in drs.describe_recovery_instances()["items"]:
        interface = shown["recoveryInstanceProperties"]["networkInterfaces"][0]
        assert interface["ips"] == [running[shown["ec2InstanceID"]]["PrivateIpAddress"]]
    assert ec2(engine, account="9" * 12).describe_instances()["Reservations"] == []
    assert ec2(engine, region="us-east-1").describe_instances()["Reservations"] == []

    terminated = drs.terminate_recovery_instances(recoveryInstanceIDs=instances[:5])["job"]["jobID"]
    finish(emulator, terminated, 200)
    states = {i["InstanceId"]: i["State"]["Name"] for i in described(ec2(engine), instances)}
    assert {states[instance] for instance in instances[:5]} == {"terminated"}
    assert {states[instance] for instance in instances[5:]} == {"running"}
    assert len(drs.describe_recovery_instances()["items"]) == 26


def test_status_checks_and_commands_are_the_emulators_for_instances_of_the_engine(emulator: Emulator) -> None:
    drs, ssm = client(emulator), emulator.ssm_client(ACCOUNT, REGION)
    (server,) = emulator.seed(ACCOUNT, REGION, [{"hostname": "db01"}])
    job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=True)["job"]["jobID"]
    (instance,) = finish(emulator, job_id, DRILL)
    emulator.control.advance(BOOT)
    status = emulator.ec2_client(ACCOUNT, REGION).describe_instance_status(InstanceIds=[instance])
    assert [each["SystemStatus"]["Status"] for each in status["InstanceStatuses"]] == ["ok"]
    parameters = {"commands": ["echo ready"]}
    sent = ssm.send_command(InstanceIds=[instance], DocumentName="AWS-RunShellScript", Parameters=parameters)
    emulator.control.advance(10)
    run = ssm.get_command_invocation(CommandId=sent["Command"]["CommandId"], InstanceId=instance)
    assert (run["Status"], run["StandardOutputContent"]) == ("Success", "ready\n")


def test_other_calls_of_ec2_are_passed_on_to_the_engine(emulator: Emulator, engine: str) -> None:
    through = emulator.ec2_client(ACCOUNT, REGION)
    launched = ec2(engine).run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)["Instances"][0]
    (shown,) = described(through, [launched["InstanceId"]])
    assert shown["PrivateIpAddress"] == launched["PrivateIpAddress"]
    root = [each["Attachments"][0]["InstanceId"] for each in through.describe_volumes()["Volumes"]]
    assert launched["InstanceId"] in root
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        through.describe_instances(InstanceIds=["i-00000000000000000"])
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):  # DRS did not launch it
        through.describe_instance_status(InstanceIds=[launched["InstanceId"]])
    emulator.control.add_fault({"kind": "REGION_DOWN", "region": REGION, "service": "ec2"})
    with pytest.raises(ClientError, match="REGION_DOWN"):
        through.describe_volumes()
    counted = emulator.control.calls()["operations"]["DescribeVolumes"]
    assert counted == {"OK": 1, "ServiceUnavailable": 1}


def test_an_engine_that_does_not_answer_is_unavailable() -> None:
    unused = "http://127.0.0.1:1"
    with Emulator(speed=0, engine_url=unused) as alone, pytest.raises(ClientError, match="does not answer"):
        alone.ec2_client(ACCOUNT, REGION).describe_volumes()


def test_a_second_launch_terminates_the_first_instance_at_the_engine(emulator: Emulator, engine: str) -> None:
    drs = client(emulator)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app01"}])[0]
    first, second = (
        finish(emulator, drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"], 2000)[0]
        for _ in range(2)
    )
    wait_until(lambda: described(ec2(engine), [first])[0]["State"]["Name"] == "terminated")
    assert described(ec2(engine), [second])[0]["State"]["Name"] == "running"


def test_a_launch_configuration_reaches_the_engine_and_a_reset_can_clean_up(emulator: Emulator, engine: str) -> None:
    drs = client(emulator)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app05", "ip": "172.31.0.99"}])[0]
    drs.update_launch_configuration(sourceServerID=server, launchDisposition="STOPPED", copyPrivateIp=True)
    job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
    instances = finish(emulator, job_id, 2000)
    running = described(ec2(engine), instances)[0]
    assert running["State"]["Name"] == "stopped"
    assert running["PrivateIpAddress"] == "172.31.0.99"
    assert emulator.control.reset(terminate_instances=True) == {"instancesTerminated": 1}
    wait_until(lambda: described(ec2(engine), instances)[0]["State"]["Name"] == "terminated")


def test_a_server_lands_in_the_subnet_of_its_template_at_the_engine(emulator: Emulator, engine: str) -> None:
    drs, through = client(emulator), emulator.ec2_client(ACCOUNT, REGION)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app06"}])[0]
    add = emulator.control.add_ec2_resource
    vpc = add("Vpc", ACCOUNT, REGION, {"VpcId": "vpc-0d111111", "CidrBlock": "10.77.0.0/16"})
    zone = f"{REGION}b"
    resource = {"VpcId": vpc, "CidrBlock": "10.77.0.0/24", "AvailabilityZone": zone}
    subnet = add("Subnet", ACCOUNT, REGION, resource)
    group = add("SecurityGroup", ACCOUNT, REGION, {"VpcId": vpc, "GroupName": "drill"})
    template = drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]
    interface = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group]}
    through.create_launch_template_version(
        LaunchTemplateId=template,
        SourceVersion="1",
        LaunchTemplateData={"NetworkInterfaces": [interface]},  # type: ignore[list-item]
    )
    through.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")
    job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
    instances = finish(emulator, job_id, 2000)
    (shown,) = described(through, instances)
    assert (shown["SubnetId"], shown["VpcId"], shown["Placement"]["AvailabilityZone"]) == (subnet, vpc, zone)
    assert [each["GroupId"] for each in shown["SecurityGroups"]] == [group]
    assert shown["PrivateIpAddress"] == described(ec2(engine), instances)[0]["PrivateIpAddress"]
    assert shown["PrivateIpAddress"].startswith("10.77.0.")
    assert through.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["AvailableIpAddressCount"] == 250


def test_a_profile_that_the_engine_lacks_fails_the_launch(emulator: Emulator, engine: str) -> None:
    drs, through = client(emulator), emulator.ec2_client(ACCOUNT, REGION)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app07"}])[0]
    template = drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]
    data = {"IamInstanceProfile": {"Name": "shop-web"}}
    through.create_launch_template_version(LaunchTemplateId=template, SourceVersion="1", LaunchTemplateData=data)  # type: ignore[arg-type]
    through.modify_launch_template(LaunchTemplateId=template, DefaultVersion="2")

    def launch() -> str:
        job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
        emulator.control.advance(2000)
        wait_until(lambda: drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["status"] == "COMPLETED")
        return drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["participatingServers"][0]["launchStatus"]

    def free() -> int:
        return sum(each["AvailableIpAddressCount"] for each in through.describe_subnets()["Subnets"])

    before = free()
    assert (launch(), free()) == ("FAILED", before)
    iam = emulator.iam_client(ACCOUNT, REGION)  # passed on
    iam.create_instance_profile(InstanceProfileName="shop-web")
    assert iam.get_instance_profile(InstanceProfileName="shop-web")["InstanceProfile"]["Arn"]
    assert (launch(), free()) == ("LAUNCHED", before - 1)


def test_tags_of_instances_go_to_the_engine_and_those_of_templates_stay(emulator: Emulator, engine: str) -> None:
    drs, through = client(emulator), emulator.ec2_client(ACCOUNT, REGION)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app08"}])[0]
    launched = ec2(engine).run_instances(ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)["Instances"][0]
    template = drs.get_launch_configuration(sourceServerID=server)["ec2LaunchTemplateID"]
    for resource in (launched["InstanceId"], template):
        through.create_tags(Resources=[resource], Tags=[{"Key": "run", "Value": "7"}])
    tag = {"Key": "run", "Value": "7"}
    assert tag in described(ec2(engine), [launched["InstanceId"]])[0]["Tags"]
    assert tag in through.describe_launch_templates(LaunchTemplateIds=[template])["LaunchTemplates"][0]["Tags"]


@pytest.mark.parametrize("variant", ["overwrite", "guarded"])
def test_a_launch_into_an_instance_of_the_engine_overwrites_it_if_it_may(
    emulator: Emulator, engine: str, variant: str
) -> None:
    drs = client(emulator)
    emulator.control.change_settings({"behaviour": {"launchInto": variant}})
    made = ec2(engine).run_instances(ImageId="ami-0a1b2c3d4e5f60718", MinCount=1, MaxCount=1)["Instances"]
    existing = made[0]["InstanceId"]
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": f"into-{variant}"}])[0]
    into = {"launchIntoEC2InstanceID": existing}
    drs.update_launch_configuration(sourceServerID=server, launchIntoInstanceProperties=into)  # type: ignore[arg-type]

    def launch() -> str:
        job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
        emulator.control.advance(2000)
        wait_until(lambda: drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["status"] == "COMPLETED")
        return drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]["participatingServers"][0]["launchStatus"]

    if variant == "guarded":
        assert launch() == "FAILED"
        allowed = {"Key": "AWSDRS", "Value": "AllowLaunchingIntoThisInstance"}
        ec2(engine).create_tags(Resources=[existing], Tags=[allowed])  # type: ignore[list-item]
        ec2(engine).stop_instances(InstanceIds=[existing])
    assert launch() == "LAUNCHED"
    shown = drs.describe_recovery_instances()["items"]
    assert [instance["recoveryInstanceID"] for instance in shown] == [existing]
    overwritten = described(ec2(engine), [existing])[0]
    assert overwritten["State"]["Name"] == "running"
    assert {"Key": "AWSElasticDisasterRecoverySourceServerID", "Value": server} in overwritten["Tags"]
    emulator.control.change_settings({"profile": "captured"})


def test_an_instance_that_no_longer_exists_can_be_terminated(emulator: Emulator, engine: str) -> None:
    drs = client(emulator)
    server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app02"}])[0]
    job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
    instances = finish(emulator, job_id, 2000)
    ec2(engine).terminate_instances(InstanceIds=instances)
    finish(emulator, drs.terminate_recovery_instances(recoveryInstanceIDs=instances)["job"]["jobID"], 200)
    assert drs.describe_recovery_instances()["items"] == []


def test_an_assumed_role_belongs_to_the_account_of_its_role(emulator: Emulator, engine: str) -> None:
    emulator.seed(ACCOUNT, REGION, [{"hostname": "app03"}])
    credentials = {"endpoint_url": engine, "region_name": REGION, "aws_secret_access_key": "test"}
    iam = boto3.client("iam", aws_access_key_id=ACCOUNT, **credentials)  # type: ignore[call-overload]
    iam.create_role(RoleName="recover", AssumeRolePolicyDocument="{}")
    sts = boto3.client("sts", aws_access_key_id="1" * 12, **credentials)  # type: ignore[call-overload]
    role = f"arn:aws:iam::{ACCOUNT}:role/recover"
    assumed = sts.assume_role(RoleArn=role, RoleSessionName="hub")["Credentials"]
    drs = boto3.client(
        "drs",
        endpoint_url=emulator.url,
        region_name=REGION,
        aws_access_key_id=assumed["AccessKeyId"],
        aws_secret_access_key=assumed["SecretAccessKey"],
        aws_session_token=assumed["SessionToken"],
    )
    arn = drs.describe_source_servers()["items"][0]["arn"]
    assert f":{ACCOUNT}:" in arn


def test_a_job_whose_instances_cannot_be_launched_completes_with_failed_servers() -> None:
    """The engine refuses connections, also after the retries of boto3."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with Emulator(speed=0, engine_url=dead) as emulator:
            emulator.control.change_settings(UNLIMITED)
            drs = emulator.client(ACCOUNT, REGION)
            server = emulator.seed(ACCOUNT, REGION, [{"hostname": "app04"}])[0]
            job_id = drs.start_recovery(sourceServers=[{"sourceServerID": server}])["job"]["jobID"]
            emulator.control.advance(2000)
            job = drs.describe_jobs(filters={"jobIDs": [job_id]})["items"][0]
            assert job["status"] == "STARTED"  # it waits for EC2
            wait_until(lambda: drs.describe_jobs()["items"][0]["status"] == "COMPLETED", 15)
            job = drs.describe_jobs()["items"][0]
            assert job["participatingServers"][0]["launchStatus"] == "FAILED"
            events = drs.describe_job_log_items(jobID=job_id)["items"]
            assert [item["event"] for item in events][-2:] == ["LAUNCH_END", "JOB_END"]
            assert "Could not connect" in events[-2]["eventData"]["rawError"]
