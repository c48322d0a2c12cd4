"""What operators see, decide and control: readiness, gates, failures, pause, cancel, abandoned runs, continuing."""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from recovery import clock
from recovery.drs import assumed_roles
from recovery.runs import probe
from recovery.store.executions import MAX_DECISIONS
from tests.support.fault_injection import Call, calls_through
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import HUB, STACK, WEST, Product, Reply
from tests.support.runs import (
    SECONDS_BETWEEN_LOOKS,
    decide,
    launching_run,
    wait_until,
    wait_until_asked_for,
    wave_statuses,
)


# --- readiness ----------------------------------------------------------------------------------------------------
def test_readiness_judges_every_server_and_launches_nothing(product: Product) -> None:
    healthy = product.seed(2, prefix="good")
    behind = product.seed(1, prefix="behind", lagDuration="PT3H")
    syncing = product.seed(1, prefix="new", replicationState="INITIAL_SYNC")
    group = product.group([*healthy, *behind, *syncing, "s-" + "0" * 17])
    plan = product.plan({"name": "web", "groups": [group], "maxFailedPercent": 50}, rpoTargetMinutes=60)

    record = product.finish(product.start(plan, "readiness"))

    assert (record["mode"], record["status"]) == ("READINESS", "READY"), record
    servers = {server["sourceServerId"]: server for server in record["sourceServers"]}
    assert {servers[each]["readiness"] for each in healthy} == {"READY"}
    assert servers[behind[0]]["readiness"] == "WARN"
    assert "3 h behind" in servers[behind[0]]["warnings"][0]
    assert servers[syncing[0]]["readiness"] == "BLOCKED"
    assert "INITIAL_SYNC" in servers[syncing[0]]["reason"]
    assert "does not know" in servers["s-" + "0" * 17]["reason"]
    assert servers[healthy[0]]["snapshotAt"]
    assert "StartRecovery" not in product.calls()
    assert product.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None


@pytest.mark.real_durations
def test_readiness_may_look_while_the_plan_runs_and_names_the_run_and_its_jobs(product: Product) -> None:
    plan = product.plan(make_wave(product))
    with launching_run(product, plan) as running:
        record = product.finish(product.start(plan, "readiness"))
    (server,) = record["sourceServers"]
    assert server["readiness"] == "WARN"
    assert any(running in warning for warning in server["warnings"])
    assert any("drsjob-" in warning for warning in server["warnings"])
    assert record["notes"]
    assert product.finish(running)["status"] == "COMPLETED"


def test_a_target_that_cannot_be_used_blocks_its_servers_and_says_what_is_wrong(product: Product) -> None:
    here = product.group(product.seed(3))
    there = product.group(["s-" + "9" * 17], region="eu-west-3")
    plan = product.plan({"name": "web", "groups": [here, there], "maxFailedPercent": 25})
    record = product.drill(plan)
    assert record["status"] == "PARTIAL", record
    lost = next(server for server in record["sourceServers"] if server["region"] == "eu-west-3")
    assert "TargetNotInitialized" in lost["reason"]


def refusing_credentials(regions: set[str], times: int = 1_000) -> AbstractContextManager[None]:
    """DRS in these Regions does not know the credentials of calls, for so many calls."""
    left = [times]

    def made_by(call: Call) -> Call:
        def refused(self: Any, operation: str, parameters: Any) -> Any:
            if self.meta.region_name in regions and self.meta.service_model.service_name == "drs" and left[0] > 0:
                left[0] -= 1
                answer = {"Code": "UnrecognizedClientException", "Message": "The security token is invalid."}
                raise ClientError({"Error": answer, "ResponseMetadata": {"HTTPStatusCode": 403}}, operation)
            return call(self, operation, parameters)

        return refused

    return calls_through(made_by)


def test_an_opt_in_region_that_an_account_has_not_enabled_is_named_as_such(product: Product) -> None:
    here = product.group(product.seed(3))
    there = product.group(["s-" + "9" * 17], region="eu-south-1")
    plan = product.plan({"name": "web", "groups": [here, there], "maxFailedPercent": 25})
    with refusing_credentials({"eu-south-1"}):
        record = product.drill(plan)
    assert record["status"] == "PARTIAL", record
    lost = next(server for server in record["sourceServers"] if server["region"] == "eu-south-1")
    assert "RegionNotEnabled" in lost["reason"]
    assert f"the Region eu-south-1 may not be enabled in account {HUB}: it is an opt-in Region" in lost["reason"]


def test_credentials_that_are_older_are_renewed_before_a_region_is_blamed(product: Product) -> None:
    server_ids = product.seed(1, region="eu-south-1")
    plan = product.plan({"name": "web", "groups": [product.group(server_ids, region="eu-south-1")]})
    assert product.drill(plan)["status"] == "COMPLETED"
    for client in assumed_roles._obtained_at:
        assumed_roles._obtained_at[client] = 0
    with refusing_credentials({"eu-south-1"}, times=1):
        assert product.drill(plan)["status"] == "COMPLETED"


def test_a_region_that_every_account_has_is_not_blamed_for_credentials(product: Product) -> None:
    plan = product.plan({"name": "web", "groups": [product.group(product.seed(1))]})
    with refusing_credentials({WEST}, times=2):
        assert product.drill(plan)["status"] == "COMPLETED"


