"""The cache of recovery instances: synced by the real machine, read through the API."""

import json
import os
import time
from typing import Any

import pytest
from botocore.client import BaseClient

from recovery.cache import recovery_instances
from recovery.cache.recovery_instances import logger
from recovery.domain.drs_shapes.members import read_time
from tests.support.api_without_aws import call_without_aws
from tests.support.instance_cache import SYNC, cached, sync
from tests.support.plans import make_plan
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product

STATUS = f"{SYNC}/status"


def status(product: Product) -> dict[str, Any]:
    reply = product.request("GET", STATUS)
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


@pytest.fixture
def drilled(product: Product) -> tuple[Product, dict[str, Any]]:
    """A drill of three servers here and two in another account and Region, and a sync after it."""
    here = product.group(product.seed(3, tags={"Name": "web"}, sourceNetworkID="sn-0123456789abcdef0"))
    there = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(product.plan({"name": "web", "groups": [here, there]}))
    assert record["status"] == "COMPLETED", record
    assert sync(product).status == "SUCCEEDED"
    return product, record


def test_a_row_has_everything_that_drs_and_ec2_know_of_an_instance(drilled: tuple[Product, dict[str, Any]]) -> None:
    product, record = drilled
    product.emulator.control.change_settings(
        {"behaviour": {"sourceServers": "full"}}
    )  # DRS may not name the staging area
    assert sync(product).status == "SUCCEEDED"
    server = next(each for each in record["sourceServers"] if each["accountId"] == HUB)
    reply = product.request("GET", "/recovery-instances", sourceServerIds=server["sourceServerId"])
    (row,) = reply.body["recoveryInstances"]
    (theirs,) = product.emulator.client(HUB, WEST).describe_recovery_instances(
        filters={"sourceServerIDs": [server["sourceServerId"]]}
    )["items"]
    assert [name for name, value in row.items() if value in (None, "", [])] == ["publicIp"]
    assert row["recoveryInstanceId"] == row["ec2InstanceId"] == server["recoveryInstanceId"]
    assert (row["name"], row["ec2InstanceState"], row["isDrill"]) == ("web", "RUNNING", True)
    assert row["privateIp"] == theirs["recoveryInstanceProperties"]["networkInterfaces"][0]["ips"][0]
    assert (row["accountId"], row["region"]) == (HUB, WEST)
    assert (row["sourceExecutionId"], row["sourcePlanId"]) == (record["executionId"], record["planId"])
    assert row["jobId"] == theirs["jobID"]
    assert row["replicationStagingAccountId"] == HUB
    assert row["pointInTimeSnapshotAt"] == server["dataAt"] == read_time(theirs, "pointInTimeSnapshotDateTime")
    assert record["requestedAt"] < row["launchTime"] <= record["endedAt"]
    assert record["endedAt"] < row["lastSyncAt"]
    assert row["sourceVpcId"] != row["vpcId"]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"executionId": "of the record"}, 5),
        ({"planId": "of the record"}, 5),
        ({"accountId": HUB, "region": WEST}, 3),
        ({"accountId": OTHER, "region": EUROPE}, 2),
        ({"accountId": OTHER, "region": WEST}, 0),
    ],
)
def test_instances_are_listed_by_what_they_belong_to_page_by_page(
    drilled: tuple[Product, dict[str, Any]], query: dict[str, str], count: int
) -> None:
    product, record = drilled
    query = {name: record.get(name, value) for name, value in query.items()}
    found, token = [], {}
    while token is not None:
        page = product.request("GET", "/recovery-instances", limit="2", **query, **token).body
        assert len(page["recoveryInstances"]) <= 2
        found += page["recoveryInstances"]
        token = {"nextToken": page["nextToken"]} if page["nextToken"] else None  # type: ignore[assignment]
    assert len({row["recoveryInstanceId"] for row in found}) == len(found) == count


