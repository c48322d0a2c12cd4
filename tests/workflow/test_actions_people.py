"""Actions that wait for people: manual tasks, failed actions that ask, pauses and cancels."""

import json
from typing import Any

import pytest

from tests.support.action_runs import (
    FREEZE,
    action,
    answer,
    automations,
    commands,
    one_wave,
    wait_for_action,
)
from tests.support.product import HUB, Product
from tests.support.shops import open_shop, rule, target_client

SIGN = {"name": "sign-off", "manual": {"instructions": "Place an order in {executionId}."}}
BEN = f"arn:aws:iam::{HUB}:user/ben"


def test_a_manual_task_is_confirmed_with_a_comment_and_not_without(product: Product) -> None:
    run_id = product.start(one_wave(product, before=[SIGN]))
    waiting = wait_for_action(product, run_id, "sign-off", "WAITING")
    assert waiting["instructions"] == f"Place an order in {run_id}."
    assert waiting["waitingFor"] == "CONFIRM"
    assert product.record(run_id)["state"] == "WAITING_FOR_PEOPLE"
    silent = answer(product, run_id, "sign-off", "confirm")
    assert (silent.status, silent.body["problems"][0]["field"]) == (400, "comment")
    assert answer(product, run_id, "sign-off", "retry").status == 409
    headers = {"Idempotency-Key": "one"}
    for _ in range(2):
        confirmed = answer(product, run_id, "sign-off", "confirm", comment="Order 17 went through.", headers=headers)
        assert confirmed.status == 200, confirmed
    record = product.finish(run_id)
    assert record["status"] == "COMPLETED", record
    listed = action(product, run_id, "sign-off")
    assert listed["status"] == "SUCCEEDED"
    assert "Order 17 went through." in listed["reason"]
    decided = [each for each in record["decisions"] if each["decision"] == "confirm"]
    assert [each["comment"] for each in decided] == ["Order 17 went through."]
    assert answer(product, run_id, "sign-off", "confirm", comment="again").status == 409


def test_a_manual_task_that_is_rejected_fails_its_wave(product: Product) -> None:
    run_id = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run_id, "sign-off", "WAITING")
    assert answer(product, run_id, "sign-off", "reject", comment="No order goes through.").status == 200
    record = product.finish(run_id)
    assert record["waves"][0]["status"] == "FAILED"
    assert "No order goes through." in record["waves"][0]["reason"]
    assert "action sign-off before wave web is FAILED" in record["reason"]
    assert product.jobs() == []


def test_a_manual_task_without_an_answer_times_out(product: Product) -> None:
    record = product.drill(one_wave(product, before=[{**SIGN, "timeoutMinutes": 5}]))
    assert action(product, record["executionId"], "sign-off")["status"] == "TIMED_OUT"
    assert record["waves"][0]["status"] == "FAILED"


def test_an_answer_about_an_action_that_is_not_in_the_plan_is_not_found(product: Product) -> None:
    run_id = product.start(one_wave(product, before=[SIGN]))
    assert answer(product, run_id, "no-such-action", "confirm", comment="x").status == 404
    assert answer(product, "drill-20261122-081530-4f1c09", "sign-off", "confirm", comment="x").status == 404


@pytest.mark.parametrize(
    ("given", "status", "wave"),
    [("retry", "SUCCEEDED", "COMPLETED"), ("skip", "SKIPPED", "COMPLETED"), ("abort", "FAILED", "FAILED")],
)
def test_an_action_that_fails_and_asks_does_what_an_operator_answers(
    product: Product, given: str, status: str, wave: str
) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=1)
    run_id = product.start(one_wave(product, before=[{**FREEZE, "onFailure": "ask"}]))
    failed = wait_for_action(product, run_id, "freeze-writes", "FAILED")
    assert failed["waitingFor"] == "DECISION"
    assert answer(product, run_id, "freeze-writes", "confirm", comment="x").status == 409
    assert answer(product, run_id, "freeze-writes", given).status == 200
    record = product.finish(run_id)
    assert record["waves"][0]["status"] == wave
    listed = action(product, run_id, "freeze-writes")
    assert (listed["status"], listed["attempt"]) == (status, 2 if given == "retry" else 1)
    assert len(automations(product)) == listed["attempt"]


@pytest.mark.parametrize("given", ["confirm", "skip"])
def test_with_four_eyes_another_person_than_the_starter_confirms_and_skips(product: Product, given: str) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=1)
    asked = SIGN if given == "confirm" else {**FREEZE, "onFailure": "ask"}
    run_id = product.start(one_wave(product, before=[asked], plan_fourEyes=True))
    wait_for_action(product, run_id, str(asked["name"]), "WAITING", "FAILED")
    own = answer(product, run_id, str(asked["name"]), given, comment="done")
    assert own.status == 409
    assert "fourEyes" in own.body["detail"]
    assert answer(product, run_id, str(asked["name"]), given, comment="done", caller=BEN).status == 200
    assert product.finish(run_id)["status"] == "COMPLETED"