def test_a_group_by_tags_in_a_target_that_cannot_be_used_refuses_the_run(product: Product) -> None:
    there = product.group(region="eu-west-3", tags={"tier": "web"})
    record = product.drill(product.plan({"name": "web", "groups": [product.group(product.seed(3)), there]}))
    assert record["status"] == "NOT_READY"
    assert "eu-west-3 cannot be used" in record["reason"]


def test_many_servers_are_looked_at_in_rounds_and_each_once(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "ROUND_SECONDS", 1)
    plan = product.plan(make_wave(product, count=12))
    record = product.finish(product.start(plan, "readiness"))
    assert record["status"] == "READY"
    machine = product.machine(record["executionId"])
    assert machine.states_entered().count("InspectTarget") > 1
    assert product.calls()["DescribeRecoverySnapshots"] == 12
    assert product.calls()["GetLaunchConfiguration"] == 12


# --- optional servers and points in time --------------------------------------------------------------------------
def test_an_optional_server_that_cannot_be_launched_or_fails_never_fails_its_wave(product: Product) -> None:
    good = product.group(product.seed(2))
    blocked = product.group(product.seed(1, prefix="gone", replicationState="STOPPED"))
    failing = product.group(product.seed(1, prefix="bad", failsAt="LAUNCH"))
    uses = [good, {"groupId": blocked, "optional": True}, {"groupId": failing, "optional": True}]
    record = product.drill(product.plan({"name": "web", "groups": uses}, make_wave(product, "next")))
    assert wave_statuses(record) == {"web": "PARTIAL", "next": "COMPLETED"}, record
    assert "optional" in record["waves"][0]["reason"]
    assert sorted(server["status"] for server in record["sourceServers"] if server["optional"]) == [
        "EXCLUDED",
        "FAILED",
    ]


def test_a_run_names_a_point_in_time_and_each_server_comes_from_its_newest_snapshot_before_it(product: Product) -> None:
    servers = product.seed(2)
    (young,) = product.seed(1, prefix="young", replicationState="INITIAL_SYNC")
    plan = product.plan({"name": "web", "groups": [product.group([*servers, young])], "maxFailedPercent": 40})
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.emulator.world.clock.now() - 3_600))
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"pointInTime": moment})
    assert reply.status == 202, reply
    record = product.finish(reply.body["executionId"])
    assert record["pointInTime"].startswith(moment[:19])
    drs = product.emulator.client(HUB, WEST)
    for server in (server for server in record["sourceServers"] if server["status"] == "LAUNCHED"):
        assert server["snapshotAt"] <= record["pointInTime"]
        points = drs.describe_recovery_snapshots(
            sourceServerID=server["sourceServerId"], filters={"toDateTime": moment}, order="DESC"
        )
        assert server["snapshotId"] == points["items"][0]["snapshotID"]
        instance = drs.describe_recovery_instances(filters={"sourceServerIDs": [server["sourceServerId"]]})["items"][0]
        assert instance["pointInTimeSnapshotDateTime"][:19] == server["snapshotAt"][:19]
    assert record["servers"]["launched"] == 2


def test_a_moment_before_any_snapshot_refuses_the_run_and_names_a_server(product: Product) -> None:
    plan = product.plan(make_wave(product))
    moment = clock.iso(product.emulator.world.clock.now() - 300 * 86_400)
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"pointInTime": moment})
    record = product.finish(reply.body["executionId"])
    assert record["status"] == "NOT_READY"
    assert "no snapshot" in record["reason"]


@pytest.mark.parametrize(
    "moment",
    [
        "2999-01-01T00:00:00Z",
        "2001-01-01T00:00:00Z",
        "2026-11-20T00:00:00",
        "2026-11-20",
        "20261120",
        "20261120T081530Z",
        "2026-W47-5T00:00:00Z",
        "2026-11-20 08:15:30Z",
        "2026-11-20T08:15:30Z\n",
        "2026-11-31T08:15:30Z",
        "2026-11-20T24:00:00Z",
        "1795160130",
        "yesterday",
        "",
        " ",
        7.5,
        1_795_160_130,
        True,
        [],
    ],
)
def test_a_point_in_time_that_is_none_is_refused_by_name(product: Product, moment: Any) -> None:
    plan = product.plan(make_wave(product))
    for mode in ("drills", "recoveries", "readiness"):
        reply = product.request("POST", f"/recovery-plans/{plan}/{mode}", {"pointInTime": moment})
        assert reply.status == 400
        assert reply.body["problems"][0]["field"] == "pointInTime"
    assert product.items("Executions") == []


