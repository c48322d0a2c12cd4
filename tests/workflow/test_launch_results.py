"""The results of servers from what the real DRS answers: instances, causes, previous snapshots, ages of data."""

import html
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from api.schemas.responses.servers import INSTANCE_UNKNOWN
from cli.notices import summarize_warnings
from recovery.domain.drs_shapes.members import read_time
from recovery.runs.launch_results import USED_PREVIOUS_SNAPSHOT
from report.document import Facts, build_document
from report.page import render_html
from tests.support.fault_injection import Call, calls_through, killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.instance_cache import sync
from tests.support.product import HUB, WEST, Product

PLACE = {"accountId": HUB, "region": WEST}
STRANGE = [
    "JOB_WITH_ONLY_AN_ID",
    "JOB_WITH_EMPTY_PARTICIPANT",
    "JOB_WITH_UNKNOWN_VALUES",
    "SOURCE_SERVER_WITH_ONLY_AN_ID",
    "SOURCE_SERVER_WITHOUT_ID",
    "SOURCE_SERVER_WITH_UNKNOWN_STATE",
    "RECOVERY_INSTANCE_WITH_ONLY_AN_ID",
    "RECOVERY_INSTANCE_WITHOUT_SOURCE_SERVER",
]


def behave(product: Product, **knobs: Any) -> None:
    product.emulator.control.change_settings({"behaviour": knobs})


def instances(product: Product) -> dict[str, dict[str, Any]]:
    """DRS's recovery instances by source server."""
    pages = product.emulator.client(HUB, WEST).get_paginator("describe_recovery_instances").paginate(filters={})
    return {item["sourceServerID"]: dict(item) for page in pages for item in page["items"]}


def drill(product: Product, servers: list[str], **plan: Any) -> dict[str, dict[str, Any]]:
    """The servers of a drill after its end, by id."""
    record = product.drill(product.plan({"name": "web", "groups": [product.group(servers)]}, **plan))
    assert record["status"] in ("COMPLETED", "FAILED", "PARTIAL"), record
    counts = record["servers"]
    statuses = [server["status"] for server in record["sourceServers"]]
    assert (counts["launched"], counts["failed"]) == (statuses.count("LAUNCHED"), statuses.count("FAILED"))
    return {server["sourceServerId"]: server for server in record["sourceServers"]}


@pytest.mark.parametrize("profile", ["captured", "slow", "generous", "unkind"])
def test_launched_servers_have_their_instances_and_the_times_of_their_data(profile: str) -> None:
    with Product() as product:
        durations = product.emulator.control.settings()["durations"]
        product.emulator.control.change_settings({"profile": profile, "durations": durations})
        servers = drill(product, product.seed(3))
        assert {server["status"] for server in servers.values()} == {"LAUNCHED"}
        while len(truth := instances(product)) < 3:  # an unkind DRS shows them late
            time.sleep(0.05)
        for server_id, server in servers.items():
            known = server["recoveryInstanceId"]
            assert known == truth[server_id]["recoveryInstanceID"] or (known is None and profile == "unkind")
            assert server["warnings"] == ([] if known else [INSTANCE_UNKNOWN])
        assert sync(product).status == "SUCCEEDED"
        for server in product.servers(product.request("GET", "/executions").body["executions"][0]["executionId"]):
            theirs = truth[server["sourceServerId"]]
            assert server["recoveryInstanceId"] == theirs["recoveryInstanceID"]
            assert server["dataAt"] == read_time(theirs, "pointInTimeSnapshotDateTime")


