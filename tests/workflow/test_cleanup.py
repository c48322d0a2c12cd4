"""Cleaning up after drills, on the real machine with the real handlers."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from drs_emulator.target_key import TargetKey
from recovery import clock
from recovery.packing import pack, unpack
from tests.support.cleanups import begin, clean_up, instances_left, read, terminations, wait_for
from tests.support.fault_injection import Call, calls_through, killed_after_change
from tests.support.instance_cache import cached, sync
from tests.support.plans import make_plan
from tests.support.product import DRS_PROFILE, EUROPE, HUB, OTHER, SCHEDULES, WEST, Product
from tests.support.runs import pass_seconds


def drill(product: Product, count: int = 3) -> dict[str, Any]:
    """A drill that has ended, in the cache."""
    record = product.drill(make_plan(product, count))
    assert record["status"] == "COMPLETED", record
    sync(product)
    return record


def assert_all_gone_once(product: Product, shown: dict[str, Any], count: int) -> None:
    """Assert that one job terminated each instance, that the cache has none, and that no lease remains."""
    assert shown["status"] == "COMPLETED", shown
    assert shown["instances"] == {"total": count, "terminated": count, "failed": 0}
    servers = [server_id for job in terminations(product) for server_id in job.participants]
    assert len(set(servers)) == count
    # In the profile unkind, DRS hides a new job and accepts a second one meanwhile, which terminates nothing more.
    assert len(servers) == count or DRS_PROFILE == "unkind"
    assert cached(product) == {}
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_the_instances_of_a_drill_are_terminated_in_every_target_and_leave_the_cache(product: Product) -> None:
    here = product.group(product.seed(3))
    there = product.group(product.seed(2, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    record = product.drill(product.plan({"name": "web", "groups": [here, there]}))
    sync(product)
    shown = clean_up(product, record)
    assert shown["status"] == "COMPLETED", shown
    assert shown["instances"] == {"total": 5, "terminated": 5, "failed": 0}
    assert sorted((job["region"], job["instances"]) for job in shown["jobs"]) == [(EUROPE, 2), (WEST, 3)]
    assert (len(terminations(product)), len(terminations(product, OTHER, EUROPE))) == (1, 1)
    assert cached(product) == {}
    plan = product.request("GET", f"/recovery-plans/{record['planId']}").body
    assert plan["drillInstances"] == {"count": 0, "since": None, "executions": []}
    sync(product)
    assert cached(product) == {}


def test_a_terminating_job_carries_tags_and_its_lease_is_counted_once(product: Product) -> None:
    record = drill(product)
    shown = clean_up(product, record)
    (job,) = terminations(product)
    assert job.tags == {
        "ManagedBy": "drs-waves",
        "drs-waves:execution": record["executionId"],
        "drs-waves:cleanup": "1",
        "drs-waves:batch": f"{record['executionId']}/cleanup-1/{HUB}/{WEST}/0001",
        "drs-waves:attempt": "1",
    }
    assert_all_gone_once(product, shown, 3)


def test_a_recovery_is_refused_by_the_api_and_by_the_task(product: Product) -> None:
    execution_id = product.start(make_plan(product), "recoveries")
    product.finish(execution_id)
    sync(product)
    reply = product.request("POST", f"/executions/{execution_id}/cleanup")
    assert (reply.status, reply.body["code"]) == (409, "NotADrill")
    machine = product.engine.run(product.engine.machine_arn("clean-up-drill"), {"executionId": execution_id})
    assert (machine.status, machine.error) == ("FAILED", "NotADrill")
    assert terminations(product) == []
    assert len(cached(product)) == 3
    assert product.request("GET", f"/executions/{execution_id}/cleanup").body["status"] == "NONE"


def test_a_drill_that_still_runs_is_refused(product: Product) -> None:
    execution_id = product.start(make_plan(product))
    reply = product.request("POST", f"/executions/{execution_id}/cleanup")
    assert (reply.status, reply.body["code"]) == (409, "ExecutionStillRunning")
    product.finish(execution_id)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_clean_up_of_nothing_is_404(product: Product, method: str) -> None:
    reply = product.request(method, "/executions/drill-none/cleanup")
    assert (reply.status, reply.body["code"]) == (404, "ExecutionNotFound")


def test_asked_for_twice_a_clean_up_is_the_same_one(product: Product) -> None:
    record = drill(product)
    names = {begin(product, record) for _ in range(3)}
    assert len(names) == 1
    (machine,) = product.engine.executions("clean-up-drill")
    machine.wait(60)
    assert_all_gone_once(product, read(product, record), 3)


def test_another_execution_of_the_machine_leaves_a_running_clean_up_alone(product: Product) -> None:
    record = drill(product)
    begin(product, record)
    other = product.engine.run(
        product.engine.machine_arn("clean-up-drill"), {"executionId": record["executionId"]}, timeout=60
    )
    assert other.status == "SUCCEEDED"
    for machine in product.engine.executions("clean-up-drill"):
        machine.wait(60)
    assert_all_gone_once(product, read(product, record), 3)


def test_instances_that_are_not_terminated_are_told_and_taken_up_by_the_next_clean_up(product: Product) -> None:
    record = drill(product)
    stays = record["sourceServers"][1]
    product.fault("TERMINATION_FAILS", sourceServerId=stays["sourceServerId"], count=1)
    shown = clean_up(product, record)
    assert shown["status"] == "PARTIAL"
    assert shown["instances"] == {"total": 3, "terminated": 2, "failed": 1}
    (failure,) = shown["failures"]
    assert failure["recoveryInstanceId"] == stays["recoveryInstanceId"]
    assert failure["sourceServerId"] == stays["sourceServerId"]
    assert "DRS still lists it as RUNNING" in failure["reason"]
    assert list(cached(product)) == [stays["sourceServerId"]]
    (machine,) = product.engine.executions("clean-up-drill")
    assert (machine.status, machine.error) == ("FAILED", "InstancesLeft")

    shown = clean_up(product, record)
    assert (shown["status"], shown["run"]) == ("COMPLETED", 2)
    assert shown["instances"] == {"total": 1, "terminated": 1, "failed": 0}
    assert cached(product) == {}


def test_a_clean_up_before_the_first_sync_takes_the_instances_from_the_record(product: Product) -> None:
    record = product.drill(make_plan(product))
    assert cached(product) == {}
    assert_all_gone_once(product, clean_up(product, record), 3)


def test_a_second_clean_up_finds_nothing_and_starts_no_job(product: Product) -> None:
    record = drill(product)
    clean_up(product, record)
    asked = product.calls()["DescribeRecoveryInstances"]
    shown = clean_up(product, record)
    assert (shown["status"], shown["run"], shown["instances"]["total"]) == ("COMPLETED", 2, 0)
    assert shown["reason"] == "nothing to clean up: DRS has none of its instances"
    assert product.calls()["DescribeRecoveryInstances"] > asked
    assert len(terminations(product)) == 1


def test_an_instance_that_somebody_else_has_terminated_does_not_keep_the_others(product: Product) -> None:
    record = drill(product)
    gone = record["sourceServers"][0]
    drs = product.emulator.client(HUB, WEST)
    drs.terminate_recovery_instances(recoveryInstanceIDs=[gone["recoveryInstanceId"]])
    while drs.describe_recovery_instances(filters={"recoveryInstanceIDs": [gone["recoveryInstanceId"]]})["items"]:
        time.sleep(0.05)
    assert_all_gone_once(product, clean_up(product, record), 3)


def test_an_instance_of_which_neither_drs_nor_the_record_says_whose_it_is_is_named_and_left(product: Product) -> None:
    """DRS may leave out the job of an instance, and the record lacks its id if DRS showed it late."""
    record = product.drill(make_plan(product))
    unproven = record["sourceServers"][1]
    (row,) = [each for each in product.items("Executions") if each["item"].startswith("BATCH#")]
    results = unpack(row["results"].value)
    del results[unproven["sourceServerId"]]["recoveryInstanceId"]
    product.put("Executions", {**row, "results": pack(results)})
    with without_job(instance_of(unproven)):
        shown = clean_up(product, record)
    assert (shown["status"], shown["instances"]["terminated"]) == ("COMPLETED", 2), shown
    command = f"terminate-recovery-instances --region {WEST} --recovery-instance-ids {instance_of(unproven)}"
    assert command in shown["reason"]
    assert set(instances_left(product)) == {unproven["sourceServerId"]}


def instance_of(server: dict[str, Any]) -> str:
    return str(server["recoveryInstanceId"])


@contextmanager
def without_job(instance_id: str) -> Iterator[None]:
    """DRS does not say meanwhile which job launched the instance."""

    def hiding(call: Call) -> Call:
        def hidden(self: Any, operation: str, parameters: Any) -> Any:
            answer = call(self, operation, parameters)
            if operation == "DescribeRecoveryInstances":
                for item in answer["items"]:
                    if item["recoveryInstanceID"] == instance_id:
                        item.pop("jobID", None)
            return answer

        return hidden

    with calls_through(hiding):
        yield


# --- a server in a conflict -----------------------------------------------------------------------------------------
def in_conflict(product: Product, server_id: str, value: bool) -> None:
    server = {"accountId": HUB, "region": WEST, "server": {"inConflict": value}}
    product.emulator.control.change_server(server_id, server)


def wait_for_others(product: Product, busy: str) -> None:
    """Wait until only the instance of this server is left."""
    until = time.monotonic() + 60
    while set(instances_left(product)) != {busy}:
        assert time.monotonic() < until, instances_left(product)
        time.sleep(0.02)


@contextmanager
def last_calls_before_terminations() -> Iterator[list[str]]:
    """Yields the call of DRS that came right before each TerminateRecoveryInstances of the clean-up."""
    before, last = list[str](), list[str]()

    def watching(call: Call) -> Call:
        def watched(self: Any, operation: str, parameters: Any) -> Any:
            if self.meta.service_model.service_name == "drs":
                if operation == "TerminateRecoveryInstances":
                    before.extend(last[-1:])
                last.append(operation)
            return call(self, operation, parameters)

        return watched

    with calls_through(watching):
        yield before


@pytest.mark.parametrize(("conflicts", "count"), [("named", 4), ("unnamed", 4), ("unnamed", 23)])
def test_the_others_of_a_chunk_do_not_wait_for_a_server_in_a_conflict(
    product: Product, conflicts: str, count: int
) -> None:
    product.emulator.control.change_settings({"behaviour": {"conflicts": conflicts}})
    record = drill(product, count)
    busy = sorted(each["sourceServerId"] for each in record["sourceServers"])[1]
    in_conflict(product, busy, True)
    with last_calls_before_terminations() as before:
        name = begin(product, record)
        wait_for_others(product, busy)
        assert read(product, record)["status"] == "RUNNING"
        in_conflict(product, busy, False)
        wait_for(product, name)
    shown = read(product, record)
    assert_all_gone_once(product, shown, count)
    assert [job["instances"] for job in shown["jobs"]][-1] == 1
    assert sum(job["instances"] for job in shown["jobs"]) == count
    assert {job["jobId"] for job in shown["jobs"]} == {job.id for job in terminations(product)}
    assert before
    assert set(before) == {"DescribeRecoveryInstances"}


def test_a_conflict_that_does_not_end_fails_its_server_alone(product: Product) -> None:
    record = drill(product)
    busy = record["sourceServers"][1]
    in_conflict(product, busy["sourceServerId"], True)
    shown = clean_up(product, record)
    assert shown["status"] == "PARTIAL", shown
    assert shown["instances"] == {"total": 3, "terminated": 2, "failed": 1}
    (failure,) = shown["failures"]
    assert failure["recoveryInstanceId"] == busy["recoveryInstanceId"]
    assert "is in a conflict" in failure["reason"]
    assert set(instances_left(product)) == {busy["sourceServerId"]}
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_an_instance_that_failed_beside_one_in_a_conflict_stays_failed(product: Product) -> None:
    record = drill(product, 4)
    busy, stays = (each["sourceServerId"] for each in record["sourceServers"][:2])
    in_conflict(product, busy, True)
    product.fault("TERMINATION_FAILS", sourceServerId=stays)
    name = begin(product, record)
    (machine,) = [one for one in product.engine.executions("clean-up-drill") if one.name == name]
    until = time.monotonic() + 60
    while len(instances_left(product)) > 2 or not read(product, record)["failures"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    in_conflict(product, busy, False)
    machine.wait(60)
    shown = read(product, record)
    assert shown["instances"] == {"total": 4, "terminated": 3, "failed": 1}
    assert [failure["sourceServerId"] for failure in shown["failures"]] == [stays]
    assert [sorted(job.participants) for job in terminations(product)][-1] == [busy]


@pytest.mark.parametrize("number", [4, 5])
def test_a_function_killed_between_two_parts_of_a_chunk_terminates_everything_once(
    product: Product, number: int
) -> None:
    record = drill(product)
    busy = record["sourceServers"][1]["sourceServerId"]
    in_conflict(product, busy, True)
    with killed_after_change("ForgetInstances", number) as made:
        name = begin(product, record)
        wait_for_others(product, busy)
        while len(made) < number:
            time.sleep(0.02)
        in_conflict(product, busy, False)
        wait_for(product, name)
    assert_all_gone_once(product, read(product, record), 3)


@pytest.mark.parametrize("conflicts", ["named", "unnamed"])
@pytest.mark.real_durations
def test_a_server_that_is_in_another_job_is_waited_for_alone(product: Product, conflicts: str) -> None:
    product.emulator.control.change_settings({"behaviour": {"conflicts": conflicts}})
    record = drill(product)
    server, other = record["sourceServers"][:2]
    drs = product.emulator.client(HUB, WEST)
    product.fault("JOB_STAYS_PENDING", operation="StartRecovery", holdSeconds=900)
    job = drs.start_recovery(sourceServers=[{"sourceServerID": server["sourceServerId"]}], isDrill=True)["job"]["jobID"]
    shown = clean_up(product, record)
    (machine,) = product.engine.executions("clean-up-drill")
    assert "WaitForDrs" in machine.states_entered()
    held = product.emulator.world.target(TargetKey(HUB, WEST)).jobs[job]
    assert terminations(product)[0].created_at < held.begins_at
    while drs.describe_jobs(filters={"jobIDs": [job]})["items"][0]["status"] != "COMPLETED":
        time.sleep(0.05)
    # Its own instance was replaced by the other job's, which is none of ours.
    assert shown["status"] == "COMPLETED", shown
    left = drs.describe_recovery_instances(filters={})["items"]
    assert [each["sourceServerID"] for each in left] == [server["sourceServerId"]]
    assert other["sourceServerId"] not in cached(product)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("function", "number", "operation"),
    [
        ("FindInstances", 1, "UpdateItem"),
        ("TerminateInstances", 1, "UpdateItem"),
        ("TerminateInstances", 2, "UpdateItem"),
        ("TerminateInstances", 4, "TerminateRecoveryInstances"),
        ("TerminateInstances", 6, "UpdateItem"),
        ("ForgetInstances", 3, "PutItem"),
        ("ForgetInstances", 6, "UpdateItem"),
        ("FinishCleanup", 1, "UpdateItem"),
    ],
)
def test_a_function_killed_after_a_change_terminates_everything_once(
    product: Product, function: str, number: int, operation: str
) -> None:
    record = drill(product)
    with killed_after_change(function, number) as made:
        shown = clean_up(product, record)
    assert (made[-1], len(made)) == (operation, number), made
    assert_all_gone_once(product, shown, 3)


def test_an_answer_that_is_lost_after_the_job_started_starts_no_second_one(product: Product) -> None:
    record = drill(product)
    product.fault("CUT_AFTER", operation="TerminateRecoveryInstances", count=1)
    assert_all_gone_once(product, clean_up(product, record), 3)


@pytest.mark.parametrize("kind", ["THROTTLING", "SERVER_ERROR"])
@pytest.mark.parametrize("operation", ["TerminateRecoveryInstances", "DescribeJobs", "TagResource"])
def test_throttling_and_errors_of_drs_are_waited_out(product: Product, operation: str, kind: str) -> None:
    record = drill(product)
    product.fault(kind, operation=operation, count=6)
    assert_all_gone_once(product, clean_up(product, record), 3)


def test_a_clean_up_that_was_never_started_does_not_keep_the_scheduled_one_from_its_work(product: Product) -> None:
    record = drill(product)
    asked = {"status": "RUNNING", "run": 1, "askedAt": record["endedAt"], "askedBy": "ana"}
    name = f"{record['executionId']}_cleanup-1"
    product.put("Executions", {"executionId": record["executionId"], "item": "CLEANUP", "machine": name, **asked})
    scheduled = product.engine.run(
        product.engine.machine_arn("clean-up-drill"), {"executionId": record["executionId"]}, timeout=60
    )
    assert scheduled.status == "SUCCEEDED"
    assert_all_gone_once(product, read(product, record), 3)


def test_a_clean_up_whose_machine_died_is_taken_up_by_the_next(product: Product) -> None:
    record = drill(product)
    begin(product, record)
    (machine,) = product.engine.executions("clean-up-drill")
    machine.wait_for_state("WaitForTermination").stop()
    assert read(product, record)["status"] == "RUNNING"
    shown = clean_up(product, record)
    assert shown["run"] == 2
    assert shown["status"] == "COMPLETED", shown
    assert cached(product) == {}
    pass_seconds(product, 600)  # DRS may list an instance that shuts down for some minutes
    assert product.emulator.client(HUB, WEST).describe_recovery_instances(filters={})["items"] == []


@pytest.mark.proof
@pytest.mark.speed(300)
def test_many_instances_keep_to_the_quotas() -> None:
    with Product(speed=300, SERVERS_PER_JOB="10", CONCURRENT_JOBS="2", QUOTA_HELD_AFTER_SECONDS="86400") as product:
        record = drill(product, 45)
        shown = clean_up(product, record)
        assert shown["instances"] == {"total": 45, "terminated": 45, "failed": 0}
        sizes = sorted(len(job.participants) for job in terminations(product))
        assert sizes == [9] * 5
        assert product.emulator.control.calls(detail=False)["peak"]["overall"]["jobs"] <= 2


# --- by itself ------------------------------------------------------------------------------------------------------
def planned(product: Product, hours: int | None) -> str:
    """A plan of one wave."""
    wave = {"name": "web", "groups": [product.group(product.seed(3))]}
    return product.plan(wave, **({} if hours is None else {"cleanUpAfterHours": hours}))


def schedules(product: Product) -> list[Any]:
    client = product.engine.client("scheduler")
    return [
        client.get_schedule(GroupName=SCHEDULES, Name=each["Name"])
        for each in client.list_schedules(GroupName=SCHEDULES)["Schedules"]
    ]


def test_a_drill_is_cleaned_up_by_itself_after_the_hours_of_its_plan(product: Product) -> None:
    record = product.drill(planned(product, 4))
    sync(product)
    (schedule,) = schedules(product)
    assert (schedule["Name"], schedule["ActionAfterCompletion"]) == (record["executionId"], "DELETE")
    due = clock.parse_iso(schedule["ScheduleExpression"].removeprefix("at(").removesuffix(")") + "Z")
    # Four hours are 24 s at this speed; the expression has whole seconds.
    assert 15 < due - time.time() <= 24
    product.engine.run(schedule["Target"]["Arn"], json.loads(schedule["Target"]["Input"]), timeout=60)
    assert_all_gone_once(product, read(product, record), 3)


def test_a_drill_that_ends_twice_is_scheduled_once(product: Product) -> None:
    product.engine.runtime.lose_answer("FinishExecution", times=2)
    record = product.drill(planned(product, 1))
    assert record["status"] == "COMPLETED"
    assert [schedule["Name"] for schedule in schedules(product)] == [record["executionId"]]


def test_nothing_is_scheduled_for_a_recovery_or_without_hours(product: Product) -> None:
    product.finish(product.start(planned(product, 2), "recoveries"))
    product.drill(make_plan(product, prefix="more"))
    assert schedules(product) == []


def test_a_schedule_that_cannot_be_made_fails_no_drill(product: Product) -> None:
    product.engine.client("scheduler").delete_schedule_group(Name=SCHEDULES)
    assert product.drill(planned(product, 4))["status"] == "COMPLETED"


def test_a_second_drill_is_cleaned_up_though_the_cache_only_knows_of_the_first(product: Product) -> None:
    plan = make_plan(product)
    first = product.drill(plan)
    sync(product)
    assert clean_up(product, first)["status"] == "COMPLETED"
    product.engine.runtime.fail("SyncCache", "TargetAccessDenied", times=1_000)
    second = product.drill(plan)
    shown = clean_up(product, second)
    assert (shown["status"], shown["instances"]["terminated"]) == ("COMPLETED", 3), shown


def test_a_clean_up_whose_machine_was_stopped_does_not_keep_the_scheduled_one_from_its_work(product: Product) -> None:
    record = drill(product)
    product.fault("THROTTLING", operation="TerminateRecoveryInstances")
    name = begin(product, record)
    (machine,) = [one for one in product.engine.executions("clean-up-drill") if one.name == name]
    machine.wait_for_state("WaitForDrs").stop()
    product.emulator.world.faults.remove(None)
    product.engine.run(product.engine.machine_arn("clean-up-drill"), {"executionId": record["executionId"]}, timeout=60)
    assert read(product, record)["status"] == "COMPLETED"
