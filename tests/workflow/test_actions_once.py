"""Actions are started once, whatever is lost, killed or done twice; and a run that dies stops what it started."""

import threading
from typing import Any

import pytest

from recovery.actions.running import UNANSWERED_SECONDS
from tests.support.action_runs import (
    FREEZE,
    PROMOTE,
    action,
    actions_of,
    automations,
    commands,
    one_wave,
    wait_for_action,
)
from tests.support.fault_injection import CHANGES, killed_after_change
from tests.support.product import Product, resources
from tests.support.shops import open_shop, rule

WARM = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}
STARTS = {*CHANGES, "StartAutomationExecution", "SendCommand", "PutEvents", "Invoke", "StopAutomationExecution"}
OF_ACTIONS = ("StartAction", "PollAction")


def ssm_fault(product: Product, kind: str, operation: str, **more: Any) -> None:
    product.fault(kind, operation=operation, service="ssm", **more)


@pytest.mark.parametrize("tokens", ["kept", "forgotten"])
@pytest.mark.parametrize("kind", ["CUT_AFTER", "CUT_BEFORE", "SERVER_ERROR", "THROTTLING"])
def test_an_automation_whose_answer_is_lost_is_started_once(product: Product, kind: str, tokens: str) -> None:
    open_shop(product)
    product.emulator.control.change_settings({"behaviour": {"automationTokens": tokens}})
    ssm_fault(product, kind, "StartAutomationExecution", count=2)
    record = product.drill(one_wave(product, before=[FREEZE]))
    assert record["status"] == "COMPLETED", record
    (started,) = automations(product)
    listed = action(product, record["executionId"], "freeze-writes")
    assert listed["parts"][0]["id"] == started["AutomationExecutionId"]


@pytest.mark.parametrize("kind", ["CUT_AFTER", "CUT_BEFORE", "THROTTLING"])
def test_a_command_whose_answer_is_lost_is_sent_once(product: Product, kind: str) -> None:
    open_shop(product)
    product.emulator.control.change_settings({"behaviour": {"commandDelaySeconds": 5}})
    ssm_fault(product, kind, "SendCommand", count=1)
    record = product.drill(one_wave(product, after=[WARM]))
    assert record["status"] == "COMPLETED", record
    assert len(commands(product, "Shop-WarmCaches")) == 1


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("function", OF_ACTIONS)
def test_a_function_that_is_killed_after_any_change_starts_nothing_twice(
    product: Product, function: str, number: int
) -> None:
    open_shop(product)
    product.emulator.control.change_settings({"behaviour": {"automationTokens": "forgotten"}})
    with killed_after_change(function, number, STARTS) as made:
        record = product.drill(one_wave(product, before=[FREEZE], after=[WARM]))
    assert record["status"] == "COMPLETED", (record, made)
    assert len(automations(product)) == 1, made
    assert len(commands(product, "Shop-WarmCaches")) == 1, made
    assert {each["status"] for each in actions_of(product, record["executionId"])} == {"SUCCEEDED"}


@pytest.mark.parametrize("number", range(1, 4))
def test_a_function_that_calls_another_and_is_killed_uses_the_same_key(product: Product, number: int) -> None:
    called: list[Any] = []
    shop = open_shop(product, smoke_test=lambda event, _: called.append(event["actionKey"]))
    smoke = {"name": "smoke", "lambda": {"function": shop.function_arn}}
    with killed_after_change("InvokeFunction", number, STARTS):
        record = product.drill(one_wave(product, after=[smoke]))
    assert record["status"] == "COMPLETED", record
    assert set(called) == {f"{record['executionId']}/web/after/1/1"}
    assert len(called) <= 2


@pytest.mark.parametrize("number", range(1, 4))
def test_a_state_machine_is_started_once_though_its_starter_is_killed(product: Product, number: int) -> None:
    shop = open_shop(product)
    switch = {"name": "switch", "stateMachine": {"name": shop.machine_arn}}
    with killed_after_change("StartAction", number, STARTS) as made:
        record = product.drill(one_wave(product, after=[switch]))
    assert record["status"] == "COMPLETED", record
    assert len(made) >= number, "it was killed"
    assert len(product.engine.executions("Shop-SwitchTraffic")) == 1


