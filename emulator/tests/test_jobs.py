"""Jobs from start to end, and the jobs that cannot start."""

from datetime import datetime

import pytest
from botocore.exceptions import ClientError

from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_drill_is_pending_then_started_then_completed(emulator: EmulatorClient) -> None:
    servers = emulator.seed(3)
    job_id = emulator.start(servers, tags={"run": "7"})
    job = emulator.job(job_id)
    assert (job["status"], job["type"], job["initiatedBy"], job["tags"]) == (
        "PENDING",
        "LAUNCH",
        "START_DRILL",
        {"run": "7"},
    )
    seen: dict[str, set[str]] = {}
    for _ in range(60):
        emulator.advance(DRILL / 60)
        job = emulator.job(job_id)
        seen.setdefault(job["status"], set()).update(s["launchStatus"] for s in job["participatingServers"])
    assert list(seen) == ["PENDING", "STARTED", "COMPLETED"]
    assert seen["PENDING"] == {"PENDING"}
    assert seen["STARTED"] == {"PENDING", "IN_PROGRESS", "LAUNCHED"}
    assert seen["COMPLETED"] == {"LAUNCHED"}
    assert job["endDateTime"] > job["creationDateTime"]


@pytest.mark.parametrize(("drill", "pending", "started"), [(True, 780, 360), (False, 900, 900)])
def test_durations_depend_on_the_kind_of_job_and_vary_by_the_spread(
    emulator: EmulatorClient, drill: bool, pending: float, started: float
) -> None:
    job_id = emulator.start(emulator.seed(), drill=drill)
    emulator.advance(pending * 0.89)
    assert emulator.job(job_id)["status"] == "PENDING"
    emulator.advance(pending * 0.22)
    assert emulator.job(job_id)["status"] == "STARTED"
    emulator.advance(started * 1.1)
    assert emulator.job(job_id)["status"] == "COMPLETED"


def test_a_seed_determines_the_durations(emulator: EmulatorClient) -> None:
    def lengths(seed: int) -> list[float]:
        emulator.control("POST", "reset")
        emulator.change(seed=seed)
        for server in emulator.seed(5):
            emulator.start([server])
        emulator.advance(DRILL)
        jobs = emulator.drs.describe_jobs()["items"]
        return [seconds(job["endDateTime"]) - seconds(job["creationDateTime"]) for job in jobs]

    first = lengths(1)
    assert lengths(1) == pytest.approx(first, abs=0.002)  # the API has milliseconds
    assert lengths(2) != pytest.approx(first, abs=1)
    assert max(first) - min(first) > 1


def test_the_log_has_the_steps_of_a_server_in_order(emulator: EmulatorClient) -> None:
    job_id = emulator.start(emulator.seed())
    emulator.advance(DRILL)
    assert emulator.events(job_id) == [
        "JOB_START",
        "SNAPSHOT_START",
        "SNAPSHOT_END",
        "CONVERSION_START",
        "CONVERSION_END",
        "LAUNCH_START",
        "JOB_END",
    ]
    times = [item["logDateTime"] for item in emulator.drs.describe_job_log_items(jobID=job_id)["items"]]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"failsAt": "SNAPSHOT"}, "SNAPSHOT_FAIL"),
        ({"failsAt": "CONVERSION"}, "CONVERSION_FAIL"),
        ({"failsAt": "LAUNCH"}, "LAUNCH_FAILED"),
        ({"replicationState": "INITIAL_SYNC"}, "SERVER_SKIPPED"),
    ],
)
def test_a_completed_job_can_have_failed_servers(emulator: EmulatorClient, fields: dict[str, str], event: str) -> None:
    servers = emulator.seed(2) + emulator.seed(1, hostname="broken", **fields)
    job_id = emulator.start(servers)
    emulator.advance(DRILL)
    job = emulator.job(job_id)
    assert job["status"] == "COMPLETED"
    assert [server["launchStatus"] for server in job["participatingServers"]] == ["LAUNCHED", "LAUNCHED", "FAILED"]
    assert event in emulator.events(job_id)
    broken = emulator.drs.describe_source_servers(filters={"sourceServerIDs": servers[2:]})["items"][0]
    assert broken["lastLaunchResult"] == "FAILED"
    assert len(emulator.drs.describe_recovery_instances()["items"]) == 2