# --- gates --------------------------------------------------------------------------------------------------------
def test_a_wave_waits_for_approval_and_the_record_tells_who_gave_it() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        told = Inbox(product)
        run = product.start(
            product.plan(make_wave(product, "db"), make_wave(product, "web", approval={"required": True}))
        )
        record = wait_until_asked_for(product, run, "APPROVAL")
        assert wave_statuses(record) == {"db": "COMPLETED", "web": "AWAITING_APPROVAL"}
        (waiting,) = record["waitingFor"]
        assert waiting["answers"] == [f"POST /executions/{run}/waves/web/{word}" for word in ("approve", "reject")]
        assert waiting["until"] > waiting["since"]
        wanted = told.messages()[told.values("kind").index("APPROVAL_WANTED")]
        assert f"approve {run} web" in wanted["Message"]

        reply = decide(product, run, "waves/web/approve", "the database is fine")

        assert reply.status == 200, reply
        record = product.finish(run)
        assert record["status"] == "COMPLETED"
        (decision,) = record["decisions"]
        assert decision["by"] == "arn:aws:iam::111122223333:user/ana"
        assert (decision["decision"], decision["wave"]) == ("approve", "web")
        assert decision["comment"] == "the database is fine"
        kinds = ["RUN_STARTED", "WAVE_DONE", "APPROVAL_WANTED", "DECIDED", "WAVE_DONE", "RUN_FINISHED"]
        assert sorted(told.values("kind")) == sorted(kinds)
        assert set(told.values("planId")) == {record["planId"]}
        for message in told.messages():
            assert message["Subject"].startswith(f"{STACK}: DRILL of a plan: ")
            said = message["Message"].splitlines()
            assert said[:3] == [f"Stack: {STACK}", "Account: 123456789012", f"Region: {WEST}"]
            kind = message["MessageAttributes"]["kind"]["Value"]
            assert said[3:5] == [f"Message: {kind}", "Kind: DRILL"]
        assert f"{STACK}: DRILL of a plan: wave web waits for approval" == wanted["Subject"]


def test_every_message_about_a_plan_and_a_wave_with_long_names_has_a_subject_that_sns_takes() -> None:
    stack, plan, wave = "s" * 40, "Wiederanlauf größter Läden " + "x" * 73, "w" * 63
    with Product(OPERATORS_TOPIC_ARN=TOPIC, STACK_NAME=stack) as product:
        told = Inbox(product)
        made = product.plan(make_failing_wave(product, wave, approval={"required": True}, onFailure="ask"), name=plan)
        run = product.start(made)
        wait_until_asked_for(product, run, "APPROVAL")
        assert decide(product, run, f"waves/{wave}/approve", "fine").status == 200
        wait_until_asked_for(product, run, "DECISION")
        assert decide(product, run, f"waves/{wave}/accept", "fine").status == 200
        product.finish(run)
        subjects = {message["MessageAttributes"]["kind"]["Value"]: message["Subject"] for message in told.messages()}
    assert subjects.keys() == {
        "RUN_STARTED",
        "APPROVAL_WANTED",
        "DECIDED",
        "DECISION_WANTED",
        "WAVE_DONE",
        "RUN_FINISHED",
    }
    for subject in subjects.values():
        assert len(subject) < 100
        assert re.fullmatch("[ -~]+", subject)
        assert re.match(r"s+\.*: DRILL of Wiederanlauf gro", subject), subject
    assert subjects["APPROVAL_WANTED"].endswith(" waits for approval")
    assert subjects["DECISION_WANTED"].endswith(" needs a decision")


def test_a_rejected_wave_is_skipped_with_those_that_depend_on_it(product: Product) -> None:
    run = product.start(
        product.plan(
            make_wave(product, "db", approval={"required": True}),
            make_wave(product, "web"),
            make_wave(product, "other", dependsOn=[]),
        )
    )
    wait_until_asked_for(product, run, "APPROVAL")
    assert decide(product, run, "waves/db/reject", "not today").status == 200
    record = product.finish(run)
    assert wave_statuses(record) == {"db": "SKIPPED", "web": "SKIPPED", "other": "COMPLETED"}
    assert {server["status"] for server in record["sourceServers"] if server["wave"] != "other"} == {"SKIPPED"}


@pytest.mark.parametrize(("on_timeout", "ends_as"), [("approve", "COMPLETED"), ("reject", "SKIPPED")])
def test_an_approval_that_nobody_gives_counts_as_the_plan_says(product: Product, on_timeout: str, ends_as: str) -> None:
    approval = {"required": True, "timeoutMinutes": 2, "onTimeout": on_timeout}
    record = product.drill(product.plan(make_wave(product, approval=approval)))
    assert wave_statuses(record) == {"web": ends_as}
    (decision,) = record["decisions"]
    assert (decision["decision"], decision["by"]) == (on_timeout, "the plan")


@pytest.mark.speed(60)
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_refused_answer_does_not_begin_the_wait_for_an_approval_again(product: Product, decision: str) -> None:
    approval = {"required": True, "timeoutMinutes": 13 * 24 * 60, "onTimeout": "approve"}
    run = product.start(product.plan(make_wave(product, approval=approval)))
    wait_until_asked_for(product, run, "APPROVAL")

    def read_tokens() -> list[str]:
        return [row["token"] for row in product.items("Executions") if row["item"].startswith("TOKEN#APPROVAL#")]

    deadline = time.monotonic() + 30
    while not (waiting := read_tokens()):
        assert time.monotonic() < deadline
        time.sleep(SECONDS_BETWEEN_LOOKS)
    # The deadline has just passed, and the wait of the machine is about to end.
    (wave,) = [row for row in product.items("Executions") if row["item"] == "WAVE#web"]
    product.put("Executions", {**wave, "approvalUntil": 1})
    refused = decide(product, run, f"waves/web/{decision}")
    assert (refused.status, refused.body["code"]) == (409, "DecisionRefused")
    assert read_tokens() == waiting