def test_servers_without_an_instance_are_named_and_one_request_is_one_call(
    drilled: tuple[Product, dict[str, Any]],
) -> None:
    product, record = drilled
    ids = [server["sourceServerId"] for server in record["sourceServers"]]
    reply = product.request("GET", "/recovery-instances", sourceServerIds=",".join([*ids, "s-00000000000000000"]))
    assert [row["sourceServerId"] for row in reply.body["recoveryInstances"]] == ids
    assert reply.body["missing"] == ["s-00000000000000000"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "planId"),
        ({"planId": "rp-1", "executionId": "drill-1"}, "executionId"),
        ({"sourceServerIds": "i-0123456789abcdef0"}, "sourceServerIds[0]"),
        ({"sourceServerIds": "s-0123456789abcdef0,s-0123456789abcdef0"}, "sourceServerIds"),
        ({"sourceServerIds": ",".join(f"s-{n:017}" for n in range(101))}, "sourceServerIds"),
        ({"sourceServerIds": "s-0123456789abcdef0", "limit": "5"}, "limit"),
        ({"accountId": HUB}, "region"),
        ({"accountId": "12", "region": WEST}, "accountId"),
        ({"accountId": HUB, "region": "Oregon"}, "region"),
        ({"region": WEST}, "planId"),
        ({"planId": "rp-1", "region": WEST}, "region"),
        ({"executionId": "no id"}, "executionId"),
        ({"planId": "rp-1", "nextToken": "made up"}, "nextToken"),
        ({"planId": "rp-1", "limit": "0"}, "limit"),
    ],
)
def test_an_invalid_list_request_is_refused_with_the_field_before_any_read(
    monkeypatch: pytest.MonkeyPatch, query: dict[str, str], field: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", WEST)  # a client can be made; whatever it asked would be refused
    monkeypatch.setattr(recovery_instances, "table", lambda: "recovery-instances")
    status, body = call_without_aws("GET", "/recovery-instances", queryStringParameters=query or None)
    assert status == 400, body
    assert field in {problem["field"] for problem in body["problems"]}


@pytest.mark.parametrize("body", [{"targets": []}, {"targets": [{"accountId": HUB}]}, {"target": []}, []])
def test_a_sync_with_an_invalid_body_is_refused(product: Product, body: Any) -> None:
    assert product.request("POST", SYNC, body).status == 400
    assert product.engine.executions("sync-cache") == []


def test_a_sync_of_an_unchanged_fleet_writes_no_row_and_moves_its_time_on(
    drilled: tuple[Product, dict[str, Any]],
) -> None:
    product, _ = drilled
    before, calls = cached(product), product.calls()
    fresh = {row["region"]: row["lastSyncAt"] for row in status(product)["targets"]}
    sync(product)
    assert cached(product) == before
    after = {row["region"]: row["lastSyncAt"] for row in status(product)["targets"]}
    assert all(after[region] > fresh[region] for region in fresh)
    made = {name: count - calls.get(name, 0) for name, count in product.calls().items()}
    # One page each of the two targets; who launched the instances is known by now.
    assert {name: count for name, count in made.items() if count} == {
        "DescribeRecoveryInstances": 2,
        "DescribeInstances": 2,
        "DescribeSourceServers": 2,
        "DescribeSourceNetworks": 1,
    }


def test_instances_that_are_no_longer_there_leave_the_cache(drilled: tuple[Product, dict[str, Any]]) -> None:
    product, record = drilled
    gone = next(each for each in record["sourceServers"] if each["accountId"] == OTHER)
    target = product.emulator.world.target(("444455556666", EUROPE))  # type: ignore[arg-type]
    del target.instances[gone["recoveryInstanceId"]]
    sync(product)
    assert gone["sourceServerId"] not in cached(product)
    assert len(cached(product)) == 4
    reply = product.request("GET", "/recovery-instances", executionId=record["executionId"])
    assert len(reply.body["recoveryInstances"]) == 4


def test_a_region_without_drs_is_recorded_and_every_configured_target_is_synced(product: Product) -> None:
    product.put(
        "TargetAccounts",
        {
            "accountId": OTHER,
            "roleArn": f"arn:aws:iam::{OTHER}:role/drs-waves-target",
            "externalId": "not-a-secret",
            "regions": [EUROPE, "eu-west-3"],
        },
    )
    product.drill(make_plan(product))
    assert status(product)["status"] == "NEVER"
    sync(product)
    shown = status(product)
    assert shown["status"] == "OK"
    assert (shown["lastSync"]["targets"], shown["lastSync"]["failed"]) == (3, 0)
    by_target = {(row["accountId"], row["region"]): row for row in shown["targets"]}
    assert {key: row["status"] for key, row in by_target.items()} == {
        (HUB, WEST): "SYNCED",
        (OTHER, EUROPE): "NOT_SET_UP",
        (OTHER, "eu-west-3"): "NOT_SET_UP",
    }
    assert by_target[HUB, WEST]["instances"] == 3


def test_a_target_that_is_down_is_shown_and_the_others_are_synced(drilled: tuple[Product, dict[str, Any]]) -> None:
    product, _ = drilled
    product.seed(1, prefix="new")
    before = cached(product)
    product.fault("REGION_DOWN", accountId=OTHER, region=EUROPE)
    target = product.emulator.world.target((HUB, WEST))  # type: ignore[arg-type]
    target.instances.popitem()
    assert sync(product).status == "SUCCEEDED"
    shown = status(product)
    assert shown["status"] == "DEGRADED"
    assert shown["lastSync"]["failed"] == 1
    rows = {row["region"]: row for row in shown["targets"]}
    assert rows[WEST]["status"] == "SYNCED"
    assert rows[EUROPE]["status"] == "FAILED"
    assert EUROPE in rows[EUROPE]["error"]
    assert rows[EUROPE]["lastSyncAt"] < rows[EUROPE]["failedAt"]
    assert len(before) - len(cached(product)) == 1  # that of the other target stays as it was

    product.emulator.control.remove_faults(None)
    while rows[EUROPE]["status"] == "FAILED":  # its circuit closes within a minute
        sync(product)
        rows = {row["region"]: row for row in status(product)["targets"]}
        time.sleep(0.05)
    assert rows[EUROPE]["error"] is None


def test_throttling_is_retried_and_no_error(product: Product) -> None:
    product.drill(make_plan(product))
    product.fault("THROTTLING", operation="DescribeRecoveryInstances", count=4)
    sync(product)
    assert status(product)["status"] == "OK"
    assert len(cached(product)) == 3


def test_a_sync_that_is_killed_halfway_is_completed_by_its_retry(product: Product) -> None:
    product.drill(make_plan(product))
    product.engine.runtime.lose_answer("SyncCache", times=1)
    product.engine.runtime.lose_answer("RecordSync", times=1)
    assert sync(product).status == "SUCCEEDED"
    assert len(cached(product)) == 3
    assert status(product)["status"] == "OK"


def test_a_target_whose_function_breaks_for_good_does_not_stop_the_sync(drilled: tuple[Product, Any]) -> None:
    product, _ = drilled
    product.engine.runtime.fail("SyncCache", "KeyError", times=1)
    assert sync(product).status == "SUCCEEDED"
    assert sorted(row["status"] for row in status(product)["targets"]) == ["FAILED", "SYNCED"]


def test_a_sync_of_some_targets_leaves_the_others_alone(product: Product) -> None:
    product.drill(make_plan(product))
    sync(product, targets=[{"accountId": OTHER, "region": EUROPE}])
    assert cached(product) == {}
    sync(product, targets=[{"accountId": HUB, "region": WEST}])
    assert len(cached(product)) == 3


def test_direct_invocation_starts_a_sync_and_returns_its_status(product: Product) -> None:
    def invoke(operation: str) -> tuple[Any, bool]:
        answer = product.engine.client("lambda").invoke(
            FunctionName="Api", Payload=json.dumps({"operation": operation})
        )
        return json.loads(answer["Payload"].read()), "FunctionError" in answer

    product.drill(make_plan(product))
    started, failed = invoke("sync_recovery_instances")
    assert not failed
    (execution,) = product.engine.executions("sync-cache")
    assert started["sync"] == execution.wait(60).name
    told, failed = invoke("get_recovery_instance_sync_status")
    assert not failed
    assert told == status(product)
    refused, failed = invoke("forget_everything")
    assert failed
    assert refused["errorType"] == "InvalidRequest"


def test_a_new_launch_of_a_server_replaces_its_row(product: Product) -> None:
    plan = make_plan(product)
    first = product.drill(plan)
    sync(product)
    second = product.drill(plan)
    sync(product)
    rows = cached(product)
    assert {row["sourceExecutionId"] for row in rows.values()} == {second["executionId"]}
    assert {row["recoveryInstanceId"] for row in rows.values()} == {
        server["recoveryInstanceId"] for server in second["sourceServers"]
    }
    reply = product.request("GET", "/recovery-instances", executionId=first["executionId"])
    assert reply.body["recoveryInstances"] == []


def test_a_plan_shows_the_instances_that_its_drills_have_left_running(drilled: tuple[Product, dict[str, Any]]) -> None:
    product, record = drilled
    left = product.request("GET", f"/recovery-plans/{record['planId']}").body["drillInstances"]
    assert (left["count"], left["executions"]) == (5, [record["executionId"]])
    launched = [row["launchTime"] for row in cached(product).values()]
    assert left["since"] == min(launched)


def test_an_instance_that_another_tool_launched_has_no_execution(product: Product) -> None:
    (server,) = product.seed(1)
    product.group([server])
    drs = product.emulator.client(HUB, WEST)
    job = drs.start_recovery(sourceServers=[{"sourceServerID": server}], isDrill=False)["job"]["jobID"]
    while drs.describe_jobs(filters={"jobIDs": [job]})["items"][0]["status"] != "COMPLETED":
        time.sleep(0.05)
    sync(product)
    row = cached(product)[server]
    assert row["jobId"] == job
    assert row["isDrill"] is False
    assert "sourceExecutionId" not in row


def test_a_hundred_servers_are_one_round_trip_once_the_function_is_warm(
    drilled: tuple[Product, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    product, record = drilled
    ids = [server["sourceServerId"] for server in record["sourceServers"]]
    query = ",".join([*ids, *(f"s-{number:017}" for number in range(100 - len(ids)))])
    product.request("GET", "/recovery-instances", sourceServerIds=query)
    monkeypatch.setattr(recovery_instances, "SYNC_STATUS_CACHE_SECONDS", 86_400)  # half a minute is 50 ms at this speed
    call, made = BaseClient._make_api_call, list[str]()  # type: ignore[attr-defined]

    def counted(self: Any, operation: str, parameters: Any) -> Any:
        if os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "Api":
            made.append(operation)
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    reply = product.request("GET", "/recovery-instances", sourceServerIds=query)
    assert made == ["BatchGetItem"]
    assert (len(reply.body["recoveryInstances"]), len(reply.body["missing"])) == (5, 95)


def test_misses_are_counted_and_logged(
    product: Product, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[Any] = []
    monkeypatch.setattr(logger, "info", lambda message, extra: logged.append((message, extra)))
    product.request("GET", "/recovery-instances", sourceServerIds="s-00000000000000001,s-00000000000000002")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    (metric,) = [line for line in lines if "CacheMisses" in line]
    assert (metric["CacheHits"], metric["CacheMisses"]) == (0, 2)
    assert [(message, facts["misses"]) for message, facts in logged] == [("no recovery instance in the cache", 2)]
