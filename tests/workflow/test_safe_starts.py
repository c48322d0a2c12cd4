"""A start destroys nothing that is live, and is not repeated while the first one may be at work."""

import time
from typing import Any

import pytest
from botocore.config import Config

from recovery import clock
from recovery.runs.inspection.configurations import CONFIGURATION_SECONDS
from tests.support.cleanups import instances_left
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.native_plans import hold_by_plan_of_drs
from tests.support.plans import make_plan
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, pass_seconds, wait_for_calls, wait_until, wait_until_asked_for

UNANSWERED_SECONDS = 300
PLACE = {"accountId": HUB, "region": WEST}
BRIEF, LONG = {"pending": 10, "started": 10}, {"pending": 1, "started": 1_200}


def live_instances(product: Product) -> dict[str, tuple[str, bool]]:
    """The recovery instances that DRS has, by server, and whether each is a drill's."""
    found = product.emulator.client(HUB, WEST).describe_recovery_instances(filters={})["items"]
    return {item["sourceServerID"]: (item["recoveryInstanceID"], item["isDrill"]) for item in found}


def outcomes(record: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["hostname"]: (each["status"], each["reason"] or "") for each in record["sourceServers"]}


def calls_of(product: Product, operation: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = product.emulator.control.calls(detail=True)["calls"]
    return [call for call in calls if call["operation"] == operation]


def seconds(product: Product, operation: str) -> list[float]:
    """When DRS received each call of the operation, on the simulated clock."""
    return [clock.parse_iso(call["simulatedTime"]) for call in calls_of(product, operation)]


def two_plans(product: Product) -> tuple[list[str], str, str]:
    """Two servers, a plan over them, and another over them and a third server."""
    shared, other = product.seed(2, prefix="shared"), product.seed(1, prefix="other")
    first = product.plan({"name": "web", "groups": [product.group(shared)]})
    second = product.plan({"name": "all", "groups": [product.group([*shared, *other], name="all")]}, name="second")
    return shared, first, second


def held_start(product: Product, plan: str, mode: str) -> str:
    """A run that is past its inspection and waits for a resume."""
    run = product.start(plan, mode)
    wait_until_asked_for(product, run, "RESUME")
    return run


# --- what is live ----------------------------------------------------------------------------------------------
@pytest.mark.real_durations
@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_second_plan_that_waited_for_the_job_of_a_recovery_does_not_replace_what_it_launched(
    product: Product, mode: str
) -> None:
    shared, first, second = two_plans(product)
    recovery = product.start(first, "recoveries")
    wait_until(product, recovery, lambda record: record["servers"]["launching"])

    run = product.start(second, mode)
    assert product.finish(recovery)["status"] == "COMPLETED"
    before = live_instances(product)
    record = product.finish(run)

    assert {server: live_instances(product)[server] for server in shared} == before
    found = outcomes(record)
    assert found["other-001"][0] == "LAUNCHED"
    for host in ("shared-001", "shared-002"):
        assert found[host][0] == "FAILED"
        assert "is live" in found[host][1]
    assert (record["servers"]["launched"], record["servers"]["failed"]) == (1, 2)
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_a_batch_whose_servers_are_all_live_starts_no_job_and_ends(product: Product) -> None:
    server = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(server)], "pauseBefore": True})
    run = held_start(product, plan, "drills")
    product.emulator.client(HUB, WEST).start_recovery(sourceServers=[{"sourceServerID": server[0]}], isDrill=False)
    decide(product, run, "resume")
    record = product.finish(run)
    assert record["status"] == "FAILED"
    assert product.calls()["StartRecovery"] == 1
    ((status, reason),) = outcomes(record).values()
    assert status == "FAILED"
    assert "is live" in reason
    assert len(live_instances(product)) == 1
    assert [row["status"] for row in product.items("Executions") if row["item"].startswith("BATCH#")] == ["SETTLED"]


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_refusal_names_hosts_by_reason_and_no_drill_is_told_to_replace_a_recovery(
    product: Product, mode: str
) -> None:
    servers = product.seed(10)
    plan = product.plan({"name": "web", "groups": [product.group(servers)]})
    product.finish(product.start(plan, "recoveries"))
    record = product.finish(product.start(plan, mode))
    assert record["status"] == "NOT_READY"
    reason = record["reason"]
    assert "srv-001, srv-002, srv-003 and 7 more: its recovery instance ... (" in reason
    assert reason.count("is live") == 1
    assert not any(server in reason for server in servers)
    assert len(reason) < 400
    assert ("replaceExisting" in reason) is (mode == "recoveries")
    assert ("drill other servers, or wait until that recovery is retired" in reason) is (mode == "drills")


