"""Records that break the model, beside records that do not."""

from typing import Any

import pytest

from emulator_support.client import ACCOUNT, REGION, EmulatorClient

HOUR = 3600
PLACE = {"accountId": ACCOUNT, "region": REGION}
STRANGE = {
    "JOB_WITH_ONLY_AN_ID": "describe_jobs",
    "JOB_WITH_EMPTY_PARTICIPANT": "describe_jobs",
    "JOB_WITH_UNKNOWN_VALUES": "describe_jobs",
    "SOURCE_SERVER_WITH_ONLY_AN_ID": "describe_source_servers",
    "SOURCE_SERVER_WITHOUT_ID": "describe_source_servers",
    "SOURCE_SERVER_WITH_UNKNOWN_STATE": "describe_source_servers",
    "RECOVERY_INSTANCE_WITH_ONLY_AN_ID": "describe_recovery_instances",
    "RECOVERY_INSTANCE_WITHOUT_SOURCE_SERVER": "describe_recovery_instances",
}


def drill(emulator: EmulatorClient, number: int) -> tuple[list[str], str]:
    """Run a drill to its end, and return its servers and its job."""
    servers = emulator.seed(number)
    job_id = emulator.start(servers)
    emulator.advance(HOUR)
    return servers, job_id


def add(emulator: EmulatorClient, **body: Any) -> str:
    status, answer = emulator.control("POST", "strange-records", PLACE | body)
    assert status == 201, answer
    return str(answer["id"])


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_record_stands_beside_the_others_once(captured: EmulatorClient, kind: str) -> None:
    drill(captured, 3)
    client = captured.unchecked
    describe = getattr(client, STRANGE[kind])
    before = describe()["items"]
    added = add(captured, kind=kind)
    whole = describe()["items"]
    assert (len(whole), whole[1:]) == (len(before) + 1, before)
    pages = client.get_paginator(STRANGE[kind]).paginate(PaginationConfig={"PageSize": 2})
    assert [item for page in pages for item in page["items"]] == whole
    assert captured.control("DELETE", "strange-records") == (200, {"deleted": [added]})
    assert describe()["items"] == before


def test_a_strange_record_matches_the_filters_of_the_caller_unless_it_always_comes(captured: EmulatorClient) -> None:
    servers, _ = drill(captured, 2)
    client = captured.unchecked
    asked = {"sourceServerIDs": servers[:1]}
    add(captured, kind="RECOVERY_INSTANCE_WITHOUT_SOURCE_SERVER")
    assert len(client.describe_recovery_instances(filters=asked)["items"]) == 1
    record = {"recoveryInstanceID": "i-0123456789abcdef0"}
    add(captured, operation="DescribeRecoveryInstances", record=record, always=True)
    found = client.describe_recovery_instances(filters=asked)["items"]
    assert len(found) == 2
    assert found[0] == record


def test_a_record_of_the_emulator_can_be_made_strange(captured: EmulatorClient) -> None:
    servers, job_id = drill(captured, 2)
    client = captured.unchecked
    add(captured, kind="SOURCE_SERVER_WITH_UNKNOWN_STATE", of=servers[0])
    states = {s["sourceServerID"]: s["dataReplicationInfo"] for s in client.describe_source_servers()["items"]}
    assert states[servers[0]] == {"dataReplicationState": "RESTORING"}
    assert states[servers[1]]["dataReplicationState"] == "CONTINUOUS"
    add(captured, operation="DescribeJobs", of=job_id, record={"participatingServers": [{}]}, without=["type"])
    (job,) = client.describe_jobs(filters={"jobIDs": [job_id]})["items"]
    assert (job["participatingServers"], job["status"], "type" in job) == ([{}], "COMPLETED", False)


@pytest.mark.parametrize("kind", ["LOG_ITEM_WITH_UNKNOWN_EVENT", "LOG_ITEM_WITHOUT_MEMBERS"])
def test_a_job_log_can_have_a_strange_item(captured: EmulatorClient, kind: str) -> None:
    servers, job_id = drill(captured, 1)
    other = captured.start(servers)
    client = captured.unchecked
    normal, others = (len(client.describe_job_log_items(jobID=each)["items"]) for each in (job_id, other))
    add(captured, kind=kind, of=job_id)
    assert len(client.describe_job_log_items(jobID=job_id)["items"]) == normal + 1
    assert len(client.describe_job_log_items(jobID=other)["items"]) == others


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "ODD"}, "kind"),
        ({}, "operation"),
        ({"operation": "StartRecovery"}, "operation"),
        ({"operation": "DescribeJobs", "record": []}, "record"),
        ({"operation": "DescribeJobs", "of": 3}, "of"),
        ({"operation": "DescribeJobs", "without": "x"}, "without"),
        ({"operation": "DescribeJobs", "always": "x"}, "always"),
    ],
)
def test_a_wrong_strange_record_is_rejected(captured: EmulatorClient, body: dict[str, Any], field: str) -> None:
    status, answer = captured.control("POST", "strange-records", PLACE | body)
    assert (status, answer["message"].partition(":")[0]) == (400, field)
