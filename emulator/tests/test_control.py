"""The control API, the clock, and the accounts of access keys."""

import time
from datetime import datetime

import pytest
from botocore.exceptions import ClientError

from drs_emulator import Emulator
from emulator_support.client import ACCOUNT, DRILL, REGION, EmulatorClient


def simulated_now(emulator: EmulatorClient) -> float:
    text = emulator.control("GET", "health")[1]["clock"]["simulatedNow"]
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PUT", "settings", {"sped": 1}, "sped"),
        ("PUT", "settings", {"speed": -1}, "speed"),
        ("PUT", "settings", {"quotas": {"jobsInProgress": "many"}}, "quotas.jobsInProgress"),
        ("PUT", "settings", {"quotas": {"jobs": 1}}, "quotas.jobs"),
        ("PUT", "settings", {"durations": {"drill": {"pending": True}}}, "durations.drill.pending"),
        ("PUT", "settings", {"rateLimits": {"DescribeJob": {}}}, "rateLimits.DescribeJob"),
        ("PUT", "settings", {"spread": 1}, "spread"),
        ("PUT", "settings", [], "body"),
        ("POST", "source-servers", {"accountId": "1", "region": REGION, "servers": []}, "accountId"),
        ("POST", "source-servers", {"accountId": ACCOUNT, "servers": []}, "region"),
        ("POST", "source-servers", {"accountId": ACCOUNT, "region": REGION}, "servers"),
        ("POST", "advance", {"seconds": -1}, "seconds"),
    ],
)
def test_bad_input_is_rejected_and_its_field_is_named(
    emulator: EmulatorClient, method: str, path: str, body: object, field: str
) -> None:
    before = emulator.control("GET", "settings")
    status, answer = emulator.control(method, path, body)
    assert status == 400
    assert answer["message"].startswith(f"{field}:")
    assert emulator.control("GET", "settings") == before


@pytest.mark.parametrize(
    ("server", "field"),
    [
        ({}, "hostname"),
        ({"hostname": "a", "colour": "red"}, "colour"),
        ({"hostname": "a", "cpus": "2"}, "cpus"),
        ({"hostname": "a", "disks": [{"gib": 0}]}, "disks[0].gib"),
        ({"hostname": "a", "failsAt": "NOON"}, "failsAt"),
        ({"hostname": "a", "ip": "1.2.3"}, "ip"),
        ({"hostname": "a", "sourceServerID": "s-1"}, "sourceServerID"),
        ({"hostname": "a", "replicationState": "FINE"}, "dataReplicationState"),
        ({"hostname": "a", "tags": {"a": 1}}, "tags.a"),
        ({"hostname": "a", "launchTemplate": {"NetworkInterfaces": {}}}, "launchTemplate.NetworkInterfaces"),
        ({"hostname": "a", "launchTemplate": {"InstanceType": "m5.huge"}}, "launchTemplate.InstanceType"),
    ],
)
def test_a_bad_server_is_rejected_and_none_is_created(
    emulator: EmulatorClient, server: dict[str, object], field: str
) -> None:
    body = {"accountId": ACCOUNT, "region": REGION, "servers": [{"hostname": "good"}, server]}
    status, answer = emulator.control("POST", "source-servers", body)
    assert status == 400
    assert "servers[1]" in answer["message"]
    assert field in answer["message"]
    with pytest.raises(emulator.drs.exceptions.UninitializedAccountException):
        emulator.drs.describe_source_servers()