@contextmanager
def transactions_that_take_long() -> Iterator[None]:
    """Let the first answer to each transaction be that it is at work, as after a call whose answer was lost.

    Then it is done, and a call with its token succeeds (DynamoDB's reference of TransactWriteItems).
    """
    done = set[str | None]()

    def late(call: Call) -> Call:
        def made(self: Any, operation: str, parameters: Any) -> Any:
            if operation != "TransactWriteItems":
                return call(self, operation, parameters)
            token = parameters.get("ClientRequestToken")
            if token in done - {None}:
                return {}
            call(self, operation, parameters)
            done.add(token)
            error = {"Code": "TransactionInProgressException", "Message": "in progress"}
            raise ClientError({"Error": error}, operation)

        return made

    with calls_through(late):
        yield


def test_a_decision_whose_writing_was_answered_late_is_no_second_decision(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run, "APPROVAL")
    with transactions_that_take_long():
        for decision in ("pause", "waves/web/approve", "resume"):
            assert decide(product, run, decision).status == 200, decision
    record = product.finish(run)
    assert record["status"] == "COMPLETED"
    assert [each["decision"] for each in record["decisions"]] == ["pause", "approve", "resume"]


def test_a_decision_sent_twice_late_or_for_the_wrong_wave_is_refused_and_changes_nothing(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", approval={"required": True}), make_wave(product, "web")))
    wait_until_asked_for(product, run, "APPROVAL")
    assert decide(product, run, "waves/web/approve").status == 409
    assert decide(product, run, "waves/db/retry").status == 409
    assert decide(product, run, "waves/nowhere/approve").status == 404
    assert decide(product, run, "waves/db/bless").status == 404
    assert decide(product, run, "resume").status == 409
    assert decide(product, "drill-nobody", "pause").status == 404
    assert decide(product, run, "waves/db/approve").status == 200
    second = decide(product, run, "waves/db/reject")
    assert (second.status, second.body["code"]) == (409, "DecisionRefused")
    record = product.finish(run)
    assert record["status"] == "COMPLETED"
    assert [decision["decision"] for decision in record["decisions"]] == ["approve"]
    for late in ("pause", "resume", "cancel", "waves/db/approve"):
        assert decide(product, run, late).status == 409
    assert product.record(run) == record


def test_an_approval_whose_answer_to_the_machine_was_lost_is_given_by_saying_it_again(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, approval={"required": True})))
    wait_until_asked_for(product, run, "APPROVAL")
    # The decision is on record, and the function died before it answered the token.
    table = product._table("Executions")
    table.update_item(
        Key={"executionId": run, "item": "WAVE#web"},
        UpdateExpression="SET #s = :s, approved = :a",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": "WAITING", ":a": True},
    )
    product.put("RunRequests", {"executionId": run, "item": "RUN#web", "approved": True})
    assert decide(product, run, "waves/web/approve").status == 409
    assert product.finish(run)["status"] == "COMPLETED"


def test_a_plan_may_hold_a_run_before_a_wave_until_somebody_resumes_it(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db"), make_wave(product, "web", pauseBefore=True)))
    record = wait_until_asked_for(product, run, "RESUME")
    assert wave_statuses(record) == {"db": "COMPLETED", "web": "PAUSED"}
    assert record["status"] == "POLLING"
    assert decide(product, run, "resume").status == 200
    assert product.finish(run)["status"] == "COMPLETED"


def test_a_pause_holds_at_the_next_wave_and_jobs_are_followed_meanwhile(product: Product) -> None:
    with launching_run(product, product.plan(make_wave(product, "db"), make_wave(product, "web"))) as run:
        assert decide(product, run, "pause").body["status"] == "PAUSED"
        assert decide(product, run, "pause").status == 409
    record = wait_until(product, run, lambda record: wave_statuses(record) == {"db": "COMPLETED", "web": "PAUSED"})
    assert record["status"] == "PAUSED"
    assert len(product.jobs()) == 1
    assert decide(product, run, "resume").body["status"] == "POLLING"
    record = product.finish(run)
    assert record["status"] == "COMPLETED"
    assert [decision["decision"] for decision in record["decisions"]] == ["pause", "resume"]


def test_a_record_that_is_full_of_decisions_takes_a_cancel_and_says_so(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, "db", approval={"required": True, "timeoutMinutes": 10_000})))
    wait_until_asked_for(product, run, "APPROVAL")
    (meta,) = (row for row in product.items("Executions") if row["item"] == "META")
    said = {"decision": "pause", "by": "ana", "at": meta["requestedAt"], "comment": ""}
    product.put("Executions", {**meta, "decisions": [said] * MAX_DECISIONS})
    refused = decide(product, run, "pause")
    assert (refused.status, "room for a cancel only" in refused.body["detail"]) == (409, True), refused
    assert decide(product, run, "cancel").status == 200
    assert product.finish(run)["status"] == "CANCELLED"