def test_a_stalled_server_launches_from_an_earlier_snapshot(emulator: EmulatorClient) -> None:
    job_id = emulator.start(emulator.seed(replicationState="STALLED"))
    emulator.advance(DRILL)
    assert emulator.events(job_id)[2:4] == ["SNAPSHOT_FAIL", "USING_PREVIOUS_SNAPSHOT"]
    assert emulator.job(job_id)["participatingServers"][0]["launchStatus"] == "LAUNCHED"


def test_a_launch_from_a_chosen_snapshot_takes_no_new_one(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    snapshot = emulator.drs.describe_recovery_snapshots(sourceServerID=server)["items"][3]
    servers = [{"sourceServerID": server, "recoverySnapshotID": snapshot["snapshotID"]}]
    job_id = emulator.drs.start_recovery(sourceServers=servers)["job"]["jobID"]  # type: ignore[arg-type]
    emulator.advance(2000)
    assert "SNAPSHOT_START" not in emulator.events(job_id)
    instance = emulator.drs.describe_recovery_instances()["items"][0]
    assert (instance["pointInTimeSnapshotDateTime"], instance["isDrill"]) == (snapshot["timestamp"], False)


def test_snapshots_follow_the_default_policy(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    found = emulator.drs.describe_recovery_snapshots(sourceServerID=server)["items"]
    times = [item["expectedTimestamp"] for item in found]
    assert times == sorted(times, reverse=True)
    assert 6 + 23 + 6 <= len(times) <= 6 + 24 + 7
    ascending = emulator.drs.describe_recovery_snapshots(sourceServerID=server, order="ASC")["items"]
    assert [item["expectedTimestamp"] for item in ascending] == times[::-1]
    window = {"fromDateTime": times[4], "toDateTime": times[2]}
    inside = emulator.drs.describe_recovery_snapshots(sourceServerID=server, filters=window)["items"]  # type: ignore[arg-type]
    assert [item["expectedTimestamp"] for item in inside] == times[2:5]


def test_the_source_server_has_its_last_launch(emulator: EmulatorClient) -> None:
    server = emulator.seed()[0]
    assert emulator.drs.describe_source_servers()["items"][0]["lastLaunchResult"] == "NOT_STARTED"
    job_id = emulator.start([server])
    described = emulator.drs.describe_source_servers()["items"][0]
    assert described["lastLaunchResult"] == "PENDING"
    assert described["lifeCycle"]["lastLaunch"]["initiated"]["jobID"] == job_id
    assert described["lifeCycle"]["lastLaunch"]["initiated"]["type"] == "DRILL"
    emulator.advance(DRILL)
    described = emulator.drs.describe_source_servers()["items"][0]
    assert described["lastLaunchResult"] == "SUCCEEDED"
    assert described["recoveryInstanceId"] == emulator.job(job_id)["participatingServers"][0]["recoveryInstanceID"]


def test_a_second_launch_replaces_the_first_instance(emulator: EmulatorClient) -> None:
    first = emulator.launched()[0]
    server = emulator.drs.describe_source_servers()["items"][0]["sourceServerID"]
    job_id = emulator.start([server])
    emulator.advance(DRILL)
    assert emulator.events(job_id)[1:3] == ["CLEANUP_START", "CLEANUP_END"]
    instances = emulator.drs.describe_recovery_instances()["items"]
    assert [instance["jobID"] for instance in instances] == [job_id]
    assert instances[0]["recoveryInstanceID"] != first


def test_termination_removes_the_instances(emulator: EmulatorClient) -> None:
    instances = emulator.launched(3)
    job = emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=instances[:2])["job"]
    assert (job["type"], job["initiatedBy"]) == ("TERMINATE", "TERMINATE_RECOVERY_INSTANCES")
    emulator.advance(110)
    filters = {"recoveryInstanceIDs": instances[:2]}
    states = {i["ec2InstanceState"] for i in emulator.drs.describe_recovery_instances(filters=filters)["items"]}  # type: ignore[arg-type]
    assert states == {"SHUTTING-DOWN"}
    emulator.advance(120)
    job = emulator.job(job["jobID"])
    assert job["status"] == "COMPLETED"
    assert {server["launchStatus"] for server in job["participatingServers"]} == {"TERMINATED"}
    left = emulator.drs.describe_recovery_instances()["items"]
    assert [instance["recoveryInstanceID"] for instance in left] == instances[2:]


def test_recovery_instances_are_filtered_by_server_and_by_instance(emulator: EmulatorClient) -> None:
    instances = emulator.launched(3)
    every = {i["recoveryInstanceID"]: i["sourceServerID"] for i in emulator.drs.describe_recovery_instances()["items"]}
    found = emulator.drs.describe_recovery_instances(filters={"sourceServerIDs": [every[instances[1]]]})["items"]
    assert [instance["recoveryInstanceID"] for instance in found] == [instances[1]]
    both = {"sourceServerIDs": [every[instances[1]]], "recoveryInstanceIDs": [instances[0]]}
    assert emulator.drs.describe_recovery_instances(filters=both)["items"] == []  # type: ignore[arg-type]


def test_source_servers_are_filtered_by_id_hardware_and_staging_account(emulator: EmulatorClient) -> None:
    plain = emulator.seed(2)
    other = emulator.seed(1, hostname="other", stagingAccountID="9" * 12, vmWareUuid="564d-0001")

    def found(**filters: object) -> list[str]:
        items = emulator.drs.describe_source_servers(filters=filters)["items"]  # type: ignore[arg-type]
        return [item["sourceServerID"] for item in items]

    assert found() == sorted(plain + other)
    assert found(sourceServerIDs=plain[:1]) == plain[:1]
    assert found(hardwareId="564d-0001") == other
    assert found(stagingAccountIDs=["9" * 12]) == other
    assert found(stagingAccountIDs=[ACCOUNT]) == sorted(plain)
    assert found(sourceServerIDs=plain, hardwareId="564d-0001") == []


def test_jobs_are_listed_newest_first_and_filtered_by_date(emulator: EmulatorClient) -> None:
    servers = emulator.seed(3)
    jobs = []
    for server in servers:
        jobs.append(emulator.start([server]))
        emulator.advance(60)
    described = emulator.drs.describe_jobs()["items"]
    assert [job["jobID"] for job in described] == jobs[::-1]
    middle = described[1]["creationDateTime"]
    at_middle = emulator.drs.describe_jobs(filters={"fromDate": middle})["items"]
    assert {job["jobID"] for job in at_middle} == set(jobs[1:])
    before = emulator.drs.describe_jobs(filters={"toDate": described[2]["creationDateTime"]})["items"]
    assert [job["jobID"] for job in before] == jobs[:1]


def refused(emulator: EmulatorClient, servers: list[str]) -> tuple[int, str, str]:
    """Return the HTTP status, the error code and the quota code."""
    with pytest.raises(ClientError) as caught:
        emulator.start(servers)
    answer = caught.value.response
    code = str(answer.get("quotaCode", ""))
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], code