def test_two_invocations_at_the_same_moment_start_one_automation(product: Product) -> None:
    open_shop(product)
    product.emulator.control.change_settings({"behaviour": {"automationTokens": "forgotten"}})
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run_id = product.start(one_wave(product, before=[{"name": "sign", "manual": {"instructions": "x"}}, FREEZE]))
    wait_for_action(product, run_id, "sign", "WAITING")
    product.request("POST", f"/executions/{run_id}/actions/sign/confirm", {"comment": "done"})
    event = {"executionId": run_id, "wave": "web", "place": "before", "turn": 0}
    threads = [threading.Thread(target=product.engine.invoke, args=("StartAction", event)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for_action(product, run_id, "freeze-writes", "RUNNING")
    product.request("POST", f"/executions/{run_id}/cancel")
    product.finish(run_id)
    assert len(automations(product)) == 1


def test_an_outage_of_systems_manager_fails_no_action(product: Product) -> None:
    open_shop(product)
    ssm_fault(product, "SERVER_ERROR", "GetAutomationExecution", durationSeconds=900)
    record = product.drill(one_wave(product, before=[{**FREEZE, "timeoutMinutes": 60}]))
    assert record["status"] == "COMPLETED", record
    assert len(automations(product)) == 1


def test_a_second_start_waits_for_the_end_of_the_function_that_made_the_first() -> None:
    seconds = resources("AWS::Serverless::Function")["StartActionFunction"].get("Timeout", 120)
    assert seconds < UNANSWERED_SECONDS


# --- runs that die ------------------------------------------------------------------------------------------------
def test_a_run_whose_machine_is_aborted_stops_its_automation_and_its_continuation_runs_it_again(
    product: Product,
) -> None:
    open_shop(product)
    hang = rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run_id = product.start(one_wave(product, before=[PROMOTE, {**FREEZE, "timeoutMinutes": 600}]))
    wait_for_action(product, run_id, "freeze-writes", "RUNNING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("WaitForAction")
    product.machine(run_id).stop()
    product.engine.invoke("CloseExecution", {"detail": {"name": run_id, "status": "ABORTED"}})
    assert product.record(run_id)["status"] == "FAILED"
    listed = action(product, run_id, "freeze-writes")
    assert listed["status"] == "CANCELLED", listed
    (hung,) = [each for each in automations(product) if each["DocumentName"] == "Shop-FreezeWrites"]
    assert hung["AutomationExecutionStatus"] in ("Cancelled", "Cancelling")
    product.emulator.control.remove_rules(hang)
    again = product.request("POST", f"/executions/{run_id}/continue")
    assert again.status == 202, again
    record = product.finish(again.body["executionId"])
    assert record["status"] == "COMPLETED", record
    carried = action(product, record["executionId"], "promote")
    assert (carried["status"], carried["reason"]) == (
        "SUCCEEDED",
        f"it succeeded in {run_id}, which this run continues",
    )
    documents = sorted(each["DocumentName"] for each in automations(product))
    assert documents == ["Shop-FreezeWrites", "Shop-FreezeWrites", "Shop-PromoteDatabase"]


def test_a_machine_of_actions_that_breaks_stops_what_runs_and_fails_the_wave(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run_id = product.start(one_wave(product, after=[{**FREEZE, "timeoutMinutes": 600}]))
    wait_for_action(product, run_id, "freeze-writes", "RUNNING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("WaitForAction")
    machine.stop(error="Broken", cause="someone stopped it")
    record = product.finish(run_id)
    assert record["waves"][0]["status"] == "FAILED"
    assert action(product, run_id, "freeze-writes")["status"] == "FAILED"
    (started,) = automations(product)
    assert started["AutomationExecutionStatus"] in ("Cancelled", "Cancelling")