def test_a_pause_holds_at_the_next_batch_of_a_wave_that_is_on() -> None:
    with Product(SERVERS_PER_JOB="2", CONCURRENT_JOBS="1") as product:
        with launching_run(product, product.plan(make_wave(product, count=4))) as run:
            decide(product, run, "pause")
        (child,) = product.engine.executions("recover-target")
        wait_until(product, run, lambda record: record["servers"]["launched"] == 2)
        wait_until(product, run, lambda _: "AwaitResume" in child.states_entered())
        time.sleep(1)
        assert len(product.jobs()) == 1
        decide(product, run, "resume")
        record = product.finish(run)
        assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 4)


# --- failures -----------------------------------------------------------------------------------------------------
def test_a_wave_that_stops_the_run_lets_no_further_wave_start(product: Product) -> None:
    first = make_failing_wave(product, "first", onFailure="stop", dependsOn=[])
    gate = make_wave(product, "gated", dependsOn=[], approval={"required": True})
    record = product.drill(
        product.plan(first, gate, make_wave(product, "last", dependsOn=["first"], runAfter="completion"))
    )
    assert wave_statuses(record) == {"first": "FAILED", "gated": "SKIPPED", "last": "SKIPPED"}
    assert "wave first failed" in record["waves"][1]["reason"]


def test_a_wave_that_runs_after_completion_starts_though_the_one_before_it_failed(product: Product) -> None:
    plan = product.plan(
        make_failing_wave(product, "first"),
        make_wave(product, "strict", dependsOn=["first"]),
        make_wave(product, "after", dependsOn=["first"], runAfter="completion"),
    )
    assert wave_statuses(product.drill(plan)) == {"first": "FAILED", "strict": "SKIPPED", "after": "COMPLETED"}


def test_a_failed_wave_that_asks_is_tried_again_until_it_is_mended(product: Product) -> None:
    product.fault("LAUNCH_FAILS", count=4)
    run = product.start(product.plan(make_wave(product, "web", count=2, onFailure="ask"), make_wave(product, "next")))
    record = wait_until_asked_for(product, run, "DECISION")
    assert wave_statuses(record) == {"web": "AWAITING_DECISION", "next": "WAITING"}
    assert decide(product, run, "waves/web/retry", "the subnet is mended").status == 200
    record = product.finish(run)
    assert wave_statuses(record) == {"web": "COMPLETED", "next": "COMPLETED"}, record
    assert record["waves"][0]["round"] == 1
    (batch,) = [batch for batch in record["batches"] if batch["wave"] == "web"]
    assert [job["attempt"] for job in batch["jobs"]] == [1, 2, 3]
    assert record["servers"] == {"total": 3, "launched": 3, "failed": 0, "excluded": 0, "launching": 0}


def test_a_failed_wave_that_asks_is_accepted_and_its_dependants_go_on(product: Product) -> None:
    run = product.start(product.plan(make_failing_wave(product, "web", onFailure="ask"), make_wave(product, "next")))
    wait_until_asked_for(product, run, "DECISION")
    assert decide(product, run, "waves/web/accept").status == 200
    record = product.finish(run)
    assert wave_statuses(record) == {"web": "PARTIAL", "next": "COMPLETED"}
    assert record["status"] == "PARTIAL"


def test_a_failed_wave_that_asks_is_aborted_and_stops_the_run(product: Product) -> None:
    run = product.start(
        product.plan(
            make_failing_wave(product, "web", onFailure="ask"),
            make_wave(product, "next", runAfter="completion"),
            make_wave(product, "held", dependsOn=[], pauseBefore=True),
        )
    )
    wait_until_asked_for(product, run, "DECISION")
    assert decide(product, run, "waves/web/abort").status == 200
    assert wave_statuses(product.finish(run)) == {"web": "FAILED", "next": "SKIPPED", "held": "SKIPPED"}


def test_two_retries_said_at_once_are_one_round(product: Product) -> None:
    run = product.start(product.plan(make_failing_wave(product, "web", onFailure="ask")))
    wait_until_asked_for(product, run, "DECISION")
    replies = [decide(product, run, "waves/web/retry").status for _ in range(2)]
    assert sorted(replies) == [200, 409]
    record = wait_until_asked_for(product, run, "DECISION")
    assert record["waves"][0]["round"] == 1
    decide(product, run, "waves/web/accept")
    product.finish(run)


def test_one_server_that_drs_refuses_does_not_fail_the_others_of_its_batch(product: Product) -> None:
    servers = product.seed(3)
    execution_id = product.start(product.plan({"name": "web", "groups": [product.group(servers)], "pauseBefore": True}))
    wait_until_asked_for(product, execution_id, "RESUME")
    drs = product.emulator.client(HUB, WEST)
    drs.disconnect_source_server(sourceServerID=servers[1])
    drs.delete_source_server(sourceServerID=servers[1])
    decide(product, execution_id, "resume")
    record = product.finish(execution_id)
    assert record["servers"] | {"total": 3} == {"total": 3, "launched": 2, "failed": 1, "excluded": 0, "launching": 0}
    bad = next(server for server in record["sourceServers"] if server["sourceServerId"] == servers[1])
    assert (bad["status"], bad["reason"]) == ("FAILED", "DRS no longer knows it")


