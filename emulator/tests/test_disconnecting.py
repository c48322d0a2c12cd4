"""Disconnecting and deleting servers, staging accounts, and failback."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient

CLOUD = {"originAccountID": ACCOUNT, "originRegion": "eu-west-2", "originAvailabilityZone": "eu-west-2a"}
READY = (10 + 120) * 60


def state(emulator: EmulatorClient, instance: str) -> str:
    filters: Any = {"recoveryInstanceIDs": [instance]}
    return emulator.drs.describe_recovery_instances(filters=filters)["items"][0]["failback"]["state"]


def test_a_server_is_deleted_only_when_disconnected_and_without_an_instance(emulator: EmulatorClient) -> None:
    instance = emulator.launched()[0]
    drs = emulator.drs
    server = drs.describe_source_servers()["items"][0]["sourceServerID"]
    for refused in (drs.disconnect_source_server, drs.delete_source_server):
        with pytest.raises(drs.exceptions.ConflictException):
            refused(sourceServerID=server)
    with pytest.raises(drs.exceptions.ConflictException):
        drs.delete_recovery_instance(recoveryInstanceID=instance)
    drs.disconnect_recovery_instance(recoveryInstanceID=instance)
    drs.delete_recovery_instance(recoveryInstanceID=instance)
    assert drs.describe_recovery_instances()["items"] == []
    gone = drs.disconnect_source_server(sourceServerID=server)
    assert gone["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED"
    drs.delete_source_server(sourceServerID=server)
    assert drs.describe_source_servers()["items"] == []


def test_a_server_in_a_job_cannot_be_disconnected_or_deleted(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    emulator.start([server])
    drs = emulator.drs
    for refused in (drs.disconnect_source_server, drs.delete_source_server, drs.stop_replication):
        with pytest.raises(drs.exceptions.ConflictException):
            refused(sourceServerID=server)


def test_a_server_on_premises_fails_back_with_a_client(emulator: EmulatorClient) -> None:
    instance = emulator.launched()[0]
    drs = emulator.drs
    with pytest.raises(drs.exceptions.ValidationException):
        drs.reverse_replication(recoveryInstanceID=instance)
    with pytest.raises(drs.exceptions.ConflictException):
        drs.start_failback_launch(recoveryInstanceIDs=[instance])
    body = {"accountId": ACCOUNT, "region": REGION, "recoveryInstanceID": instance}
    emulator.control("POST", "failback-clients", body)
    assert state(emulator, instance) == "FAILBACK_IN_PROGRESS"
    emulator.advance(READY)
    assert state(emulator, instance) == "FAILBACK_READY_FOR_LAUNCH"
    job_id = drs.start_failback_launch(recoveryInstanceIDs=[instance])["job"]["jobID"]
    emulator.advance(DRILL * 1.2)
    assert (emulator.job(job_id)["status"], emulator.job(job_id)["initiatedBy"]) == ("COMPLETED", "FAILBACK")
    assert state(emulator, instance) == "FAILBACK_COMPLETED"
    drs.stop_failback(recoveryInstanceID=instance)
    assert state(emulator, instance) == "FAILBACK_NOT_STARTED"


def test_a_server_from_ec2_is_replicated_back_and_launched_in_its_origin(emulator: EmulatorClient) -> None:
    server = emulator.seed(sourceCloud=CLOUD)[0]
    emulator.start([server], drill=False)
    emulator.advance(2000)
    instance = emulator.drs.describe_recovery_instances()["items"][0]["recoveryInstanceID"]
    with pytest.raises(emulator.drs.exceptions.UninitializedAccountException):
        emulator.drs.reverse_replication(recoveryInstanceID=instance)
    home = emulator.client(ACCOUNT, "eu-west-2")
    home.initialize_service()
    arn = emulator.drs.reverse_replication(recoveryInstanceID=instance)["reversedDirectionSourceServerArn"]
    back = home.describe_source_servers()["items"][0]
    assert (back["arn"], back["replicationDirection"]) == (arn, "FAILBACK")
    assert back["reversedDirectionSourceServerArn"].endswith(server)
    emulator.advance(READY)
    assert state(emulator, instance) == "FAILBACK_READY_FOR_LAUNCH"
    home.start_recovery(sourceServers=[{"sourceServerID": back["sourceServerID"]}])
    emulator.advance(2000)
    assert home.describe_recovery_instances()["items"][0]["originEnvironment"] == "AWS"


def test_a_server_of_a_staging_account_is_extended_once(emulator: EmulatorClient) -> None:
    staging = "9" * 12
    emulator.seed(3, account=staging)
    emulator.seed(1, hostname="own")
    drs = emulator.drs
    arns = [each["arn"] for each in drs.list_extensible_source_servers(stagingAccountID=staging)["items"]]
    assert len(arns) == 3
    made = drs.create_extended_source_server(sourceServerArn=arns[0], tags={"a": "b"})["sourceServer"]
    assert (made["stagingArea"]["status"], made["stagingArea"]["stagingSourceServerArn"]) == ("EXTENDED", arns[0])
    assert [each["accountID"] for each in drs.list_staging_accounts()["accounts"]] == [staging]
    assert len(drs.list_extensible_source_servers(stagingAccountID=staging)["items"]) == 2
    with pytest.raises(ClientError):
        drs.create_extended_source_server(sourceServerArn=arns[0])
    job_id = emulator.start([made["sourceServerID"]])
    emulator.advance(DRILL)
    assert emulator.job(job_id)["participatingServers"][0]["launchStatus"] == "LAUNCHED"