def test_a_server_in_a_job_is_rejected_until_the_job_ends(emulator: EmulatorClient) -> None:
    servers = emulator.seed(2)
    emulator.start(servers[:1])
    assert refused(emulator, servers) == (409, "ConflictException", "")
    assert len(emulator.drs.describe_jobs()["items"]) == 1
    emulator.advance(DRILL)
    emulator.start(servers)


def test_an_instance_of_a_server_in_a_job_cannot_be_terminated(emulator: EmulatorClient) -> None:
    instance = emulator.launched()[0]
    emulator.start([emulator.drs.describe_source_servers()["items"][0]["sourceServerID"]])
    with pytest.raises(emulator.drs.exceptions.ConflictException):
        emulator.drs.terminate_recovery_instances(recoveryInstanceIDs=[instance])


def test_more_than_100_servers_in_a_job_are_rejected(emulator: EmulatorClient) -> None:
    servers = emulator.seed(101)
    assert refused(emulator, servers) == (402, "ServiceQuotaExceededException", "L-B827C881")
    emulator.start(servers[:100])


def test_the_21st_job_in_progress_is_rejected_until_one_ends(emulator: EmulatorClient) -> None:
    servers = emulator.seed(21)
    for server in servers[:20]:
        emulator.start([server])
    assert refused(emulator, servers[20:]) == (402, "ServiceQuotaExceededException", "L-D88FAC3A")
    emulator.advance(DRILL)
    emulator.start(servers[20:])


