"""Faults on demand: their scope, their frequency, and their effect on a client."""

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient


def fault(emulator: EmulatorClient, kind: str, **more: Any) -> str:
    status, answer = emulator.control("POST", "faults", {"kind": kind, **more})
    assert status == 201, answer
    return str(answer["id"])


def described(emulator: EmulatorClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = emulator.control("GET", "faults")[1]["faults"]
    return found


def test_a_throttled_call_says_when_to_retry_and_strikes_count_times(emulator: EmulatorClient) -> None:
    emulator.seed()
    fault(emulator, "THROTTLING", operation="DescribeJobs", count=2, retryAfterSeconds=7)
    emulator.drs.describe_source_servers()
    for _ in range(2):
        with pytest.raises(emulator.drs.exceptions.ThrottlingException) as throttled:
            emulator.drs.describe_jobs()
        assert throttled.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7"
    emulator.drs.describe_jobs()
    assert [(each["struck"], each["active"]) for each in described(emulator)] == [(2, False)]


@pytest.mark.parametrize(("status", "code"), [(500, "InternalServerException"), (503, "ServiceUnavailable")])
def test_a_server_error_has_the_requested_status(emulator: EmulatorClient, status: int, code: str) -> None:
    emulator.seed()
    fault(emulator, "SERVER_ERROR", status=status, count=1)
    with pytest.raises(ClientError) as failed:
        emulator.drs.describe_jobs()
    answer = failed.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (status, code)
    assert emulator.control("GET", "calls")[1]["operations"]["DescribeJobs"] == {code: 1}


def test_latency_is_real_time_and_the_call_succeeds(emulator: EmulatorClient) -> None:
    emulator.seed()
    fault(emulator, "LATENCY", milliseconds=120)
    began = time.monotonic()
    emulator.drs.describe_jobs()
    assert time.monotonic() - began >= 0.12


def test_a_connection_cut_before_the_call_has_no_effect(emulator: EmulatorClient) -> None:
    servers = emulator.seed()
    fault(emulator, "CUT_BEFORE", operation="StartRecovery", count=1)
    with pytest.raises(ConnectionClosedError):
        emulator.start(servers)
    assert emulator.drs.describe_jobs()["items"] == []
    emulator.start(servers)


def test_a_connection_cut_after_the_call_loses_only_the_response(emulator: EmulatorClient) -> None:
    servers = emulator.seed()
    fault(emulator, "CUT_AFTER", operation="StartRecovery", count=1)
    with pytest.raises(ConnectionClosedError):
        emulator.start(servers)
    assert len(emulator.drs.describe_jobs()["items"]) == 1
    with pytest.raises(emulator.drs.exceptions.ConflictException):
        emulator.start(servers)
    assert emulator.control("GET", "calls")[1]["operations"]["StartRecovery"] == {
        "CUT_AFTER": 1,
        "ConflictException": 1,
    }


def test_a_region_is_down_for_simulated_seconds_and_its_jobs_continue(emulator: EmulatorClient) -> None:
    job_id = emulator.start(emulator.seed())
    elsewhere = emulator.client(ACCOUNT, "us-east-1")
    elsewhere.initialize_service()
    fault(emulator, "REGION_DOWN", region=REGION, durationSeconds=DRILL)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        emulator.drs.describe_jobs()
    elsewhere.describe_jobs()
    emulator.advance(DRILL - 1)
    with pytest.raises(ClientError, match="ServiceUnavailable"):
        emulator.drs.describe_jobs()
    emulator.advance(2)
    assert emulator.job(job_id)["status"] == "COMPLETED"


def test_a_fault_can_be_limited_to_an_account_and_a_server(emulator: EmulatorClient) -> None:
    servers = emulator.seed(2)
    emulator.seed(account="4" * 12)
    fault(emulator, "SERVER_ERROR", accountId="4" * 12, operation="DescribeJobs")
    fault(emulator, "THROTTLING", sourceServerId=servers[0])
    emulator.drs.describe_jobs()
    with pytest.raises(ClientError, match="InternalServerException"):
        emulator.client("4" * 12, REGION).describe_jobs()
    with pytest.raises(emulator.drs.exceptions.ThrottlingException):
        emulator.start(servers)
    emulator.start(servers[1:])


@pytest.mark.parametrize(
    ("kind", "event"),
    [("SNAPSHOT_FAILS", "SNAPSHOT_FAIL"), ("CONVERSION_FAILS", "CONVERSION_FAIL"), ("LAUNCH_FAILS", "LAUNCH_FAILED")],
)
def test_a_server_fails_in_the_requested_phase_and_count_times(emulator: EmulatorClient, kind: str, event: str) -> None:
    servers = emulator.seed(2)
    fault(emulator, kind, sourceServerId=servers[0], count=1)
    for expected in (["FAILED", "LAUNCHED"], ["LAUNCHED", "LAUNCHED"]):
        job_id = emulator.start(servers)
        emulator.advance(DRILL)
        job = emulator.job(job_id)
        assert [server["launchStatus"] for server in job["participatingServers"]] == expected
        assert (event in emulator.events(job_id)) == ("FAILED" in expected)


def test_a_job_stays_pending_until_its_fault_is_deleted(emulator: EmulatorClient) -> None:
    servers = emulator.seed(2)
    held = fault(emulator, "JOB_STAYS_PENDING", count=1)
    job_id, free = emulator.start(servers[:1]), emulator.start(servers[1:])
    emulator.advance(10 * DRILL)
    assert (emulator.job(job_id)["status"], emulator.job(free)["status"]) == ("PENDING", "COMPLETED")
    assert emulator.control("DELETE", f"faults/{held}") == (200, {"deleted": [held]})
    emulator.advance(DRILL)
    assert emulator.job(job_id)["status"] == "COMPLETED"


def test_a_job_can_stay_pending_for_hold_seconds(emulator: EmulatorClient) -> None:
    fault(emulator, "JOB_STAYS_PENDING", holdSeconds=DRILL)
    job_id = emulator.start(emulator.seed())
    emulator.advance(DRILL)
    assert emulator.job(job_id)["status"] == "PENDING"
    emulator.advance(DRILL)
    assert emulator.job(job_id)["status"] == "COMPLETED"


def test_the_seed_decides_which_calls_a_fault_strikes(emulator: EmulatorClient) -> None:
    def outcomes(seed: int) -> list[str]:
        emulator.control("POST", "reset")
        emulator.change(seed=seed)
        emulator.seed()
        fault(emulator, "SERVER_ERROR", probability=0.5, operation="DescribeJobs")
        for _ in range(40):
            try:
                emulator.drs.describe_jobs()
            except ClientError:
                continue
        return [call["outcome"] for call in emulator.control("GET", "calls?detail=true")[1]["calls"]]

    first = outcomes(1)
    assert outcomes(1) == first != outcomes(2)
    assert 8 <= first.count("OK") <= 32


def test_a_failed_launch_action_fails_the_launch_unless_it_is_optional(
    emulator: EmulatorClient,
) -> None:
    servers = emulator.seed(2)
    action: dict[str, Any] = {
        "actionCode": "AWS-RunShellScript",
        "order": 2,
        "actionId": "0a1b2c3d-0000-4000-8000-000000000001",
        "active": True,
        "name": "Check",
        "actionVersion": "1",
        "category": "OTHER",
        "description": "",
    }
    for server, optional in zip(servers, (True, False), strict=True):
        emulator.drs.put_launch_action(resourceId=server, optional=optional, **action)
        emulator.drs.update_launch_configuration(sourceServerID=server, postLaunchEnabled=True)
    fault(emulator, "LAUNCH_ACTION_FAILS")
    job_id = emulator.start(servers)
    emulator.advance(DRILL + 300)
    job = emulator.job(job_id)
    assert job["status"] == "COMPLETED"
    assert [server["launchStatus"] for server in job["participatingServers"]] == ["LAUNCHED", "FAILED"]
    for server in job["participatingServers"]:
        assert [run["status"] for run in server["launchActionsStatus"]["runs"]] == ["FAILED"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "kind"),
        ({"kind": "FLOOD"}, "kind"),
        ({"kind": "THROTTLING", "colour": "red"}, "colour"),
        ({"kind": "THROTTLING", "operation": "DescribeJob"}, "operation"),
        ({"kind": "THROTTLING", "count": 0}, "count"),
        ({"kind": "THROTTLING", "probability": 2}, "probability"),
        ({"kind": "THROTTLING", "milliseconds": 2}, "milliseconds"),
        ({"kind": "REGION_DOWN"}, "region"),
        ({"kind": "SERVER_ERROR", "status": 200}, "status"),
        ({"kind": "SNAPSHOT_FAILS", "operation": "StartRecovery"}, "operation"),
        ({"kind": "LATENCY", "accountId": 1}, "accountId"),
        ({"kind": "LATENCY", "milliseconds": -1}, "milliseconds"),
    ],
)
def test_a_bad_fault_is_rejected_and_its_field_is_named(
    emulator: EmulatorClient, body: dict[str, Any], field: str
) -> None:
    status, answer = emulator.control("POST", "faults", body)
    assert status == 400
    assert answer["message"].startswith(f"{field}:")
    assert described(emulator) == []


def test_faults_can_be_deleted_one_by_one_or_all(emulator: EmulatorClient) -> None:
    first, second, third = (fault(emulator, "LATENCY", milliseconds=0) for _ in range(3))
    assert emulator.control("DELETE", f"faults/{second}")[1] == {"deleted": [second]}
    assert emulator.control("DELETE", f"faults/{second}")[0] == 400
    assert emulator.control("DELETE", "faults")[1] == {"deleted": [first, third]}
    assert described(emulator) == []
