"""Starts that are slow, jobs that are not shown yet, lasting conflicts, tags, Regions, and late instances."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drs_emulator import Emulator
from emulator_support.client import ACCOUNT, REGION, EmulatorClient, wait_until

HOUR = 3600
PLACE = {"accountId": ACCOUNT, "region": REGION}


def jobs(emulator: EmulatorClient, **more: Any) -> list[str]:
    return [job["jobID"] for job in emulator.drs.describe_jobs(**more)["items"]]


def instances(emulator: EmulatorClient) -> list[Any]:
    return list(emulator.drs.describe_recovery_instances()["items"])


def test_a_new_job_is_hidden_while_its_servers_are_refused(captured: EmulatorClient) -> None:
    captured.change(behaviour={"hiddenSeconds": 120})
    servers = captured.seed(2)
    job_id = captured.start(servers[:1])
    assert jobs(captured) == jobs(captured, filters={"jobIDs": [job_id]}) == []
    with pytest.raises(captured.drs.exceptions.ResourceNotFoundException):
        captured.drs.describe_job_log_items(jobID=job_id)
    with pytest.raises(captured.drs.exceptions.ConflictException):
        captured.start(servers)
    captured.advance(119)
    assert jobs(captured) == []
    captured.advance(2)
    assert jobs(captured) == jobs(captured, filters={"jobIDs": [job_id]}) == [job_id]


def test_a_second_start_in_that_time_can_be_accepted(captured: EmulatorClient) -> None:
    captured.change(behaviour={"hiddenSeconds": 120, "secondStart": "accepted"})
    servers = captured.seed()
    first, second = captured.start(servers), captured.start(servers)
    captured.advance(121)
    assert jobs(captured) == [second, first]
    with pytest.raises(captured.drs.exceptions.ConflictException):
        captured.start(servers)
    captured.advance(HOUR)
    assert {instance["jobID"] for instance in instances(captured)} == {first, second}, "the server runs twice"
    ids = [instance["recoveryInstanceID"] for instance in instances(captured)]
    for each in ids:
        captured.drs.terminate_recovery_instances(recoveryInstanceIDs=[each])
        captured.advance(HOUR)
    assert instances(captured) == []


@pytest.fixture
def fast() -> Iterator[Emulator]:
    with Emulator(speed=100, behaviour={"startSeconds": 60, "hiddenSeconds": 300}) as emulator:
        yield emulator


def test_a_start_answers_late_while_its_job_exists(fast: Emulator) -> None:
    servers = fast.seed(ACCOUNT, REGION, [{"hostname": "a"}])
    client, other = fast.client(ACCOUNT, REGION), fast.client(ACCOUNT, REGION)
    asked: Any = [{"sourceServerID": servers[0]}]
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(client.start_recovery, sourceServers=asked, isDrill=True)
        wait_until(lambda: fast.control.calls()["peak"]["overall"]["jobs"] == 1)
        with pytest.raises(other.exceptions.ConflictException):
            other.start_recovery(sourceServers=asked)
        assert other.describe_jobs()["items"] == []
        assert not started.done()
        job_id = started.result()["job"]["jobID"]
    assert time.monotonic() - began >= 0.6
    assert other.describe_jobs()["items"] == [], "it is hidden after the answer too"
    fast.control.advance(300)
    assert [job["jobID"] for job in other.describe_jobs()["items"]] == [job_id]


def test_a_slow_answer_comes_after_the_call_took_effect(captured: EmulatorClient) -> None:
    servers = captured.seed()
    fault = {"kind": "SLOW_ANSWER", "operation": "StartRecovery", "milliseconds": 400, "count": 1}
    captured.control("POST", "faults", fault)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(captured.start, servers)
        wait_until(lambda: bool(jobs(captured)))
        assert not started.done()
        assert jobs(captured) == [started.result()]


@pytest.mark.parametrize("names_it", [True, False])
def test_a_server_can_be_in_a_conflict_until_it_is_released(captured: EmulatorClient, names_it: bool) -> None:
    captured.change(behaviour={"conflicts": "named" if names_it else "unnamed"})
    servers = captured.seed(3)
    change = PLACE | {"server": {"inConflict": True}}
    assert captured.control("PATCH", f"source-servers/{servers[1]}", change)[0] == 200
    for _ in range(2):
        with pytest.raises(captured.drs.exceptions.ConflictException) as refused:
            captured.start(servers)
        answer: Any = refused.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert answer.get("resourceId") == (servers[1] if names_it else None)
        assert (servers[1] in answer["Error"]["Message"]) == names_it
        captured.advance(24 * HOUR)
    captured.start([servers[0], servers[2]])
    captured.advance(HOUR)
    captured.control("PATCH", f"source-servers/{servers[1]}", PLACE | {"server": {"inConflict": False}})
    captured.start(servers)


@pytest.mark.parametrize(
    "tags",
    [
        {"plan": "payroll #2"},
        {"note": "50% done"},
        {"a;b": "c"},
        {"aws:owner": "x"},
        {"k" * 129: "x"},
        {"": "x"},
        {f"key{n}": "x" for n in range(51)},
    ],
)
def test_tags_that_aws_refuses_are_refused(captured: EmulatorClient, tags: dict[str, str]) -> None:
    servers = captured.seed()
    with pytest.raises(ClientError, match="ValidationException"):
        captured.start(servers, tags=tags)
    arn = captured.drs.describe_source_servers()["items"][0]["arn"]
    with pytest.raises(ClientError, match="ValidationException"):
        captured.drs.tag_resource(resourceArn=arn, tags=tags)
    assert jobs(captured) == []
    captured.change(behaviour={"tagRules": "any"})
    captured.start(servers, tags=tags)


def test_tags_of_the_common_characters_are_accepted(captured: EmulatorClient) -> None:
    tags = {"run": "a Z 0 + - = . _ : / @", "empty": "", "ünï": "k" * 256} | {f"key{n}": "x" for n in range(47)}
    assert captured.job(captured.start(captured.seed(), tags=tags))["tags"] == tags


def test_a_resource_has_at_most_50_tags_in_all(captured: EmulatorClient) -> None:
    captured.seed(tags={f"key{n}": "x" for n in range(50)})
    arn = captured.drs.describe_source_servers()["items"][0]["arn"]
    captured.drs.tag_resource(resourceArn=arn, tags={"key7": "y"})
    with pytest.raises(captured.drs.exceptions.ValidationException):
        captured.drs.tag_resource(resourceArn=arn, tags={"one more": "y"})


def test_a_region_that_is_not_enabled_rejects_the_credentials(captured: EmulatorClient) -> None:
    captured.seed()
    captured.seed(region="me-south-1")
    captured.control("POST", "faults", {"kind": "REGION_NOT_ENABLED", "region": "me-south-1"})
    for call in ("describe_source_servers", "describe_jobs", "initialize_service"):
        with pytest.raises(ClientError) as rejected:
            getattr(captured.client(ACCOUNT, "me-south-1"), call)()
        answer = rejected.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert answer["Error"]["Code"] == "UnrecognizedClientException"
        assert answer["Error"]["Message"] == "The security token included in the request is invalid."
    assert jobs(captured) == []


def test_a_new_instance_can_be_shown_late(captured: EmulatorClient) -> None:
    captured.change(spread=0, behaviour={"instanceDelaySeconds": 120})
    servers = captured.seed(2)
    job_id = captured.start(servers)
    captured.advance(535)
    assert captured.job(job_id)["status"] == "COMPLETED"
    assert instances(captured) == []
    assert captured.drs.describe_recovery_instances(filters={"sourceServerIDs": servers})["items"] == []
    captured.advance(120)
    assert {instance["sourceServerID"] for instance in instances(captured)} == set(servers)


@pytest.mark.parametrize("earlier_is_drill", [True, False])
@pytest.mark.parametrize("is_drill", [True, False])
def test_a_launch_deletes_the_earlier_drill_or_recovery_as_the_job_begins(
    captured: EmulatorClient, earlier_is_drill: bool, is_drill: bool
) -> None:
    captured.change(spread=0)
    server = captured.seed()[0]
    captured.start([server], drill=earlier_is_drill)
    captured.advance(HOUR)
    (earlier,) = instances(captured)
    assert earlier["isDrill"] == earlier_is_drill
    job_id = captured.start([server], drill=is_drill)
    captured.advance(60)  # of about 530 seconds
    assert instances(captured) == []
    assert captured.events(job_id)[:3] == ["JOB_START", "CLEANUP_START", "CLEANUP_END"]
    captured.advance(HOUR)
    (later,) = instances(captured)
    assert later["recoveryInstanceID"] != earlier["recoveryInstanceID"]