# --- cancel -------------------------------------------------------------------------------------------------------
def test_a_cancelled_run_follows_its_jobs_and_starts_nothing_more(product: Product) -> None:
    held = make_wave(product, "held", dependsOn=[], pauseBefore=True)
    with launching_run(product, product.plan(make_wave(product, "db"), make_wave(product, "web"), held)) as run:
        assert decide(product, run, "cancel", "a false alarm").status == 200
        assert decide(product, run, "cancel").status == 409
    record = product.finish(run)
    assert record["status"] == "CANCELLED"
    assert "user/ana" in record["reason"]
    assert wave_statuses(record) == {"db": "COMPLETED", "web": "SKIPPED", "held": "SKIPPED"}
    assert len(product.jobs()) == 1
    assert not any(row.get("leases") for row in product.items("Limits"))
    assert [server["status"] for server in record["sourceServers"] if server["wave"] == "db"] == ["LAUNCHED"]
    assert product.machine(run).status == "SUCCEEDED"
    assert product.request("GET", f"/recovery-plans/{record['planId']}").body["activeExecutionId"] is None


def test_a_wave_that_is_cancelled_between_its_batches_leaves_the_rest_alone() -> None:
    with Product(SERVERS_PER_JOB="2", CONCURRENT_JOBS="1") as product:
        with launching_run(product, product.plan(make_wave(product, count=4))) as run:
            decide(product, run, "cancel")
        record = product.finish(run)
        assert record["status"] == "CANCELLED"
        assert wave_statuses(record) == {"web": "FAILED"}
        assert sorted(server["status"] for server in record["sourceServers"]) == ["LAUNCHED"] * 2 + ["SKIPPED"] * 2
        assert len(product.jobs()) == 1


@pytest.mark.parametrize("state", ["APPROVAL", "RESUME", "DECISION"])
def test_a_run_that_waits_for_people_can_be_cancelled(product: Product, state: str) -> None:
    wave = {
        "APPROVAL": lambda: make_wave(product, approval={"required": True}),
        "RESUME": lambda: make_wave(product, pauseBefore=True),
        "DECISION": lambda: make_failing_wave(product, "web", onFailure="ask"),
    }[state]()
    run = product.start(product.plan(wave))
    wait_until_asked_for(product, run, state)
    assert decide(product, run, "cancel").status == 200
    assert product.finish(run)["status"] == "CANCELLED"


