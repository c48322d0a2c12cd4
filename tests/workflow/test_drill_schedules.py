"""Drills by themselves: one for each appointment, whatever happens around it, and a message if there is none."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from recovery import clock
from recovery.aws import step_functions
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.schedules import build_drill_id
from recovery.drills import schedules as pausing
from recovery.drills import starting
from recovery.store.drills import schedules
from tests.support.drill_schedules import decided, drills_of, go_to, look, make_scheduled, next_of, now, schedule_of
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_wave
from tests.support.product import ANA, Product
from tests.support.runs import launching_run, wait_until_asked_for
from tests.support.time_travel import pass_hours

BEN = ANA.replace("ana", "ben")


@pytest.fixture
def product() -> Iterator[Product]:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as made:
        yield made


def go_to_next(product: Product, plan: str, minutes: float = 1) -> float:
    """Go to some minutes after the next appointment, and return when it was."""
    (at,) = next_of(product, plan, 1)
    go_to(product, at + minutes * 60)
    return at


def change_plan(product: Product, plan: str, **changes: Any) -> Any:
    body = product.request("GET", f"/recovery-plans/{plan}").body
    fields = ("name", "waves", "drillPolicy", "cleanUpAfterHours", "version")
    update = {name: body[name] for name in fields if body.get(name) is not None} | changes
    if update.get("drillPolicy"):
        update["drillPolicy"] = {
            name: value for name, value in update["drillPolicy"].items() if name not in ("since", "owed")
        }
    reply = product.request("PUT", f"/recovery-plans/{plan}", {k: v for k, v in update.items() if v is not None})
    assert reply.status == 200, reply
    return reply.body


def pause(product: Product, plan: str, comment: str = "") -> Any:
    reply = product.request("POST", f"/recovery-plans/{plan}/drill-schedule/pause", {"comment": comment})
    assert reply.status == 200, reply
    return reply.body


def resume(product: Product, plan: str) -> Any:
    reply = product.request("POST", f"/recovery-plans/{plan}/drill-schedule/resume")
    assert reply.status == 200, reply
    return reply.body


def test_a_drill_begins_at_its_appointment_and_no_look_begins_it_twice(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product)
    assert look(product) == {"drills": 0, "checks": 0, "evidence": 0}
    at = go_to_next(product, plan)
    assert look(product)["drills"] == 1
    for _ in range(3):
        assert look(product)["drills"] == 0
        pass_hours(product, 1)
    (drill,) = drills_of(product, plan)
    assert (drill["executionId"], drill["status"]) == (build_drill_id(plan, at), "COMPLETED")
    assert decided(product, plan) == [("STARTED", "")]
    assert inbox.of_kind("DRILLS_MISSED") == []
    record = product.record(drill["executionId"])
    assert record["requestedBy"] == "schedule"


def test_a_plan_without_policy_or_with_one_that_is_not_automatic_is_never_drilled(product: Product) -> None:
    manual = make_scheduled(product, automatic=False)
    plain = product.plan(make_wave(product, "web"))
    (first, second) = next_of(product, manual, 2)
    go_to(product, second + 60)
    look(product)
    assert first < second
    assert drills_of(product, manual) == drills_of(product, plain) == []
    assert decided(product, manual) == []
    change_plan(product, manual, drillPolicy={"schedule": "0 2 * * *", "automatic": True, "skipIfNotReady": False})
    assert look(product)["drills"] == 0, "it makes up for nothing"
    go_to_next(product, manual)
    assert look(product)["drills"] == 1


def test_a_plan_that_is_not_ready_is_not_drilled_and_operators_are_told_why(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product, skipIfNotReady=True)
    (server,) = _servers(product, plan)
    go_to_next(product, plan)
    made = look(product)
    assert (made["checks"], made["drills"]) == (1, 0)
    assert schedule_of(product, plan)["current"]["status"] == "CHECKING"
    assert look(product)["drills"] == 1, "it is READY"
    product.emulator.control.change_server(
        server, {"accountId": "111122223333", "region": "us-west-2", "server": {"replicationState": "STOPPED"}}
    )
    go_to_next(product, plan)
    look(product)
    look(product)
    look(product)
    assert len(drills_of(product, plan)) == 1
    assert len(drills_of(product, plan, "READINESS")) == 2
    (_, (status, why)) = decided(product, plan)
    assert status == "SKIPPED"
    assert "NOT_READY" in why
    (told,) = inbox.of_kind("DRILLS_SKIPPED")
    assert "STOPPED" in told
    check = drills_of(product, plan, "READINESS")[1]["executionId"]
    assert f"drs-waves findings {check}" in told


def _servers(product: Product, plan: str) -> list[str]:
    (wave,) = product.request("GET", f"/recovery-plans/{plan}").body["waves"]
    group = product.request("GET", f"/protection-groups/{wave['groups'][0]['groupId']}").body
    return list(group["sourceServerIds"])


def test_a_plan_that_runs_is_drilled_after_its_run_or_missed_at_the_end_of_the_window(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product, windowMinutes=120)
    with launching_run(product, plan) as run:
        go_to_next(product, plan)
        assert look(product, drills_end=False)["drills"] == 0
        current = schedule_of(product, plan)["current"]
        assert (current["status"], current["reason"]) == ("WAITING", f"the plan runs as {run}")
    product.finish(run)
    assert look(product)["drills"] == 1
    with launching_run(product, plan) as run:
        go_to_next(product, plan)
        look(product, drills_end=False)
        pass_hours(product, 2)
        look(product, drills_end=False)
        assert decided(product, plan)[-1] == ("MISSED", f"the plan runs as {run}")
    product.finish(run)
    assert look(product)["drills"] == 0
    (told,) = inbox.of_kind("DRILLS_MISSED")
    assert f"the plan runs as {run}" in told
    assert f"drs-waves run {plan}" in told


def test_looks_that_did_not_come_are_told_of_once_for_all_plans_and_the_newest_is_still_begun(product: Product) -> None:
    inbox = Inbox(product)
    one, other = make_scheduled(product, "one"), make_scheduled(product, "other")
    *_, fourth = next_of(product, one, 4)
    go_to(product, fourth + 600)
    assert look(product)["drills"] == 2
    for plan in (one, other):
        assert [status for status, _ in decided(product, plan)] == ["MISSED"] * 3 + ["STARTED"]
        assert len(drills_of(product, plan)) == 1
    (told,) = inbox.of_kind("DRILLS_MISSED")
    assert told.count("nothing looked at the schedule") == 6


def test_nothing_begins_during_a_pause_and_resume_goes_on_with_the_next_appointment(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product)
    paused = pause(product, plan, "until the move is done")
    assert paused["paused"]["by"] == ANA
    go_to_next(product, plan)
    look(product)
    assert decided(product, plan) == [("MISSED", f"the schedule was paused by {ANA}: until the move is done")]
    go_to_next(product, plan)  # no look comes before it is resumed
    assert resume(product, plan)["paused"] is None
    look(product)
    assert drills_of(product, plan) == []
    assert decided(product, plan)[-1][0] == "MISSED"
    assert f"paused by {ANA} until " in decided(product, plan)[-1][1]
    assert len(inbox.of_kind("DRILLS_MISSED")) == 2
    go_to_next(product, plan)
    assert look(product)["drills"] == 1


def test_a_pause_between_the_claim_and_the_drill_keeps_it_from_beginning(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_scheduled(product)
    go_to_next(product, plan)
    start = starting.start_drill

    def pause_first(scheduled: Any, *arguments: Any) -> Any:
        pausing.pause(scheduled, BEN, "")
        return start(scheduled, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(starting, "start_drill", pause_first)
        assert look(product)["drills"] == 0
    assert drills_of(product, plan) == []
    look(product)
    assert [status for status, _ in decided(product, plan)] == ["MISSED"]
    assert drills_of(product, plan) == []


def test_appointments_of_a_policy_that_was_changed_or_removed_are_void(product: Product) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product)
    with launching_run(product, plan) as run:
        go_to_next(product, plan)
        look(product, drills_end=False)
        assert schedule_of(product, plan)["current"]
        change_plan(product, plan, drillPolicy={"everyDays": 30, "at": "04:00", "skipIfNotReady": False})
    product.finish(run)
    assert look(product)["drills"] == 0
    assert schedule_of(product, plan)["current"] is None
    change_plan(product, plan, drillPolicy=None)
    pass_hours(product, 24 * 70)
    assert look(product)["drills"] == 0
    assert schedule_of(product, plan)["next"] == []
    assert inbox.of_kind("DRILLS_MISSED") == []


def test_a_plan_that_is_deleted_is_not_drilled(product: Product) -> None:
    plan = make_scheduled(product)
    go_to_next(product, plan)
    assert product.request("DELETE", f"/recovery-plans/{plan}").status == 204
    assert look(product)["drills"] == 0
    assert drills_of(product, plan) == []


def test_a_put_that_is_repeated_keeps_the_time_since_when_the_policy_is_in_force(product: Product) -> None:
    plan = make_scheduled(product)
    before = product.request("GET", f"/recovery-plans/{plan}").body
    pass_hours(product, 5)
    after = change_plan(product, plan)
    assert after["drillPolicy"] == before["drillPolicy"]
    again = change_plan(product, plan, version=before["version"])
    assert (again["version"], again["drillPolicy"]) == (after["version"], after["drillPolicy"])
    changed = change_plan(product, plan, drillPolicy={**before["drillPolicy"], "timezone": "Europe/Berlin"})
    assert changed["drillPolicy"]["since"] > before["drillPolicy"]["since"]


def test_a_manual_drill_that_counts_moves_drills_every_so_many_days(product: Product) -> None:
    plan = make_scheduled(product, everyDays=30, at="02:00")
    (first,) = next_of(product, plan, 1)
    counted = first + 10 * 86_400
    of_person = "drill-20261122-081530-4f1c09"
    shown = DrillOutcome(of_person, plan, clock.iso(counted), clock.iso(counted + 60), "COMPLETED", True).to_item()
    row = {"planId": plan, "item": "SUMMARY", "last": shown, "lastCounting": shown, "version": 9}
    go_to(product, first + 60)
    assert look(product)["drills"] == 1
    go_to(product, counted + 60)
    product.put("Drills", row)
    moved = datetime.fromtimestamp(counted, UTC).date() + timedelta(days=30)
    assert [datetime.fromtimestamp(each, UTC).date() for each in next_of(product, plan, 1)] == [moved]
    go_to(product, first + 30 * 86_400 + 60)
    assert look(product)["drills"] == 0
    go_to_next(product, plan)
    assert look(product)["drills"] == 1


@pytest.mark.parametrize(("of_plan", "of_policy", "hours"), [(None, None, 8), (48, None, 48), (48, 3, 3)])
def test_instances_of_a_drill_of_the_schedule_are_terminated(
    product: Product, of_plan: int | None, of_policy: int | None, hours: int
) -> None:
    rules: dict[str, Any] = {"cleanUpAfterHours": of_policy} if of_policy else {}
    plan = make_scheduled(product, **rules)
    if of_plan:
        change_plan(product, plan, cleanUpAfterHours=of_plan)
    go_to_next(product, plan)
    look(product)
    (drill,) = drills_of(product, plan)
    as_run = product.request("GET", f"/executions/{drill['executionId']}/recovery-plan").body
    assert as_run["cleanUpAfterHours"] == hours
    assert product.request("GET", f"/recovery-plans/{plan}").body.get("cleanUpAfterHours") == of_plan


def test_with_four_eyes_any_person_may_approve_a_drill_of_the_schedule(product: Product) -> None:
    inbox = Inbox(product)
    wave = {**make_wave(product, "db"), "approval": {"required": True}}
    rules = {"schedule": "0 2 * * *", "skipIfNotReady": False}
    plan = product.plan(wave, fourEyes=True, drillPolicy=rules)
    go_to_next(product, plan)
    look(product, drills_end=False)
    (drill,) = drills_of(product, plan)
    run = drill["executionId"]
    wait_until_asked_for(product, run, "APPROVAL")
    assert product.request("POST", f"/executions/{run}/waves/{wave['name']}/approve").status == 200
    assert product.finish(run)["status"] == "COMPLETED"
    assert not any("another person than schedule" in each["Message"] for each in inbox.messages())


def test_a_drill_that_step_functions_refuses_is_missed_and_told(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product)
    go_to_next(product, plan)

    def refuse(*_: object) -> bool:
        raise ClientError({"Error": {"Code": "ExecutionLimitExceeded", "Message": "too many"}}, "StartExecution")

    with monkeypatch.context() as patched:
        patched.setattr(step_functions, "start_once", refuse)
        product.engine.invoke("StartDrills", {})
    ((status, why),) = decided(product, plan)
    assert status == "MISSED"
    assert "too many" in why
    assert look(product)["drills"] == 0
    (told,) = inbox.of_kind("DRILLS_MISSED")
    assert "too many" in told
    assert "activeExecutionId" not in _plan_row(product, plan)


def _plan_row(product: Product, plan: str) -> dict[str, Any]:
    (row,) = [each for each in product.items("RecoveryPlans") if each["planId"] == plan]
    return row


def test_a_group_that_was_deleted_keeps_the_drill_waiting_in_its_window(product: Product) -> None:
    plan = make_scheduled(product)
    (wave,) = product.request("GET", f"/recovery-plans/{plan}").body["waves"]
    group = wave["groups"][0]["groupId"]
    (row,) = [each for each in product.items("ProtectionGroups") if each["groupId"] == group]
    product.delete("ProtectionGroups", {"groupId": group})
    go_to_next(product, plan)
    look(product)
    assert group in schedule_of(product, plan)["current"]["reason"]
    product.put("ProtectionGroups", row)
    assert look(product)["drills"] == 1


def test_a_readiness_run_that_broke_is_tried_again_within_the_window(product: Product) -> None:
    plan = make_scheduled(product, skipIfNotReady=True)
    go_to_next(product, plan)
    look(product)
    (check,) = drills_of(product, plan, "READINESS")
    (meta,) = [
        row
        for row in product.items("Executions")
        if (row["executionId"], row["item"]) == (check["executionId"], "META")
    ]
    product.put("Executions", {**meta, "status": "FAILED", "reason": "its state machine broke"})
    assert look(product)["checks"] == 1
    assert look(product)["drills"] == 1
    first, second = drills_of(product, plan, "READINESS")
    assert first["executionId"] != second["executionId"]
    assert decided(product, plan) == [("STARTED", "")]


@pytest.mark.parametrize("skip", [False, True])
def test_a_look_that_is_killed_after_any_of_its_writes_leaves_one_drill(product: Product, *, skip: bool) -> None:
    inbox = Inbox(product)
    plan = make_scheduled(product, skipIfNotReady=skip)
    for number in range(1, 12):
        go_to_next(product, plan)
        before = len(drills_of(product, plan))
        with killed_after_change("StartDrills", number) as made:
            for _ in range(3):
                _look_or_die(product)
        for _ in range(2):
            look(product)
        assert len(drills_of(product, plan)) == before + 1, made
        assert len(drills_of(product, plan, "READINESS")) == (before + 1) * skip, made
        assert decided(product, plan)[-1] == ("STARTED", ""), made
        if len(made) < number:
            break
    else:
        raise AssertionError("a look makes fewer changes than this")
    assert number > 3, "it was killed at all"
    assert inbox.of_kind("DRILLS_MISSED") == []


def _look_or_die(product: Product) -> None:
    with suppress(Exception):  # the engine raises that the function died
        product.engine.invoke("StartDrills", {})
    for run in product.engine.executions("recover-plan"):
        run.wait(60)


def test_two_looks_at_once_begin_one_drill(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_scheduled(product)
    go_to_next(product, plan)
    read, looks = schedules.read_schedules, iter([True])

    def read_while_another_looks(plan_ids: Any) -> Any:
        found = read(plan_ids)
        if next(looks, False):
            product.engine.invoke("StartDrills", {})
        return found

    monkeypatch.setattr(schedules, "read_schedules", read_while_another_looks)
    assert look(product)["drills"] == 0
    assert len(drills_of(product, plan)) == 1
    assert decided(product, plan) == [("STARTED", "")]


@pytest.mark.parametrize("restored", ["Drills", "RecoveryPlans"])
@pytest.mark.parametrize("ended", [False, True])
def test_a_table_that_is_restored_to_an_hour_ago_begins_no_second_drill(
    product: Product, restored: str, *, ended: bool
) -> None:
    plan = make_scheduled(product)
    (at,) = next_of(product, plan, 1)
    go_to(product, at - 1_800)
    kept = product.items(restored)
    go_to(product, at + 60)
    look(product, drills_end=ended)
    (drill,) = drills_of(product, plan)
    for row in product.items(restored):
        if row["planId"] == plan:
            product.delete(
                restored, {name: row[name] for name in ("planId", "item") if restored == "Drills" or name == "planId"}
            )
    for row in kept:
        product.put(restored, row)
    for _ in range(2):
        look(product, drills_end=ended)
    assert [each["executionId"] for each in drills_of(product, plan)] == [drill["executionId"]]
    assert decided(product, plan) == [("STARTED", "")]
    product.finish(drill["executionId"])
    go_to_next(product, plan)
    assert look(product)["drills"] == 1


def test_a_look_that_comes_late_begins_within_the_window_and_not_after_it(product: Product) -> None:
    plan = make_scheduled(product, windowMinutes=600)
    go_to_next(product, plan, minutes=400)
    assert look(product)["drills"] == 1
    go_to_next(product, plan, minutes=601)
    assert look(product)["drills"] == 0
    assert [status for status, _ in decided(product, plan)] == ["STARTED", "MISSED"]


def test_an_error_with_one_plan_keeps_no_other_from_its_drill(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = make_scheduled(product, "broken"), make_scheduled(product, "sound")
    start = starting.start_drill

    def fail_for_one(plan: Any, *arguments: Any) -> Any:
        if plan.plan_id == broken:
            raise ValueError("a defect")
        return start(plan, *arguments)

    go_to_next(product, sound)
    with monkeypatch.context() as patched:
        patched.setattr(starting, "start_drill", fail_for_one)
        assert look(product)["drills"] == 1
    assert (len(drills_of(product, broken)), len(drills_of(product, sound))) == (0, 1)
    assert look(product)["drills"] == 1, "the next look finds what was claimed"


def test_a_plan_without_policy_has_no_schedule_to_pause(product: Product) -> None:
    plan = product.plan(make_wave(product, "db"))
    assert schedule_of(product, plan)["policy"] is None
    reply = product.request("POST", f"/recovery-plans/{plan}/drill-schedule/pause")
    assert reply.status == 400
    assert reply.body["problems"][0]["field"] == "planId"
    assert product.request("GET", "/drill-schedules").body["drillSchedules"] == []


def test_the_list_has_each_plan_with_a_policy_and_its_last_appointment(product: Product) -> None:
    plan = make_scheduled(product)
    product.plan(make_wave(product, "web"))
    go_to_next(product, plan)
    look(product)
    (listed,) = product.request("GET", "/drill-schedules").body["drillSchedules"]
    assert (listed["planId"], listed["last"]["status"]) == (plan, "STARTED")
    assert clock.parse_iso(listed["next"]) > now(product)


def test_a_plan_that_is_changed_while_a_look_is_on_is_drilled_as_it_is_then_or_not_at_all(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, withdrawn = make_scheduled(product, "changed"), make_scheduled(product, "withdrawn")
    go_to_next(product, changed)
    start = starting.start_drill

    def change_first(plan: Any, *arguments: Any) -> Any:
        change_plan(product, plan.plan_id, **({"drillPolicy": None} if plan.plan_id == withdrawn else {"name": "new"}))
        return start(plan, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(starting, "start_drill", change_first)
        assert look(product)["drills"] == 0
    look(product)
    (drill,) = drills_of(product, changed)
    assert drill["planName"] == "new"
    assert drills_of(product, withdrawn) == []


def test_a_plan_that_is_changed_after_it_was_found_ready_is_checked_again(product: Product) -> None:
    plan = make_scheduled(product, skipIfNotReady=True)
    go_to_next(product, plan)
    assert look(product)["checks"] == 1
    change_plan(product, plan, name="new")
    made = look(product)
    assert (made["checks"], made["drills"]) == (1, 0)
    assert look(product)["drills"] == 1
    assert [each["planName"] for each in drills_of(product, plan, "READINESS")] == ["db", "new"]


def test_the_evidence_of_a_drill_of_the_schedule_is_due_from_its_creation_on(product: Product) -> None:
    plan = make_scheduled(product, skipIfNotReady=True)
    go_to_next(product, plan)
    look(product)
    look(product)
    (drill,) = drills_of(product, plan)
    due = [row["item"] for row in product.items("Drills") if row["planId"] == "EVIDENCE-DUE"]
    assert due == [drill["executionId"]]