@pytest.mark.parametrize("given", ["skip", "abort"])
def test_with_required_comments_a_failed_action_is_not_left_out_without_a_reason(product: Product, given: str) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS", count=1)
    asks = {**FREEZE, "onFailure": "ask"}
    run_id = product.start(one_wave(product, before=[asks], plan_commentsRequired=True))
    wait_for_action(product, run_id, "freeze-writes", "FAILED")
    assert answer(product, run_id, "freeze-writes", given).status == 400
    assert answer(product, run_id, "freeze-writes", given, comment="The queue is empty.").status == 200
    product.finish(run_id)


def test_a_forged_row_confirms_no_manual_task(product: Product) -> None:
    run_id = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run_id, "sign-off", "WAITING")
    (row,) = [each for each in product.items("Executions") if each["item"] == "ACTION#web#before#01"]
    product.put("Executions", {**row, "status": "SUCCEEDED", "version": row["version"] + 1})
    for token in [each for each in product.items("Executions") if each["item"].startswith("TOKEN#ACTION#")]:
        product.engine.client("stepfunctions").send_task_success(taskToken=token["token"], output="{}")
    assert wait_for_action(product, run_id, "sign-off", "WAITING")["attempt"] == 2
    assert product.jobs() == []


# --- pause and cancel ---------------------------------------------------------------------------------------------
def test_a_pause_holds_the_next_action_and_a_resume_starts_it(product: Product) -> None:
    open_shop(product)
    run_id = product.start(one_wave(product, before=[SIGN, FREEZE]))
    wait_for_action(product, run_id, "sign-off", "WAITING")
    assert product.request("POST", f"/executions/{run_id}/pause").status == 200
    assert answer(product, run_id, "sign-off", "confirm", comment="done").status == 200
    wait_for_action(product, run_id, "sign-off", "SUCCEEDED")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("AwaitResume")
    assert action(product, run_id, "freeze-writes")["status"] == "PENDING"
    assert product.request("POST", f"/executions/{run_id}/resume").status == 200
    assert product.finish(run_id)["status"] == "COMPLETED"
    assert action(product, run_id, "freeze-writes")["status"] == "SUCCEEDED"


def test_a_cancel_in_the_middle_of_an_automation_stops_it(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run_id = product.start(one_wave(product, before=[{**FREEZE, "timeoutMinutes": 600}]))
    wait_for_action(product, run_id, "freeze-writes", "RUNNING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("WaitForAction")
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200
    record = product.finish(run_id)
    assert record["status"] == "CANCELLED"
    listed = action(product, run_id, "freeze-writes")
    assert listed["status"] == "CANCELLED", listed
    assert "cancelled by" in listed["reason"]
    (started,) = automations(product)
    assert started["AutomationExecutionStatus"] in ("Cancelled", "Cancelling")


def test_a_wave_whose_last_action_a_cancel_stopped_has_not_succeeded(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run_id = product.start(one_wave(product, after=[{**FREEZE, "timeoutMinutes": 600}]))
    wait_for_action(product, run_id, "freeze-writes", "RUNNING")
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200
    record = product.finish(run_id)
    assert record["waves"][0]["status"] == "FAILED", record["waves"]
    assert "action freeze-writes after wave web is CANCELLED" in record["waves"][0]["reason"]


@pytest.mark.parametrize("kind", ["manual", "wait", "command", "machine"])
def test_a_cancel_ends_every_other_wait(product: Product, kind: str) -> None:
    shop = open_shop(product)
    rule(product, "COMMAND", document="Shop-WarmCaches", effect="HANGS")
    kinds: dict[str, dict[str, Any]] = {
        "manual": {"manual": {"instructions": "Look."}},
        "wait": {"wait": {"minutes": 600}},
        "command": {"ssmCommand": {"document": "Shop-WarmCaches"}, "timeoutMinutes": 600},
        "machine": {"stateMachine": {"name": shop.machine_arn}, "timeoutMinutes": 600},
    }
    run_id = product.start(one_wave(product, after=[{"name": "it", **kinds[kind]}]))
    wait_for_action(product, run_id, "it", "RUNNING", "WAITING")
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200
    assert product.finish(run_id)["status"] == "CANCELLED"
    assert action(product, run_id, "it")["status"] in ("CANCELLED", "SUCCEEDED" if kind == "machine" else "CANCELLED")
    if kind == "command":
        (sent,) = commands(product, "Shop-WarmCaches")
        assert sent["Status"] in ("Cancelled", "Cancelling")


@pytest.mark.speed(3_000)
def test_a_cancel_ends_the_long_wait_between_two_polls(product: Product) -> None:
    slow = {"StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 10_000_000, "End": True}}}
    machines = target_client(product, "stepfunctions")
    machines.create_state_machine(name="Shop-Slow", roleArn=product.engine.role, definition=json.dumps(slow))
    rest = {"name": "rest", "stateMachine": {"name": "Shop-Slow"}, "timeoutMinutes": 12_000}
    run_id = product.start(one_wave(product, before=[rest]))
    wait_for_action(product, run_id, "rest", "RUNNING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("AwaitNextPoll")
    assert product.request("POST", f"/executions/{run_id}/cancel").status == 200
    assert product.finish(run_id)["status"] == "CANCELLED"
    assert action(product, run_id, "rest")["status"] == "CANCELLED"
    (stopped,) = product.engine.executions("Shop-Slow")
    assert stopped.status == "ABORTED"