def test_a_cancel_at_the_moment_of_the_finish_ends_in_one_of_the_two(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cancel comes after FinishExecution has judged the run and before it writes."""
    run = product.start(product.plan(make_wave(product)))
    call, said = BaseClient._make_api_call, list[Reply]()  # type: ignore[attr-defined]

    def late(self: Any, operation: str, parameters: Any) -> Any:
        is_finish = os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "FinishExecution" and operation == "UpdateItem"
        if is_finish and not said:
            said.append(Reply(0, None, {}))
            said[0] = decide(product, run, "cancel")
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", late)
    record = product.finish(run)
    assert said[0].status == 200
    assert record["status"] == "CANCELLED"
    assert wave_statuses(record) == {"web": "COMPLETED"}


# --- runs that die ------------------------------------------------------------------------------------------------
def closed(product: Product, run: str, status: str = "ABORTED") -> bool:
    """Send CloseExecution the event of the machine's end, as EventBridge does."""
    event = {"source": "aws.states", "detail": {"name": run, "status": status, "executionArn": "arn:…"}}
    answer = product.engine.client("lambda").invoke(FunctionName="CloseExecution", Payload=json.dumps(event))
    return bool(json.loads(answer["Payload"].read())["closed"])


def test_the_message_about_an_aborted_run_names_the_jobs_that_run_on_and_what_to_do() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        with launching_run(product, product.plan(make_wave(product, "db", count=2))) as run:
            product.engine.client("stepfunctions").stop_execution(executionArn=product.machine(run).arn)
            assert closed(product, run)
            job = product.record(run)["batches"][0]["jobId"]
        record = product.record(run)
        (text,) = inbox.of_kind("RUN_FINISHED")
    left = f"{job} with 2 servers in {HUB}/{WEST}"
    assert "stopped from outside" in record["reason"]
    assert f"run on and are not followed: {left}" in record["reason"]
    lines = text.splitlines()
    assert f"Jobs that run on: {left}" in lines
    assert "cost money" in text
    assert any(line.startswith(f"Recover the rest: drs-waves continue {run}") for line in lines)
    assert any(line.startswith(f"Terminate its instances: drs-waves cleanup {run}") for line in lines)
    assert 'Runbook: docs/runbook.md, "A run has failed"' in lines


def test_a_run_that_was_aborted_in_the_console_is_closed_with_what_its_jobs_came_to(product: Product) -> None:
    plan = product.plan(make_wave(product, "db"), make_wave(product, "web"))
    with launching_run(product, plan) as run:
        product.engine.client("stepfunctions").stop_execution(executionArn=product.machine(run).arn)
        assert closed(product, run)

    record = product.record(run)
    assert record["status"] == "FAILED"
    assert "ABORTED" in record["reason"]
    assert wave_statuses(record) == {"db": "FAILED", "web": "SKIPPED"}
    assert "no longer followed" in record["batches"][0]["reason"]
    assert not any(row.get("leases") for row in product.items("Limits"))
    assert product.request("GET", f"/recovery-plans/{plan}").body["activeExecutionId"] is None
    assert not closed(product, run)
    assert not closed(product, "drill-of-somebody-else")


def test_a_run_that_ended_by_itself_is_not_closed_again(product: Product) -> None:
    run = product.drill(product.plan(make_wave(product)))
    assert not closed(product, run["executionId"], "FAILED")
    assert product.record(run["executionId"]) == run


# --- continue -----------------------------------------------------------------------------------------------------
def test_a_run_that_goes_on_after_a_stop_recovers_only_the_rest(product: Product) -> None:
    plan = product.plan(make_wave(product, "db", count=2), make_wave(product, "web", count=2))
    with launching_run(product, plan) as first:
        decide(product, first, "cancel")
    product.finish(first)

    reply = product.request("POST", f"/executions/{first}/continue")

    assert reply.status == 202, reply
    record = product.finish(reply.body["executionId"])
    assert (record["status"], record["continues"]) == ("COMPLETED", first)
    assert product.record(first)["continuedBy"] == record["executionId"]
    assert [server["wave"] for server in record["sourceServers"]] == ["web", "web"]
    launched = [each["sourceServerID"] for job in product.jobs() for each in job["participatingServers"]]
    assert len(launched) == len(set(launched)) == 4
    assert product.request("POST", f"/executions/{record['executionId']}/continue").status == 409


def test_a_run_that_died_with_its_region_says_that_drs_could_not_be_asked(product: Product) -> None:
    with launching_run(product, product.plan(make_wave(product, count=2))) as run:
        product.fault("REGION_DOWN", region=WEST)
        product.engine.client("stepfunctions").stop_execution(executionArn=product.machine(run).arn)
        assert closed(product, run)
    record = product.record(run)
    assert (record["status"], record["servers"]["launching"]) == ("FAILED", 0)
    assert {server["status"] for server in record["sourceServers"]} == {"SKIPPED"}
    reasons = {server["reason"] for server in record["sourceServers"]}
    assert all("could not be asked" in reason for reason in reasons), reasons


def test_a_run_that_died_with_a_job_on_is_continued_once_that_job_is_over(product: Product) -> None:
    plan = product.plan(make_wave(product, "db", count=2), make_wave(product, "web"))
    with launching_run(product, plan) as first:
        product.engine.client("stepfunctions").stop_execution(executionArn=product.machine(first).arn)
        closed(product, first)
        reply = product.request("POST", f"/executions/{first}/continue")
    record = product.finish(reply.body["executionId"])
    assert record["status"] == "COMPLETED", record
    launched = [each["sourceServerID"] for job in product.jobs() for each in job["participatingServers"]]
    assert len(launched) == len(set(launched)) == 3


def test_only_what_has_a_rest_can_be_continued(product: Product) -> None:
    plan = product.plan(make_wave(product, pauseBefore=True))
    run = product.start(plan)
    assert product.request("POST", f"/executions/{run}/continue").status == 409
    decide(product, run, "cancel")
    product.finish(run)
    looked = product.finish(product.start(plan, "readiness"))["executionId"]
    refused = product.request("POST", f"/executions/{looked}/continue")
    assert (refused.status, refused.body["code"]) == (409, "NothingToContinue")
    assert product.request("POST", "/executions/drill-nobody/continue").status == 404


# --- reading ------------------------------------------------------------------------------------------------------
def test_reading_a_run_asks_drs_nothing_but_for_the_log_of_a_job(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product, "db", count=3), make_wave(product, "web")))
    run, before = record["executionId"], product.calls()
    assert record["progress"] == {"waves": 2, "wavesEnded": 2}
    assert record["durationSeconds"] > 0
    assert record["executionArn"].endswith(f"recover-plan:{run}")

    pages, token = [], {}
    while True:
        reply = product.request("GET", f"/executions/{run}/servers", limit="3", **token)
        pages.append(len(reply.body["servers"]))
        if not reply.body["nextToken"]:
            break
        token = {"nextToken": reply.body["nextToken"]}
    assert sum(pages) == 4
    assert len(product.request("GET", f"/executions/{run}/servers", wave="db").body["servers"]) == 3

    events = product.request("GET", f"/executions/{run}/events").body["events"]
    assert [event["event"] for event in events][:1] == ["REQUESTED"]
    assert events[-1]["event"] == "COMPLETED"
    assert sum(event["event"] == "JOB_ENDED" for event in events) == 2
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    first = product.request("GET", f"/executions/{run}/events", limit="3").body
    rest = product.request("GET", f"/executions/{run}/events", nextToken=first["nextToken"]).body
    assert first["events"] + rest["events"] == events
    assert product.calls() == before

    job_id = record["batches"][0]["jobId"]
    log = product.request("GET", f"/executions/{run}/job-log", jobId=job_id).body["jobLog"]
    assert {"JOB_START", "JOB_END"} <= {entry["event"] for entry in log}
    assert product.request("GET", f"/executions/{run}/job-log", jobId="drsjob-" + "0" * 17).status == 404
    assert product.request("GET", f"/executions/{run}/job-log").status == 400