def test_a_seeded_server_has_the_requested_properties(emulator: EmulatorClient) -> None:
    server = {
        "hostname": "db01",
        "sourceServerID": "s-0123456789abcdef0",
        "os": "Windows Server 2022",
        "cpus": 8,
        "ramGiB": 64,
        "disks": [{"deviceName": "c:0", "gib": 100}, {"deviceName": "d:0", "bytes": 5 * 10**9}],
        "tags": {"tier": "db"},
        "lagDuration": "PT5M",
        "replicationState": "BACKLOG",
    }
    body = {"accountId": ACCOUNT, "region": REGION, "servers": [server]}
    assert emulator.control("POST", "source-servers", body) == (201, {"sourceServerIDs": ["s-0123456789abcdef0"]})
    made = emulator.drs.describe_source_servers()["items"][0]
    properties = made["sourceProperties"]
    assert properties["os"]["fullString"] == "Windows Server 2022"
    assert properties["recommendedInstanceType"] == "r5.2xlarge"
    assert [disk["bytes"] for disk in properties["disks"]] == [100 * 2**30, 5 * 10**9]
    assert made["dataReplicationInfo"]["lagDuration"] == "PT5M"
    assert made["dataReplicationInfo"]["dataReplicationState"] == "BACKLOG"
    assert made["tags"] == {"tier": "db"}
    assert emulator.control("POST", "source-servers", body)[0] == 400


def test_calls_are_counted_by_outcome_and_peaks_are_kept(emulator: EmulatorClient) -> None:
    servers = emulator.seed(5)
    emulator.seed(2, account="4" * 12)
    emulator.start(servers[:3])
    emulator.start(servers[3:4])
    other = emulator.client("4" * 12, REGION)
    other.start_recovery(
        sourceServers=[{"sourceServerID": other.describe_source_servers()["items"][0]["sourceServerID"]}]
    )
    emulator.advance(DRILL)
    emulator.start(servers[:1])
    with pytest.raises(ClientError):
        emulator.start(servers[:1])
    report = emulator.control("GET", "calls")[1]
    assert report["operations"]["StartRecovery"] == {"OK": 4, "ConflictException": 1}
    assert report["peak"]["overall"] == {"jobs": 3, "servers": 5}
    here = [peak for peak in report["peak"]["targets"] if peak["account"] == ACCOUNT]
    assert here == [{"account": ACCOUNT, "region": REGION, "jobs": 2, "servers": 4}]
    assert "calls" not in report
    last = emulator.control("GET", "calls?detail=true")[1]["calls"][-1]
    assert (last["operation"], last["outcome"], last["account"]) == ("StartRecovery", "ConflictException", ACCOUNT)


def test_a_change_of_speed_does_not_move_the_clock(emulator: EmulatorClient) -> None:
    before = simulated_now(emulator)
    emulator.change(speed=3600)
    assert before <= simulated_now(emulator) < before + 3600
    time.sleep(0.05)
    emulator.change(speed=0)
    stopped = simulated_now(emulator)
    assert stopped > before + 0.05 * 3600
    assert simulated_now(emulator) == stopped


def test_another_process_can_compute_the_simulated_time() -> None:
    origin = time.time() - 10
    with Emulator(speed=120, origin=origin) as emulator:
        expected = origin + (time.time() - origin) * 120
        now = datetime.fromisoformat(emulator.control.health()["clock"]["simulatedNow"]).timestamp()
        assert now == pytest.approx(expected, abs=120 * 0.5)


def test_a_job_continues_without_requests(emulator: EmulatorClient) -> None:
    job_id = emulator.start(emulator.seed())
    emulator.change(speed=DRILL / 0.2)
    time.sleep(0.3)
    emulator.change(speed=0)
    assert emulator.job(job_id)["status"] == "COMPLETED"


def test_a_reset_deletes_everything_except_the_settings(emulator: EmulatorClient) -> None:
    emulator.change(seed=99)
    emulator.start(emulator.seed())
    emulator.control("POST", "reset")
    assert emulator.control("GET", "settings")[1]["seed"] == 99
    assert emulator.control("GET", "calls")[1]["total"] == 0
    with pytest.raises(emulator.drs.exceptions.UninitializedAccountException):
        emulator.drs.describe_jobs()
    emulator.seed()
    assert emulator.drs.describe_jobs()["items"] == []


def test_without_an_engine_the_account_is_decoded_from_the_key(emulator: EmulatorClient) -> None:
    emulator.seed(2, account="029608264753")
    client = emulator.client("ASIAQNZGKIQY56JQ7WML", REGION)  # a published key of AWS
    assert len(client.describe_source_servers()["items"]) == 2
    stranger = emulator.client("nobody", REGION)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.describe_jobs()
