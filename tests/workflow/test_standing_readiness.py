"""Readiness on a schedule: one run each slot, messages about changes only, and the last answer of a plan."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.catalog import standing
from recovery.domain.standing.slots import StandingPlan
from recovery.errors import AwsUnavailable, PlanNotFound
from recovery.runs.standing import due
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_plan, make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import launching_run
from tests.support.time_travel import pass_hours


@pytest.fixture
def product() -> Iterator[Product]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as made:
        yield made


class Killed(BaseException):
    """As if Lambda had ended the function."""


def look(product: Product) -> None:
    """What the schedule does every five minutes, to the end of what it starts."""
    product.engine.invoke("ListTargets", {})
    for run in product.engine.executions("recover-plan"):
        run.wait(60)


def checks_of(product: Product, plan: str) -> list[dict[str, Any]]:
    """The runs of the plan that the schedule has started, newest first."""
    listed = product.request("GET", "/executions", planId=plan).body["executions"]
    return [run for run in listed if run["requestedBy"] == "schedule"]


def readiness_of(product: Product, plan: str, hours: int = 0) -> dict[str, Any]:
    path = f"/recovery-plans/{plan}/readiness"
    reply = product.request("GET", path, hours=str(hours)) if hours else product.request("GET", path)
    assert reply.status == 200, reply
    return dict(reply.body)


def make_standing(product: Product, hours: int = 24, **more: Any) -> str:
    servers = product.seed(2, prefix=more.get("name", "db"))
    wave = {"name": "db", "groups": [product.group(servers)]}
    return product.plan(wave, readinessEveryHours=hours, **more)


def stop_replication(product: Product, server_id: str, state: str = "STOPPED") -> None:
    change = {"accountId": HUB, "region": WEST, "server": {"replicationState": state}}
    product.emulator.control.change_server(server_id, change)


def test_a_day_of_looks_starts_one_run_and_tells_nobody_of_an_answer_that_stays(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_standing(product)
    other = product.plan(make_wave(product, "web"))
    for _ in range(5):
        look(product)
        pass_hours(product, 4.5)
    (check,) = checks_of(product, plan)
    assert (check["mode"], check["status"]) == ("READINESS", "READY")
    pass_hours(product, 3)
    look(product)
    look(product)
    assert len(checks_of(product, plan)) == 2
    assert checks_of(product, other) == []
    assert inbox.messages() == []


def test_two_looks_at_once_start_one_run(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_standing(product)
    list_standing, looks = standing.list_standing, iter([True])

    def list_while_another_looks() -> list[StandingPlan]:
        listed = list_standing()
        if next(looks, False):
            product.engine.invoke("ListTargets", {})
        return listed

    monkeypatch.setattr(standing, "list_standing", list_while_another_looks)
    look(product)
    assert len(checks_of(product, plan)) == 1


def test_slots_that_were_missed_are_not_made_up_for_and_the_next_keeps_its_time(product: Product) -> None:
    plan = make_standing(product, hours=6)
    look(product)
    slot = slot_of(product, plan)["slot"]
    pass_hours(product, 20)
    look(product)
    look(product)
    assert len(checks_of(product, plan)) == 2
    assert slot_of(product, plan)["slot"] == slot + 18 * 3_600


def slot_of(product: Product, plan: str) -> dict[str, Any]:
    (row,) = [each for each in product.items("RecoveryPlans") if each["planId"] == plan]
    return dict(row["standing"])


def test_a_look_that_was_killed_after_it_took_the_slot_leaves_a_run_that_the_next_look_starts(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_standing(product)

    def die(plan_id: str, execution_id: str) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(due, "_create_and_start", die)
        with pytest.raises(Killed):
            product.engine.invoke("ListTargets", {})
    taken = slot_of(product, plan)
    assert "begun" not in taken
    assert checks_of(product, plan) == []
    look(product)
    look(product)
    assert [check["executionId"] for check in checks_of(product, plan)] == [taken["executionId"]]


@pytest.mark.parametrize("error", [ValueError("a defect"), AwsUnavailable("DynamoDB is away"), PlanNotFound("gone")])
def test_an_error_with_one_plan_keeps_neither_the_others_nor_the_sync_from_their_work(
    product: Product, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    broken, sound = make_standing(product, name="broken"), make_standing(product, name="sound")
    create = due._create_and_start

    def fail_for_one(plan_id: str, execution_id: str) -> None:
        if plan_id == broken:
            raise error
        create(plan_id, execution_id)

    monkeypatch.setattr(due, "_create_and_start", fail_for_one)
    assert product.engine.invoke("ListTargets", {})["isAlone"]
    look(product)
    assert (len(checks_of(product, broken)), len(checks_of(product, sound))) == (0, 1)


@pytest.mark.parametrize("error", [ValueError("a defect"), AwsUnavailable("DynamoDB is away")])
def test_plans_that_cannot_be_listed_do_not_stop_the_sync(
    product: Product, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> list[StandingPlan]:
        raise error

    monkeypatch.setattr(standing, "list_standing", fail)
    assert product.engine.invoke("ListTargets", {})["isAlone"]


def test_a_run_that_step_functions_refuses_is_closed_and_the_next_slot_has_another(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_standing(product, hours=1)

    def refuse(*_: object) -> bool:
        raise ClientError({"Error": {"Code": "ExecutionLimitExceeded", "Message": "too many"}}, "StartExecution")

    with monkeypatch.context() as patched:
        patched.setattr(step_functions, "start_once", refuse)
        product.engine.invoke("ListTargets", {})
    (failed,) = checks_of(product, plan)
    assert failed["status"] == "FAILED"
    assert "too many" in failed["reason"]
    look(product)
    assert not product.engine.executions("recover-plan"), "a run that has ended is not started"
    pass_hours(product, 1)
    look(product)
    assert [check["status"] for check in checks_of(product, plan)] == ["READY", "FAILED"]


def test_many_plans_spread_over_several_looks(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "MAX_STARTS", 2)
    wave = make_wave(product, "db")
    plans = [product.plan(wave, readinessEveryHours=24, name=f"plan {number}") for number in range(5)]
    counts = []
    for _ in range(4):
        look(product)
        counts.append(sum(len(checks_of(product, plan)) for plan in plans))
    assert counts == [2, 4, 5, 5]


def test_a_plan_that_runs_is_checked_after_its_run(product: Product) -> None:
    plan = make_standing(product)
    with launching_run(product, plan) as run:
        product.engine.invoke("ListTargets", {})
        assert checks_of(product, plan) == []
    product.finish(run)
    look(product)
    assert len(checks_of(product, plan)) == 1


def test_a_plan_that_is_deleted_during_its_check_is_forgotten(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_plan(product, 1, replicationState="STOPPED")
    body = product.request("GET", f"/recovery-plans/{plan}").body
    waves = body["waves"]
    update = {"name": body["name"], "waves": waves, "readinessEveryHours": 1, "version": body["version"]}
    assert product.request("PUT", f"/recovery-plans/{plan}", update).status == 200
    product.engine.invoke("ListTargets", {})
    assert product.request("DELETE", f"/recovery-plans/{plan}").status == 204
    look(product)
    pass_hours(product, 2)
    look(product)
    assert [row["planId"] for row in product.items("RecoveryPlans")] == []
    assert len(checks_of(product, plan)) == 1
    assert inbox.of_kind("READINESS_CHANGED") == []


def test_operators_hear_of_each_change_once_in_both_directions(product: Product) -> None:
    inbox = Inbox(product)
    servers = product.seed(2, prefix="db")
    plan = product.plan({"name": "db", "groups": [product.group(servers)]}, readinessEveryHours=24)

    def next_day() -> None:
        pass_hours(product, 24)
        look(product)

    look(product)
    assert inbox.messages() == [], "the first answer is READY, which is no news"
    stop_replication(product, servers[0])
    next_day()
    next_day()
    (told,) = inbox.of_kind("READINESS_CHANGED")
    assert "Answer: NOT_READY, after READY on " in told
    new = told.partition("New: ")[2].partition("What to do: ")[0]
    assert "NO_SNAPSHOT (1 server): " in new
    assert "REPLICATION_STOPPED (1 server): its replication is STOPPED" in new
    assert "aws drs start-replication" in told
    assert "Gone:" not in told
    run = checks_of(product, plan)[1]["executionId"]
    assert f"Execution: {run}" in told
    assert re.search(rf"drs-waves findings {run} .*", told)
    assert re.search(rf"drs-waves readiness {plan} .*", told)
    ec2, drs = product.emulator.ec2_client(HUB, WEST), product.emulator.client(HUB, WEST)
    template = drs.get_launch_configuration(sourceServerID=servers[1])["ec2LaunchTemplateID"]
    ec2.delete_launch_template(LaunchTemplateId=template)
    next_day()
    next_day()
    (_, more) = inbox.of_kind("READINESS_CHANGED")
    assert "Answer: NOT_READY, after NOT_READY on " in more
    assert "TEMPLATE_MISSING (1 server): " in more
    assert "REPLICATION_STOPPED" not in more.partition("New:")[2], "that is no news"
    answer = readiness_of(product, plan)
    assert answer["blockingCodes"] == ["NO_SNAPSHOT", "REPLICATION_STOPPED", "TEMPLATE_MISSING"]
    assert answer["findings"]["BLOCKING"] == 3
    body = product.request("GET", f"/recovery-plans/{plan}").body
    group = product.group(product.seed(1, prefix="new"))
    waves = [{"name": "db", "groups": [{"groupId": group}]}]
    update = {"name": "db", "waves": waves, "readinessEveryHours": 24, "version": body["version"]}
    assert product.request("PUT", f"/recovery-plans/{plan}", update).status == 200
    next_day()
    next_day()
    (_, _, mended) = inbox.of_kind("READINESS_CHANGED")
    assert "Answer: READY, after NOT_READY on " in mended
    assert "Gone: NO_SNAPSHOT, REPLICATION_STOPPED, TEMPLATE_MISSING" in mended
    assert {message["MessageAttributes"]["kind"]["Value"] for message in inbox.messages()} == {"READINESS_CHANGED"}


def test_a_person_who_checks_gets_the_usual_message_and_the_schedule_does_not_repeat_it(product: Product) -> None:
    inbox = Inbox(product)
    servers = product.seed(1, prefix="db")
    plan = product.plan({"name": "db", "groups": [product.group(servers)]}, readinessEveryHours=24)
    look(product)
    stop_replication(product, servers[0])
    product.finish(product.start(plan, "readiness"))
    pass_hours(product, 24)
    look(product)
    (told,) = inbox.messages()
    assert told["MessageAttributes"]["kind"]["Value"] == "RUN_FINISHED"
    assert re.search(r"^Before: READY on \d{4}-\d\d-\d\d \d\d:\d\d UTC$", told["Message"], re.M), told["Message"]
    assert "Servers: 0 of 1 servers ready, 1 excluded" in told["Message"]
    assert "What to do: drs-waves findings readiness-" in told["Message"]


def test_the_plan_has_its_last_answer_with_its_age_and_the_next_check(product: Product) -> None:
    servers = product.seed(2, prefix="db")
    plan = product.plan({"name": "db", "groups": [product.group(servers)]}, readinessEveryHours=24)
    never = readiness_of(product, plan)
    assert (never["status"], never["ageSeconds"], never["cost"]) == (None, None, None)
    assert "lastReadiness" not in product.request("GET", f"/recovery-plans/{plan}").body
    stop_replication(product, servers[1])
    look(product)
    pass_hours(product, 3)
    answer = readiness_of(product, plan)
    (check,) = checks_of(product, plan)
    assert (answer["executionId"], answer["status"]) == (check["executionId"], "NOT_READY")
    assert "STOPPED" in answer["reason"]
    assert 3 * 3_600 < answer["ageSeconds"] < 4 * 3_600
    assert answer["readinessEveryHours"] == 24
    assert answer["nextAt"] > answer["at"]
    read = product.request("GET", f"/recovery-plans/{plan}").body
    assert read["lastReadiness"]["executionId"] == check["executionId"]
    (listed,) = product.request("GET", "/recovery-plans").body["recoveryPlans"]
    assert listed["lastReadiness"] == read["lastReadiness"]


def test_an_update_of_the_plan_keeps_its_answer_and_its_slot(product: Product) -> None:
    plan = make_standing(product)
    look(product)
    before = product.request("GET", f"/recovery-plans/{plan}").body
    body = {"name": "renamed", "waves": before["waves"], "readinessEveryHours": 24, "version": before["version"]}
    after = product.request("PUT", f"/recovery-plans/{plan}", body).body
    assert after["lastReadiness"] == before["lastReadiness"]
    look(product)
    assert len(checks_of(product, plan)) == 1
    assert readiness_of(product, plan)["status"] == "READY"


def test_findings_of_a_run_are_listed_with_the_blocking_ones_first(product: Product) -> None:
    servers = product.seed(2, prefix="late", lagDuration="PT5H") + product.seed(
        30, prefix="bad", replicationState="STOPPED"
    )
    plan = product.plan({"name": "db", "groups": [product.group(servers)]}, rpoTargetMinutes=5)
    run = product.start(plan, "readiness")
    product.finish(run)
    reply = product.request("GET", f"/executions/{run}/findings")
    assert reply.status == 200
    found = reply.body["findings"]
    stopped = next(each for each in found if each["code"] == "REPLICATION_STOPPED")
    assert (stopped["title"], stopped["servers"]) == ("Its replication is stopped", 30)
    assert len(stopped["sourceServerIds"]) == 20
    assert (stopped["accountId"], stopped["region"]) == (HUB, WEST)
    severities = [each["severity"] for each in found]
    assert severities == sorted(severities, key=["BLOCKING", "WARNING", "NOTE"].index)
    assert "WARNING" in severities
    assert product.request("GET", "/executions/readiness-20261122-081530-4f1c09/findings").status == 404


def test_a_readiness_run_tells_what_a_drill_costs(product: Product) -> None:
    disks = [{"deviceName": "/dev/sda1", "gib": 100}]
    small = product.seed(3, prefix="app", recommendedInstanceType="t3.medium", disks=disks)
    profiled = product.seed(2, prefix="db", recommendedInstanceType="r5.4xlarge", disks=disks)
    profiles = {"drill": {"instanceTypes": ["m5.xlarge"]}}
    groups = [product.group(small), product.group(profiled, launchProfiles=profiles)]
    plan = product.plan({"name": "all", "groups": groups}, cleanUpAfterHours=4)
    assert readiness_of(product, plan)["cost"] is None
    product.finish(product.start(plan, "readiness"))
    cost = readiness_of(product, plan)["cost"]
    assert (cost["hours"], cost["servers"], cost["currency"]) == (4, 5, "USD")
    assert cost["instances"] == pytest.approx((3 * 0.0416 + 2 * 0.192) * 4, abs=0.01)
    assert cost["volumes"] == pytest.approx(500 * 0.08 / 730 * 4, abs=0.01)
    assert cost["total"] == pytest.approx(cost["instances"] + cost["volumes"] + cost["conversion"])
    assert "instances run for 4 h: cleanUpAfterHours of the plan" in cost["assumptions"]
    longer = readiness_of(product, plan, hours=8)["cost"]
    assert longer["instances"] == pytest.approx(2 * cost["instances"], abs=0.02)
    assert longer["conversion"] == cost["conversion"]


def test_an_hour_that_is_no_number_is_refused(product: Product) -> None:
    plan = make_plan(product, 1)
    for hours in ("0", "673", "x", "1.5"):
        reply = product.request("GET", f"/recovery-plans/{plan}/readiness", hours=hours)
        assert (reply.status, reply.body["problems"][0]["field"]) == (400, "hours")