def test_independent_waves_of_a_diamond_overlap(product: Product) -> None:
    record = product.drill(
        product.plan(
            make_wave(product, "top"),
            make_wave(product, "left", dependsOn=["top"]),
            make_wave(product, "right", dependsOn=["top"]),
            make_wave(product, "bottom", dependsOn=["left", "right"]),
        )
    )
    by_name = {wave["name"]: wave for wave in record["waves"]}
    assert by_name["left"]["startedAt"] < by_name["right"]["endedAt"]
    assert by_name["right"]["startedAt"] < by_name["left"]["endedAt"]
    assert by_name["bottom"]["startedAt"] >= max(by_name[name]["endedAt"] for name in ("left", "right"))


def test_a_snapshot_that_expired_before_its_wave_began_is_replaced_by_an_older_one(product: Product) -> None:
    servers = product.seed(2)
    plan = product.plan({"name": "web", "groups": [product.group(servers)], "pauseBefore": True})
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(product.emulator.world.clock.now() - 60))
    run = product.request("POST", f"/recovery-plans/{plan}/drills", {"pointInTime": moment}).body["executionId"]
    wait_until_asked_for(product, run, "RESUME")
    table = product._table("Executions")
    row = next(row for row in product.items("Executions") if row["item"].startswith("BATCH#"))
    gone = dict.fromkeys(row["serverIds"], "pit-" + "0" * 17)  # ids that DRS no longer knows
    table.put_item(Item={**row, "snapshots": gone})
    decide(product, run, "resume")
    record = product.finish(run)
    assert (record["status"], record["servers"]["launched"]) == ("COMPLETED", 2), record
    row = next(row for row in product.items("Executions") if row["item"].startswith("BATCH#"))
    assert not set(row["snapshots"].values()) & set(gone.values())


# --- what must not slip through -----------------------------------------------------------------------------------
def throttled_start(product: Product) -> str:
    """A run whose batch has its intent on record, and no job."""
    product.fault("THROTTLING", operation="StartRecovery", count=12)
    run = product.start(product.plan(make_wave(product)))
    wait_until(product, run, lambda record: record["batches"] and record["batches"][0]["status"] == "STARTING")
    return run


def test_a_batch_that_was_throttled_launches_nothing_after_a_cancel(product: Product) -> None:
    run = throttled_start(product)
    assert decide(product, run, "cancel").status == 200
    assert product.finish(run)["status"] == "CANCELLED"
    assert product.jobs() == []
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_a_batch_that_was_throttled_launches_nothing_in_a_pause(product: Product) -> None:
    run = throttled_start(product)
    assert decide(product, run, "pause").status == 200
    (child,) = product.engine.executions("recover-target")
    wait_until(product, run, lambda _: "AwaitResume" in child.states_entered())
    assert product.jobs() == []
    decide(product, run, "resume")
    assert product.finish(run)["status"] == "COMPLETED"
    assert len(product.jobs()) == 1


def test_a_target_that_broke_leaves_no_batch_open_and_no_lease(product: Product) -> None:
    plan = product.plan(make_wave(product, "db"), make_wave(product, "web", dependsOn=[]))
    product.engine.runtime.fail("PollJob", "TargetAccessDenied", times=1)
    product.engine.runtime.fail("SettleBatch", "TargetAccessDenied", times=1)
    record = product.finish(product.start(plan))
    assert {batch["status"] for batch in record["batches"]} == {"SETTLED"}
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_a_wave_of_optional_servers_that_selects_nothing_refuses_no_run(product: Product) -> None:
    nobody = {"groupId": product.group(tags={"tier": "nowhere"}), "optional": True}
    record = product.drill(product.plan(make_wave(product, "db"), {"name": "extras", "groups": [nobody]}))
    assert wave_statuses(record) == {"db": "COMPLETED", "extras": "COMPLETED"}


def test_a_look_that_is_cancelled_as_it_ends_is_closed(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, call, said = product.plan(make_wave(product)), BaseClient._make_api_call, list[Reply]()  # type: ignore[attr-defined]
    run = product.start(plan, "readiness")

    def late(self: Any, operation: str, parameters: Any) -> Any:
        at_the_end = os.environ.get("AWS_LAMBDA_FUNCTION_NAME") == "JudgeReadiness" and operation == "UpdateItem"
        if at_the_end and not said:
            said.append(Reply(0, None, {}))
            said[0] = decide(product, run, "cancel")
        return call(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", late)
    assert product.finish(run)["status"] == "CANCELLED"


def test_an_approval_after_its_time_is_refused_even_in_a_pause(product: Product) -> None:
    approval = {"required": True, "timeoutMinutes": 30}
    run = product.start(product.plan(make_wave(product, approval=approval)))
    wait_until_asked_for(product, run, "APPROVAL")
    assert decide(product, run, "pause").status == 200
    time.sleep(3.5)  # 35 minutes here
    assert decide(product, run, "waves/web/approve").status == 409
    decide(product, run, "resume")
    assert wave_statuses(product.finish(run)) == {"web": "SKIPPED"}


def test_a_cancelled_run_is_not_resumed(product: Product) -> None:
    run = product.start(product.plan(make_wave(product, pauseBefore=True), make_wave(product, "next")))
    wait_until_asked_for(product, run, "RESUME")
    decide(product, run, "pause")
    decide(product, run, "cancel")
    assert decide(product, run, "resume").status == 409
    assert product.finish(run)["status"] == "CANCELLED"