def test_a_drill_may_replace_the_instances_of_a_drill(product: Product) -> None:
    plan = make_plan(product)
    assert product.drill(plan)["status"] == "COMPLETED"
    before = live_instances(product)
    assert product.drill(plan)["status"] == "COMPLETED"
    after = live_instances(product)
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())


def test_another_attempt_of_a_recovery_keeps_the_instance_that_the_failed_one_left(product: Product) -> None:
    server = product.seed(1)[0]
    drs = product.emulator.client(HUB, WEST)
    drs.put_launch_action(
        resourceId=server,
        actionCode="AWS-RunShellScript",
        order=2,
        actionId="22222222-3333-4444-5555-666666666666",
        optional=False,
        active=True,
        name="smoke test",
        actionVersion="1",
        category="VALIDATION",
        description="d",
        parameters={},
    )
    drs.update_launch_configuration(sourceServerID=server, postLaunchEnabled=True)
    product.fault("LAUNCH_ACTION_FAILS")
    plan = product.plan({"name": "web", "groups": [product.group([server])]}, launchAttempts=3)
    record = product.finish(product.start(plan, "recoveries"))
    assert record["servers"]["launched"] == 0
    assert product.calls()["StartRecovery"] == 1
    assert len(live_instances(product)) == 1
    ((status, reason),) = outcomes(record).values()
    assert status == "FAILED"
    assert "is live" in reason
    assert "before that: " in reason, "why the first attempt failed is gone"


def test_a_run_that_agreed_to_replace_what_is_live_replaces_it(product: Product) -> None:
    server = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(server)], "pauseBefore": True})
    run = held_start(product, plan, "recoveries")
    other = product.plan({"name": "web", "groups": [product.group(server)]}, name="other")
    assert product.finish(product.start(other, "recoveries"))["status"] == "COMPLETED"
    before = live_instances(product)
    (asked,) = [row for row in product.items("RunRequests") if row["item"] == "RUN" and row["executionId"] == run]
    product.put("RunRequests", asked | {"replaceExisting": True})
    decide(product, run, "resume")
    assert product.finish(run)["status"] == "COMPLETED"
    assert not set(before.values()) & set(live_instances(product).values())


@pytest.mark.parametrize(("exists", "launched"), [(True, 0), (False, 1)])
def test_a_launch_into_an_instance_that_exists_is_left_out(product: Product, exists: bool, launched: int) -> None:
    occupied, server = product.seed(2)
    assert product.drill(product.plan({"name": "web", "groups": [product.group([occupied])]}))["status"] == "COMPLETED"
    instance = live_instances(product)[occupied][0] if exists else "i-0aa11bb22cc33dd44"
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=server, launchIntoInstanceProperties={"launchIntoEC2InstanceID": instance}
    )
    plan = product.plan({"name": "web", "groups": [product.group([server])]}, name="into")
    before = product.calls()["StartRecovery"]
    record = product.finish(product.start(plan, "recoveries"))
    assert record["servers"]["launched"] == launched
    assert product.calls()["StartRecovery"] - before == launched
    if exists:
        assert f"launches into instance {instance}" in record["sourceServers"][0]["reason"]


@pytest.mark.speed(60)
def test_launch_configurations_are_read_once_however_often_the_start_is_tried(product: Product) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=3)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    assert product.calls()["StartRecovery"] == 4
    assert product.calls()["GetLaunchConfiguration"] == 3


