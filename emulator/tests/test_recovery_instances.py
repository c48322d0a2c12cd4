"""Recovery instances in DRS and in EC2, source networks, and failed terminations."""

import boto3
import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

NETWORK = "sn-0123456789abcdef0"


def launch(caller: EmulatorClient, number: int) -> list[str]:
    """Launch recovery instances and return their ids."""
    ids = caller.seed(number, tags={"Name": "a & b"}, sourceNetworkID=NETWORK)
    caller.drs.start_recovery(sourceServers=[{"sourceServerID": each} for each in ids], isDrill=True)
    caller.advance(DRILL)
    return [each["recoveryInstanceID"] for each in caller.drs.describe_recovery_instances(filters={})["items"]]


def ec2(caller: EmulatorClient, region: str = REGION) -> "boto3.client":  # type: ignore[valid-type]
    return boto3.client(
        "ec2",
        endpoint_url=caller.url,
        region_name=region,
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="test",
        aws_session_token=caller.secret,
    )


def test_ec2_describes_the_requested_instances(emulator: EmulatorClient) -> None:
    first, _ = launch(emulator, 2)
    asked = [{"Name": "instance-id", "Values": [first, "i-00000000000000000"]}]
    ((instance,),) = (each["Instances"] for each in ec2(emulator).describe_instances(Filters=asked)["Reservations"])
    assert (instance["InstanceId"], instance["State"]["Name"]) == (first, "running")
    assert {"Key": "Name", "Value": "a & b"} in instance["Tags"]
    assert instance["PrivateIpAddress"].startswith("10.0.")
    assert instance["SecurityGroups"][0]["GroupId"].startswith("sg-")
    assert ec2(emulator, "us-east-1").describe_instances(Filters=asked)["Reservations"] == []


def test_ec2_rejects_what_it_does_not_play(emulator: EmulatorClient) -> None:
    with pytest.raises(ClientError, match=r"InvalidAction.*supports only .*DescribeInstances"):
        ec2(emulator).describe_volumes()
    with pytest.raises(ClientError, match=r"InvalidParameterValue.*filter 'colour' is invalid"):
        ec2(emulator).describe_instances(Filters=[{"Name": "colour", "Values": ["red"]}])


def test_ec2_describes_an_instance_until_its_termination_succeeds(emulator: EmulatorClient) -> None:
    first, second = launch(emulator, 2)
    servers = {
        each["recoveryInstanceID"]: each["sourceServerID"]
        for each in emulator.drs.describe_recovery_instances(filters={})["items"]
    }
    emulator.control("POST", "faults", {"kind": "TERMINATION_FAILS", "sourceServerId": servers[second]})
    job = emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[first, second])["job"]["jobID"]
    emulator.advance(DRILL)
    (ended,) = emulator.drs.describe_jobs(filters={"jobIDs": [job]})["items"]
    assert {each["recoveryInstanceID"]: each["launchStatus"] for each in ended["participatingServers"]} == {
        first: "TERMINATED",
        second: "FAILED",
    }
    asked = [{"Name": "instance-id", "Values": [first, second]}]
    ((instance,),) = (each["Instances"] for each in ec2(emulator).describe_instances(Filters=asked)["Reservations"])
    assert instance["InstanceId"] == second
    (left,) = emulator.drs.describe_recovery_instances(filters={})["items"]
    assert (left["recoveryInstanceID"], left["ec2InstanceState"]) == (second, "RUNNING")


def test_source_networks_are_those_of_the_servers(emulator: EmulatorClient) -> None:
    emulator.seed(2, sourceNetworkID=NETWORK)
    (network,) = emulator.drs.describe_source_networks(filters={"sourceNetworkIDs": [NETWORK]})["items"]
    assert network["sourceNetworkID"] == NETWORK
    assert network["sourceVpcID"].startswith("vpc-")
    other = {"sourceNetworkIDs": ["sn-99999999999999999"]}
    assert emulator.drs.describe_source_networks(filters=other)["items"] == []
    assert emulator.drs.describe_source_servers(filters={})["items"][0]["sourceNetworkID"] == NETWORK