def test_settling_a_job_reads_the_job_its_log_and_its_instances_once_each(product: Product) -> None:
    made = list[str]()

    def counting(call: Call) -> Call:
        def counted(self: Any, name: str, parameters: Mapping[str, Any]) -> Any:
            if name.startswith("Describe") and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "SettleBatch":
                made.append(name)
            return call(self, name, parameters)

        return counted

    with calls_through(counting):
        drill(product, product.seed(60))
    assert len(product.jobs()) == 1
    assert sorted(made) == ["DescribeJobLogItems", "DescribeJobs", "DescribeRecoveryInstances"]


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"kind": "VCPU_LIMIT"}, "QUOTA", "Service Quotas"),
    ({"kind": "NO_CAPACITY"}, "CAPACITY", "another instance type"),
    ({"kind": "NO_LAUNCH_TEMPLATE"}, "LAUNCH_TEMPLATE", "launch template"),
    ({"kind": "MISSING_PERMISSION"}, "PERMISSION", "service control policy"),
    ({"kind": "MISSING_PERMISSION", "action": "kms:CreateGrant"}, "ENCRYPTION_KEY", "KMS key"),
    ({"kind": "LAUNCH_FAILS", "rawError": "InsufficientFreeAddressesInSubnet: none is free"}, "ADDRESSES", "subnet"),
    ({"kind": "SNAPSHOT_FAILS"}, "SNAPSHOT", "replication"),
    ({"kind": "CONVERSION_FAILS"}, "CONVERSION", "staging subnet"),
]


@pytest.mark.parametrize("event", ["LAUNCH_END", "LAUNCH_FAILED"])
def test_each_failed_server_has_its_own_cause_and_what_to_do(product: Product, event: str) -> None:
    behave(product, failureEvent=event)
    servers = product.seed(len(CASES) + 1)
    for server_id, (fault, _, _) in zip(servers, CASES, strict=False):
        product.fault(sourceServerId=server_id, **fault)
    found = drill(product, servers, launchAttempts=1)
    for server_id, (_, cause, advice) in zip(servers, CASES, strict=False):
        server = found[server_id]
        assert (server["status"], server["cause"]) == ("FAILED", cause)
        assert advice in server["advice"]
        assert server["reason"].startswith(f"{server['jobId']}: launch status FAILED; ")
    assert "VcpuLimitExceeded" in found[servers[0]]["reason"]
    well = found[servers[-1]]
    assert (well["status"], well["cause"], well["advice"], well["reason"]) == ("LAUNCHED", None, None, None)


def test_a_failure_that_drs_does_not_explain_says_so_and_where_to_look(product: Product) -> None:
    behave(product, failureEvent="none")
    (bad,) = product.seed(1, failsAt="LAUNCH")
    server = drill(product, [bad], launchAttempts=1)[bad]
    assert (server["status"], server["cause"]) == ("FAILED", "NOT_GIVEN")
    assert "DRS gave no cause" in server["reason"]
    assert "CloudTrail" in server["advice"]
    assert "RunInstances" in server["advice"]


def test_a_launch_after_a_failed_attempt_leaves_no_cause_behind(product: Product) -> None:
    (server_id,) = product.seed(1)
    product.fault("NO_CAPACITY", sourceServerId=server_id, count=1)
    server = drill(product, [server_id])[server_id]
    assert len(product.jobs()) == 2
    assert (server["status"], server["reason"], server["cause"], server["advice"]) == ("LAUNCHED", None, None, None)
    assert server["recoveryInstanceId"] == instances(product)[server_id]["recoveryInstanceID"]


def test_a_server_whose_launch_action_failed_is_failed_with_its_instance(product: Product) -> None:
    (server_id,) = product.seed(1)
    drs = product.emulator.client(HUB, WEST)
    drs.update_launch_configuration(sourceServerID=server_id, postLaunchEnabled=True)
    drs.put_launch_action(
        resourceId=server_id,
        actionCode="AWS-RunShellScript",
        actionId="0f9c6a3e-5b7d-4c21-8e10-3a2b1c4d5e6f",
        actionVersion="1",
        active=True,
        category="CONFIGURATION",
        description="joins the domain",
        name="join the domain",
        optional=False,
        order=1001,
        parameters={},
    )
    product.fault("LAUNCH_ACTION_FAILS", sourceServerId=server_id)
    server = drill(product, [server_id], launchAttempts=1)[server_id]
    assert (server["status"], server["cause"]) == ("FAILED", "LAUNCH_ACTION"), server
    assert "join the domain" in server["reason"]
    assert server["recoveryInstanceId"] == instances(product)[server_id]["recoveryInstanceID"]