@pytest.mark.parametrize("operation", ["DescribeRecoveryInstances", "GetLaunchConfiguration"])
def test_nothing_is_launched_while_drs_cannot_be_asked_what_is_live(product: Product, operation: str) -> None:
    product.fault("SERVER_ERROR", operation=operation, count=12)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    answered = min(
        at
        for at, call in zip(seconds(product, operation), calls_of(product, operation), strict=True)
        if call["outcome"] == "OK"
    )
    (started,) = seconds(product, "StartRecovery")
    assert started > answered


def test_a_start_makes_two_calls_more_for_its_checks_and_one_for_each_launch_configuration(product: Product) -> None:
    product.finish(product.start(make_plan(product), "recoveries"))
    made = [call["operation"] for call in product.emulator.control.calls(detail=True)["calls"]]
    first = made.index("GetLaunchConfiguration")
    checks = [*["GetLaunchConfiguration"] * 3, "DescribeJobs", "DescribeRecoveryInstances"]
    assert made[first : made.index("StartRecovery")] == checks


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, 9))
def test_start_recovery_killed_while_it_leaves_a_server_out_launches_the_others_once(
    product: Product, number: int
) -> None:
    live, *others = product.seed(3)
    plan = product.plan({"name": "web", "groups": [product.group([live, *others])], "pauseBefore": True})
    run = held_start(product, plan, "drills")
    one = product.plan({"name": "web", "groups": [product.group([live])]}, name="one")
    assert product.finish(product.start(one, "recoveries"))["status"] == "COMPLETED"
    before = live_instances(product)
    with killed_after_change("StartRecovery", number) as made:
        decide(product, run, "resume")
        record = product.finish(run)
    assert len(made) == number
    assert product.calls()["StartRecovery"] == 2
    assert live_instances(product)[live] == before[live]
    assert sorted(each["status"] for each in record["sourceServers"]) == ["FAILED", "LAUNCHED", "LAUNCHED"]
    reason = next(each["reason"] for each in record["sourceServers"] if each["status"] == "FAILED")
    assert reason.count("is live") == 1
    assert (record["servers"]["launched"], record["servers"]["failed"]) == (2, 1)


@pytest.mark.parametrize(
    "missing", [["sourceServerID"], ["recoveryInstanceID"], ["sourceServerID", "recoveryInstanceID"]]
)
def test_a_live_instance_whose_record_lacks_an_id_is_not_replaced(product: Product, missing: list[str]) -> None:
    live, *others = product.seed(3)
    one = product.plan({"name": "web", "groups": [product.group([live])]}, name="one")
    assert product.finish(product.start(one, "recoveries"))["status"] == "COMPLETED"
    before = live_instances(product)[live]
    strange = {"operation": "DescribeRecoveryInstances", "of": before[0], "record": {}, "without": missing}
    product.emulator.control.add_strange_record({**PLACE, **strange})
    plan = product.plan({"name": "web", "groups": [product.group([live, *others], name="all")]}, name="all")
    record = product.drill(plan)
    found = {each["sourceServerId"]: (each["status"], each["reason"] or "") for each in record["sourceServers"]}
    assert found[live][0] == "FAILED"
    assert "is live" in found[live][1]
    assert [found[other][0] for other in others] == ["LAUNCHED", "LAUNCHED"]
    left = instances_left(product)[live]
    assert (left.id, left.is_drill) == before


def test_a_launch_configuration_that_was_changed_while_the_wave_waited_is_read_again(product: Product) -> None:
    server = product.seed(1)
    run = held_start(
        product, product.plan({"name": "web", "groups": [product.group(server)], "pauseBefore": True}), "drills"
    )
    into = product.emulator.control.add_ec2_instance(PLACE)["instanceId"]
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=server[0], launchIntoInstanceProperties={"launchIntoEC2InstanceID": into}
    )
    pass_seconds(product, CONFIGURATION_SECONDS)
    decide(product, run, "resume")
    ((status, reason),) = outcomes(product.finish(run)).values()
    assert status == "FAILED"
    assert f"launches into instance {into}" in reason
    assert "StartRecovery" not in product.calls()