def test_the_501st_server_in_all_jobs_is_rejected(emulator: EmulatorClient) -> None:
    servers = emulator.seed(501)
    for first in range(0, 500, 100):
        emulator.start(servers[first : first + 100])
    assert refused(emulator, servers[500:]) == (402, "ServiceQuotaExceededException", "L-05AFA8C6")


def test_quotas_can_be_changed(emulator: EmulatorClient) -> None:
    emulator.change(quotas={"jobsInProgress": 1})
    servers = emulator.seed(2)
    emulator.start(servers[:1])
    assert refused(emulator, servers[1:])[2] == "L-D88FAC3A"


def test_an_unknown_server_is_rejected_and_nothing_starts(emulator: EmulatorClient) -> None:
    servers = emulator.seed()
    assert refused(emulator, [*servers, "s-" + "0" * 17])[1] == "ResourceNotFoundException"
    assert refused(emulator, servers * 2)[1] == "ValidationException"
    assert emulator.drs.describe_jobs()["items"] == []


def test_accounts_and_regions_are_separate(emulator: EmulatorClient) -> None:
    places = [(ACCOUNT, REGION), (ACCOUNT, "us-east-1"), ("4" * 12, REGION), ("4" * 12, "us-east-1")]
    for account, region in places:
        emulator.seed(2, account=account, region=region)
    emulator.change(quotas={"jobsInProgress": 1})
    ids: set[str] = set()
    for account, region in places:
        client = emulator.client(account, region)
        servers = client.describe_source_servers()["items"]
        ids.update(server["sourceServerID"] for server in servers)
        assert all(f":{region}:{account}:" in server["arn"] for server in servers)
        client.start_recovery(sourceServers=[{"sourceServerID": servers[0]["sourceServerID"]}])
        assert len(client.describe_jobs()["items"]) == 1
    assert len(ids) == 8


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("describe_source_servers", {}),
        ("describe_jobs", {}),
        ("describe_recovery_instances", {}),
        ("start_recovery", {"sourceServers": [{"sourceServerID": "s-" + "0" * 17}]}),
    ],
)
def test_an_account_is_uninitialized_until_initialize_service(
    emulator: EmulatorClient, operation: str, request_: dict[str, object]
) -> None:
    client = emulator.client("5" * 12, "ap-south-1")
    with pytest.raises(client.exceptions.UninitializedAccountException):
        getattr(client, operation)(**request_)
    client.initialize_service()
    assert client.describe_source_servers()["items"] == []
    other_region = emulator.client("5" * 12, "ap-south-2")
    with pytest.raises(other_region.exceptions.UninitializedAccountException):
        other_region.describe_jobs()