def test_a_server_launched_from_a_previous_snapshot_is_named_in_a_warning(product: Product) -> None:
    old, new = product.seed(2)
    product.fault("PREVIOUS_SNAPSHOT", sourceServerId=old)
    servers = drill(product, [old, new])
    assert (servers[old]["status"], servers[old]["warnings"]) == ("LAUNCHED", [USED_PREVIOUS_SNAPSHOT])
    assert servers[new]["warnings"] == []
    assert servers[old]["dataAt"] == read_time(instances(product)[old], "pointInTimeSnapshotDateTime")
    assert servers[old]["dataAt"] < servers[new]["dataAt"]


@contextmanager
def hidden_instances() -> Iterator[None]:
    """DescribeRecoveryInstances shows no instance meanwhile."""

    def hiding(call: Call) -> Call:
        def hidden(self: Any, name: str, parameters: Mapping[str, Any]) -> Any:
            answer = call(self, name, parameters)
            return {**answer, "items": []} if name == "DescribeRecoveryInstances" else answer

        return hidden

    with calls_through(hiding):
        yield


@contextmanager
def failure_in_the_log(server_id: str) -> Iterator[None]:
    """The log of each job has a failed launch of the server, from a previous snapshot, whatever DRS calls it."""
    failed = {"sourceServerID": server_id, "rawError": "An error occurred (InsufficientInstanceCapacity) when calling"}

    def adding(call: Call) -> Call:
        def added(self: Any, name: str, parameters: Mapping[str, Any]) -> Any:
            answer = call(self, name, parameters)
            if name != "DescribeJobLogItems":
                return answer
            kept = [item for item in answer["items"] if item["eventData"].get("sourceServerID") != server_id]
            events = ("USING_PREVIOUS_SNAPSHOT", "LAUNCH_END")
            return {**answer, "items": [*kept, *({"event": event, "eventData": failed} for event in events)]}

        return added

    with calls_through(adding):
        yield


def test_a_launched_server_whose_log_has_a_failure_and_that_has_no_instance_is_doubted_everywhere() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        told = Inbox(product)
        doubtful, well = product.seed(2)
        with hidden_instances(), failure_in_the_log(doubtful):
            record = product.drill(product.plan({"name": "web", "groups": [product.group([doubtful, well])]}))
        servers = {server["sourceServerId"]: server for server in record["sourceServers"]}
        assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 2)
        (snapshot, launched, shown) = servers[doubtful]["warnings"]
        assert snapshot == USED_PREVIOUS_SNAPSHOT
        assert "no existing instance" in launched
        assert "InsufficientInstanceCapacity" in launched
        assert shown == INSTANCE_UNKNOWN
        assert servers[well]["warnings"] == []
        message = told.messages()[told.values("kind").index("WAVE_DONE")]["Message"]
        name = servers[doubtful]["hostname"]
        assert f"\nWarnings: {name}: {snapshot}\n  {name}: {launched}\n" in f"{message}\n"
        assert any(launched in line for line in summarize_warnings(record["sourceServers"]))
        report = build_document(Facts(record, record["sourceServers"]))
        assert launched in html.unescape(render_html(report))


def test_an_instance_that_drs_shows_late_is_unknown_and_added_by_a_later_sync(product: Product) -> None:
    behave(product, failureEvent="LAUNCH_FAILED")  # then the log has no LAUNCH_END, which names the instance
    (server_id,) = product.seed(1)
    with hidden_instances():
        record = product.drill(product.plan({"name": "web", "groups": [product.group([server_id])]}))
    (server,) = record["sourceServers"]
    assert record["status"] == "COMPLETED"
    assert (server["status"], server["recoveryInstanceId"], server["dataAt"]) == ("LAUNCHED", None, None)
    assert server["warnings"] == [INSTANCE_UNKNOWN]

    assert sync(product).status == "SUCCEEDED"

    (server,) = product.servers(record["executionId"])
    truth = instances(product)[server_id]
    assert server["recoveryInstanceId"] == truth["recoveryInstanceID"]
    assert server["dataAt"] == read_time(truth, "pointInTimeSnapshotDateTime")
    assert server["warnings"] == []