# --- a start without an answer ---------------------------------------------------------------------------------
def test_a_start_that_was_not_answered_is_repeated_only_when_its_job_can_no_longer_appear(product: Product) -> None:
    product.fault("CUT_BEFORE", operation="StartRecovery", count=1)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    first, second = seconds(product, "StartRecovery")
    assert second - first > UNANSWERED_SECONDS
    (machine,) = product.engine.executions("recover-target")
    assert "WaitForDrs" in machine.states_entered()


@pytest.mark.speed(60)
def test_a_start_that_was_refused_is_repeated_without_that_wait(product: Product) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=1)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    first, second = seconds(product, "StartRecovery")
    assert second - first < UNANSWERED_SECONDS


def test_a_slow_start_is_waited_for(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other calls are given up after a second here, so that the test need not take twenty."""
    brief = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=1)
    monkeypatch.setattr("recovery.drs.assumed_roles.CONFIG", brief)
    product.fault("LATENCY", operation="StartRecovery", milliseconds=1_500)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    assert product.calls()["StartRecovery"] == 1


def test_a_server_error_is_no_refusal(product: Product) -> None:
    product.fault("SERVER_ERROR", operation="StartRecovery", count=1)
    assert product.finish(product.start(make_plan(product), "recoveries"))["servers"]["launched"] == 3
    first, second = seconds(product, "StartRecovery")
    assert second - first > UNANSWERED_SECONDS


@pytest.mark.speed(120)
def test_a_cancel_while_a_start_is_unanswered_waits_for_its_job_and_then_takes_effect(product: Product) -> None:
    product.fault("CUT_BEFORE", operation="StartRecovery", count=1)
    run = product.start(make_plan(product), "recoveries")
    wait_for_calls(product, "StartRecovery")
    decide(product, run, "cancel")
    record = product.finish(run)
    assert record["status"] == "CANCELLED"
    assert product.calls()["StartRecovery"] == 1
    assert {each["status"] for each in record["sourceServers"]} == {"SKIPPED"}
    assert record["durationSeconds"] > UNANSWERED_SECONDS


@pytest.mark.speed(120)
def test_a_pause_while_a_start_is_unanswered_holds_the_batch_once_no_job_can_appear(product: Product) -> None:
    product.fault("CUT_BEFORE", operation="StartRecovery", count=1)
    run = product.start(make_plan(product), "recoveries")
    wait_for_calls(product, "StartRecovery")
    decide(product, run, "pause")
    wait_until_asked_for(product, run, "RESUME")
    assert product.calls()["StartRecovery"] == 1
    decide(product, run, "resume")
    assert product.finish(run)["servers"]["launched"] == 3
    assert product.calls()["StartRecovery"] == 2


@pytest.mark.speed(120)
def test_a_settlement_while_a_start_is_unanswered_waits_for_its_job(product: Product) -> None:
    """An unexpected error ends the task after a call that was not answered; the machine settles the batch."""
    product.fault("CUT_BEFORE", operation="StartRecovery", count=1)
    run = product.start(make_plan(product), "recoveries")
    wait_for_calls(product, "StartRecovery")
    product.engine.runtime.fail("StartRecovery", "KeyError", times=1)
    record = product.finish(run)
    assert record["status"] == "FAILED"
    assert "KeyError" in record["sourceServers"][0]["reason"]
    (machine,) = product.engine.executions("recover-target")
    states = machine.states_entered()
    assert "WaitForDrs" in states[states.index("SettleBatch") :]


def behave(product: Product, **knobs: Any) -> None:
    product.emulator.control.change_settings({"behaviour": knobs})


def test_a_job_that_appears_late_is_adopted_and_no_second_one_is_started(product: Product) -> None:
    """DRS shows the job two minutes after the call whose answer was lost, and would accept a second one."""
    behave(product, hiddenSeconds=120, secondStart="accepted")
    product.fault("CUT_AFTER", operation="StartRecovery", count=1)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    assert product.calls()["StartRecovery"] == 1
    assert len(product.jobs()) == 1


def test_a_job_that_drs_does_not_show_yet_is_polled_again(product: Product) -> None:
    behave(product, hiddenSeconds=200)
    record = product.finish(product.start(make_plan(product), "recoveries"))
    assert record["servers"]["launched"] == 3
    (machine,) = product.engine.executions("recover-target")
    assert machine.states_entered().count("SettleBatch") == 1


@pytest.mark.speed(120)
def test_a_second_job_that_drs_accepted_all_the_same_is_recorded_as_orphaned(product: Product) -> None:
    """The job of the first call appears after it was given up, and DRS has accepted the second call."""
    product.emulator.control.change_settings({"durations": {"recovery": {"pending": 600, "started": 600}}})
    behave(product, hiddenSeconds=560, secondStart="accepted")
    product.fault("CUT_AFTER", operation="StartRecovery", count=1)
    product.finish(product.start(make_plan(product, 1), "recoveries"))
    assert product.calls()["StartRecovery"] == 2
    jobs = {job["jobID"] for job in product.jobs()}
    rows = [row for row in product.items("Executions") if row["item"].startswith("BATCH#")]
    listed = {job["jobId"]: bool(job.get("orphaned")) for row in rows for job in row["jobs"]}
    assert jobs == listed.keys()
    assert sorted(listed.values()) == [False, True]


def test_an_instance_that_drs_does_not_show_yet_is_not_replaced(product: Product) -> None:
    behave(product, instanceDelaySeconds=300)
    server = product.seed(1)
    plan = product.plan({"name": "web", "groups": [product.group(server)], "pauseBefore": True})
    run = held_start(product, plan, "drills")
    other = product.plan({"name": "web", "groups": [product.group(server)]}, name="other")
    product.start(other, "recoveries")
    wait_for_calls(product, "StartRecovery")
    decide(product, run, "resume")
    record = product.finish(run)
    ((status, reason),) = outcomes(record).values()
    assert status == "FAILED"
    assert "launched it" in reason or "is live" in reason
    assert product.calls()["StartRecovery"] == 1


@pytest.mark.speed(120)
@pytest.mark.parametrize("participants", [[{"launchStatus": "LAUNCHED"}], []])
def test_a_recovery_that_does_not_name_its_servers_is_waited_for_while_its_instances_may_be_hidden(
    product: Product, participants: list[dict[str, str]]
) -> None:
    behave(product, instanceDelaySeconds=500)
    server = product.seed(1)
    one = product.plan({"name": "web", "groups": [product.group(server)]}, name="one")
    assert product.finish(product.start(one, "recoveries"))["status"] == "COMPLETED"
    (job,) = product.jobs()
    strange = {"operation": "DescribeJobs", "of": job["jobID"], "record": {"participatingServers": participants}}
    product.emulator.control.add_strange_record({**PLACE, **strange})
    record = product.drill(product.plan({"name": "web", "groups": [product.group(server)]}))
    ((status, reason),) = outcomes(record).values()
    assert status == "FAILED"
    assert "is live" in reason
    assert product.calls()["StartRecovery"] == 1


# --- jobs that name only instances -----------------------------------------------------------------------------
@pytest.mark.speed(120)
@pytest.mark.parametrize("missing", [[], ["sourceServerID"]])
@pytest.mark.parametrize("kind", ["failback", "termination"])
def test_a_job_that_names_only_a_recovery_instance_is_waited_for_and_not_taken_for_a_lasting_conflict(
    product: Product, kind: str, missing: list[str]
) -> None:
    """It lasts for 20 minutes. DRS refuses the start meanwhile, and names no server in its refusal."""
    product.emulator.control.change_settings({"durations": {"replication": BRIEF, "failback": LONG, "terminate": LONG}})
    behave(product, conflicts="unnamed", terminateParticipants="named")
    servers = product.seed(2)
    assert product.drill(product.plan({"name": "web", "groups": [product.group(servers)]}))["status"] == "COMPLETED"
    instance, drs = live_instances(product)[servers[0]][0], product.emulator.client(HUB, WEST)
    plan = product.plan({"name": "web", "groups": [product.group(servers)], "pauseBefore": True}, name="second")
    run = held_start(product, plan, "recoveries")
    if kind == "failback":
        make_ready_for_failback(product, instance)
        drs.start_failback_launch(recoveryInstanceIDs=[instance])
    else:
        drs.terminate_recovery_instances(recoveryInstanceIDs=[instance])
    if missing:
        strange = {"operation": "DescribeRecoveryInstances", "of": instance, "record": {}, "without": missing}
        product.emulator.control.add_strange_record({**PLACE, **strange})
    (job,) = [each for each in product.jobs() if each["status"] != "COMPLETED"]
    assert not any("sourceServerID" in part for part in job["participatingServers"])
    decide(product, run, "resume")
    record = product.finish(run, 100)
    assert record["status"] == "COMPLETED", outcomes(record)
    # DRS forgets a terminated instance some minutes before the end of its job, and may refuse a start in each of these.
    assert product.calls()["StartRecovery"] <= (2 if kind == "failback" else 6)


def make_ready_for_failback(product: Product, instance: str) -> None:
    """Let the recovery instance replicate to its original machine, until that is in sync."""
    product.emulator.control.boot_failback_client({**PLACE, "recoveryInstanceID": instance})
    drs = product.emulator.client(HUB, WEST)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (item,) = drs.describe_recovery_instances(filters={"recoveryInstanceIDs": [instance]})["items"]
        if item["failback"]["state"] == "FAILBACK_READY_FOR_LAUNCH":
            return
        time.sleep(0.05)
    raise AssertionError(f"the failback is {item['failback']['state']}")


# --- a conflict that lasts -------------------------------------------------------------------------------------
def in_conflict(product: Product, server: str, value: bool) -> None:
    product.emulator.control.change_server(server, {"accountId": HUB, "region": WEST, "server": {"inConflict": value}})


@pytest.mark.parametrize("conflicts", ["named", "unnamed"])
def test_a_server_in_a_lasting_conflict_holds_up_no_other(product: Product, conflicts: str) -> None:
    behave(product, conflicts=conflicts)
    ids = product.seed(5)
    in_conflict(product, ids[2], True)
    plan = product.plan({"name": "web", "groups": [product.group(ids)], "maxFailedPercent": 30})
    record = product.finish(product.start(plan, "recoveries"), 100)
    statuses = {each["sourceServerId"]: each["status"] for each in record["sourceServers"]}
    assert statuses == {server: "FAILED" if server == ids[2] else "LAUNCHED" for server in ids}
    assert record["status"] == "PARTIAL"
    reason = next(each["reason"] for each in record["sourceServers"] if each["status"] == "FAILED")
    assert "conflict" in reason
    assert not any(row.get("leases") for row in product.items("Limits"))


@pytest.mark.speed(150)
def test_a_server_whose_conflict_ends_is_launched_by_the_last_try(product: Product) -> None:
    ids = product.seed(3)
    in_conflict(product, ids[0], True)
    run = product.start(product.plan({"name": "web", "groups": [product.group(ids)]}), "recoveries")
    wait_until(product, run, lambda record: record["servers"]["launching"] and record["servers"]["failed"])
    in_conflict(product, ids[0], False)
    record = product.finish(run, 100)
    assert record["status"] == "COMPLETED", outcomes(record)
    assert [each["sourceServerID"] for each in product.jobs()[0]["participatingServers"]] == [ids[0]]


def test_a_server_that_a_recovery_plan_of_drs_holds_is_named_with_it_to_operators() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        behave(product, conflicts="unnamed")
        held, *others = product.seed(3)
        execution = hold_by_plan_of_drs(product, held)
        wave = {"name": "web", "groups": [product.group([held, *others])], "maxFailedPercent": 50}
        plan = product.plan(wave, name="shop {eu} {0}")  # a name is no pattern
        record = product.finish(product.start(plan, "recoveries"), 100)
        found = [each for each in inbox.messages() if "SERVERS_WITHHELD" in str(each["MessageAttributes"])]
        texts = [each["Message"] for each in found]
    statuses = {each["sourceServerId"]: each["status"] for each in record["sourceServers"]}
    assert statuses == {held: "FAILED"} | dict.fromkeys(others, "LAUNCHED")
    assert texts
    assert all(held in text and execution in text for text in texts)
    subject = "drs-waves: RECOVERY of shop {eu} {0}: 1 server of wave web not launched"
    assert {each["Subject"] for each in found} == {subject}