def test_a_sync_killed_while_it_adds_instances_adds_them_next_time(product: Product) -> None:
    behave(product, failureEvent="LAUNCH_FAILED")
    with hidden_instances():
        record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(2))]}))
    assert [server["recoveryInstanceId"] for server in record["sourceServers"]] == [None, None]
    with killed_after_change("SyncCache", 2) as made:
        sync(product)
    assert made, "SyncCache makes no change"
    assert sync(product).status == "SUCCEEDED"
    assert all(server["recoveryInstanceId"] for server in product.servers(record["executionId"]))


def test_strange_records_of_others_change_nothing(product: Product) -> None:
    for kind in STRANGE:
        product.emulator.control.add_strange_record({**PLACE, "kind": kind})
    servers = drill(product, product.seed(3))
    assert {server["status"] for server in servers.values()} == {"LAUNCHED"}
    assert all(server["recoveryInstanceId"] for server in servers.values())
    assert sync(product).status == "SUCCEEDED"


@contextmanager
def before_settling(operation: str, change: Any) -> Iterator[None]:
    """Call `change` with the parameters of the first such call that SettleBatch makes, right before it."""
    done = list[bool]()

    def changing(call: Call) -> Call:
        def changed(self: Any, name: str, parameters: Mapping[str, Any]) -> Any:
            if name == operation and os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "SettleBatch" and not done:
                done.append(True)
                change(parameters)
            return call(self, name, parameters)

        return changed

    with calls_through(changing):
        yield
    assert done, f"SettleBatch makes no call of {operation}"


def test_a_job_that_drs_no_longer_knows_is_settled_by_its_instances(product: Product) -> None:
    def forget(parameters: Mapping[str, Any]) -> None:
        (job_id,) = parameters["filters"]["jobIDs"]
        del product.emulator.world.target(_key()).jobs[job_id]

    (bad,) = product.seed(1, prefix="bad", failsAt="LAUNCH")
    with before_settling("DescribeJobs", forget):
        servers = drill(product, [*product.seed(2), bad])
    failed, truth = servers.pop(bad), instances(product)
    assert {server["status"] for server in servers.values()} == {"LAUNCHED"}
    assert all(truth[each]["recoveryInstanceID"] == server["recoveryInstanceId"] for each, server in servers.items())
    assert (failed["status"], len(product.jobs())) == ("FAILED", 0)
    assert failed["reason"].startswith(f"DRS no longer describes {failed['jobId']}; ")


def _key() -> Any:
    from drs_emulator.target_key import TargetKey  # a type of the emulator that no other test needs

    return TargetKey(HUB, WEST)


def test_a_log_that_the_role_may_not_read_fails_no_server(product: Product) -> None:
    def deny(parameters: Mapping[str, Any]) -> None:
        answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
        raise ClientError(answer, "DescribeJobLogItems")

    good, bad = product.seed(1) + product.seed(1, prefix="bad", failsAt="LAUNCH")
    with before_settling("DescribeJobLogItems", deny):
        servers = drill(product, [good, bad], launchAttempts=1)
    assert servers[good]["status"] == "LAUNCHED"
    assert (servers[bad]["status"], servers[bad]["cause"]) == ("FAILED", "NOT_GIVEN")
    assert "could not be read" in servers[bad]["reason"]


def test_the_message_about_a_failed_wave_names_servers_causes_and_what_to_do() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        told = Inbox(product)
        limited, denied = product.seed(5, prefix="limited"), product.seed(1, prefix="denied")
        for server_id in limited:
            product.fault("VCPU_LIMIT", sourceServerId=server_id)
        product.fault("MISSING_PERMISSION", sourceServerId=denied[0])
        drill(product, limited + denied, launchAttempts=1)
        message = told.messages()[told.values("kind").index("WAVE_FAILED")]["Message"]
        assert "Failed, QUOTA: limited-001, limited-002, limited-003 and 2 more. drsjob-" in message
        assert "VcpuLimitExceeded" in message
        assert "What to do about QUOTA: Raise the EC2 quota" in message
        assert "Failed, PERMISSION: denied-001. drsjob-" in message
