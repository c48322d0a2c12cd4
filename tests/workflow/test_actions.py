"""Actions before and after waves and plans, of every kind, on the real machines and handlers."""

import json
from typing import Any

import pytest

from tests.support.action_runs import (
    FREEZE,
    PROMOTE,
    action,
    actions_of,
    automations,
    commands,
    forget_document,
    one_wave,
    start_with,
    wait_for_action,
)
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product
from tests.support.shops import open_shop, rule


def test_an_automation_before_a_wave_ends_before_a_server_is_launched(product: Product) -> None:
    open_shop(product)
    freeze = {**FREEZE, "ssmAutomation": {"document": "Shop-FreezeWrites", "parameters": {"Mode": "{mode}"}}}
    record = product.drill(one_wave(product, before=[freeze]))
    assert record["status"] == "COMPLETED", record
    (listed,) = actions_of(product, record["executionId"])
    assert (listed["status"], listed["place"], listed["wave"]) == ("SUCCEEDED", "before", "web")
    (started,) = automations(product)
    assert listed["parts"][0]["id"] == started["AutomationExecutionId"]
    assert started["Parameters"] == {"Mode": ["drill"]}
    assert "Drained: 17" in listed["output"]
    (job,) = product.jobs()
    assert listed["endedAt"] < job["creationDateTime"]


def test_every_kind_runs_in_its_place_and_dependants_wait_for_the_actions_after(product: Product) -> None:
    called: list[Any] = []
    shop = open_shop(product, smoke_test=lambda event, _: called.append(event))
    after = [
        {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}},
        {"name": "smoke", "lambda": {"function": shop.function_arn, "payload": {"run": "{executionId}"}}},
        {"name": "switch", "stateMachine": {"name": "Shop-SwitchTraffic", "input": {"wave": "{wave}"}}},
        {"name": "tell", "event": {"bus": shop.bus_arn, "detailType": "Web up", "detail": {"ids": ["{instanceIds}"]}}},
        {"name": "settle", "wait": {"minutes": 3}},
    ]
    plan = product.plan(
        {"name": "web", "groups": [product.group(product.seed(2))], "after": after},
        {"name": "last", "groups": [product.group(product.seed(1, prefix="last"))]},
        before=[FREEZE],
        after=[{"name": "thaw", "stateMachine": {"name": shop.machine_arn}}],
    )
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    listed = {each["name"]: each for each in actions_of(product, record["executionId"])}
    assert {each["status"] for each in listed.values()} == {"SUCCEEDED"}, listed
    assert list(listed) == ["freeze-writes", "warm", "smoke", "switch", "tell", "settle", "thaw"]
    ends = [each["endedAt"] for each in listed.values()]
    assert ends == sorted(ends)
    assert record["waves"][1]["startedAt"] >= listed["settle"]["endedAt"]
    (command,) = commands(product, "Shop-WarmCaches")
    assert command["Comment"] == listed["warm"]["parts"][0]["key"]
    launched = {each["recoveryInstanceId"] for each in record["sourceServers"] if each["wave"] == "web"}
    assert set(command["InstanceIds"]) == launched
    (event,) = called
    assert event == {"run": record["executionId"], "actionKey": f"{record['executionId']}/web/after/2/1"}
    first, second = product.engine.executions("Shop-SwitchTraffic")
    assert {first.name, second.name} == {
        f"{record['executionId']}_1-web_after_3_1",
        f"{record['executionId']}_0--_after_1_1",
    }


def test_an_action_that_fails_and_stops_fails_its_wave_before_a_server_is_launched(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="drainQueues", effect="FAILS", message="17 are left")
    record = product.drill(one_wave(product, before=[FREEZE, {"name": "settle", "wait": {"minutes": 1}}]))
    assert record["waves"][0]["status"] == "FAILED"
    assert "action freeze-writes before wave web is FAILED" in record["waves"][0]["reason"]
    assert "may fail" not in record["waves"][0]["reason"]
    assert "action freeze-writes before wave web is FAILED" in record["reason"]
    assert "17 are left" in action(product, record["executionId"], "freeze-writes")["reason"]
    assert action(product, record["executionId"], "settle")["status"] == "SKIPPED"
    assert product.jobs() == []


def test_an_action_that_fails_and_continues_lets_the_wave_go_on(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS")
    record = product.drill(one_wave(product, before=[{**FREEZE, "onFailure": "continue"}]))
    assert record["status"] == "COMPLETED", record
    assert action(product, record["executionId"], "freeze-writes")["status"] == "FAILED"


def test_an_action_before_the_plan_that_fails_stops_the_run(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", effect="FAILS")
    record = product.drill(
        one_wave(product, plan_before=[FREEZE], plan_after=[{"name": "end", "wait": {"minutes": 1}}])
    )
    assert record["status"] == "FAILED"
    assert record["waves"][0]["status"] == "SKIPPED"
    assert "freeze-writes before the plan" in record["waves"][0]["reason"]
    assert action(product, record["executionId"], "end")["status"] == "SKIPPED"
    assert product.jobs() == []


def test_an_action_after_the_plan_that_fails_makes_a_complete_run_partial(product: Product) -> None:
    def refuse(event: Any, context: Any) -> None:
        raise RuntimeError("no order went through")

    shop = open_shop(product, smoke_test=refuse)
    record = product.drill(one_wave(product, plan_after=[{"name": "smoke", "lambda": {"function": shop.function_arn}}]))
    assert record["status"] == "PARTIAL"
    assert "action smoke after the plan is FAILED" in record["reason"]
    assert "no order went through" in action(product, record["executionId"], "smoke")["reason"]


def test_a_wave_that_fails_has_no_actions_after_it(product: Product) -> None:
    open_shop(product)
    group = product.group(product.seed(1, failsAt="LAUNCH"))
    end = {"name": "end", "wait": {"minutes": 1}}
    record = product.drill(product.plan({"name": "web", "groups": [group], "after": [FREEZE]}, after=[end]))
    assert record["waves"][0]["status"] == "FAILED"
    assert {each["name"]: each["status"] for each in actions_of(product, record["executionId"])} == {
        "freeze-writes": "SKIPPED",
        "end": "SKIPPED",
    }
    assert automations(product) == []


def test_a_retry_of_the_wave_runs_only_the_action_that_failed_again(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-PromoteDatabase", effect="FAILS", count=1)
    run_id = product.start(one_wave(product, before=[FREEZE, PROMOTE], onFailure="ask"))
    wait_for_action(product, run_id, "promote", "FAILED")
    product.machine(run_id).wait_for_state("AwaitDecision")
    assert product.request("POST", f"/executions/{run_id}/waves/web/retry").status == 200
    record = product.finish(run_id)
    assert record["status"] == "COMPLETED", record
    assert [action(product, run_id, name)["attempt"] for name in ("freeze-writes", "promote")] == [1, 2]
    documents = sorted(each["DocumentName"] for each in automations(product))
    assert documents == ["Shop-FreezeWrites", "Shop-PromoteDatabase", "Shop-PromoteDatabase"]


def test_an_action_takes_part_only_in_the_runs_that_the_plan_names(product: Product) -> None:
    open_shop(product)
    record = product.drill(one_wave(product, before=[{**FREEZE, "in": ["recovery"]}]))
    assert record["status"] == "COMPLETED", record
    assert actions_of(product, record["executionId"]) == []
    assert automations(product) == []


def test_an_automation_that_hangs_is_stopped_when_its_time_is_up(product: Product) -> None:
    open_shop(product)
    rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    record = product.drill(one_wave(product, before=[{**FREEZE, "timeoutMinutes": 60}]))
    listed = action(product, record["executionId"], "freeze-writes")
    assert (listed["status"], record["waves"][0]["status"]) == ("TIMED_OUT", "FAILED")
    assert "longer than 60 min" in listed["reason"]
    (started,) = automations(product)
    assert started["AutomationExecutionStatus"] in ("Cancelled", "Cancelling")


@pytest.mark.speed(120)
def test_a_command_goes_to_all_instances_in_parts_of_fifty(product: Product) -> None:
    open_shop(product)
    warm = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}
    record = product.drill(one_wave(product, servers=120, after=[warm]), timeout=120)
    assert record["status"] == "COMPLETED", record
    listed = action(product, record["executionId"], "warm")
    assert listed["status"] == "SUCCEEDED", listed
    sent = commands(product, "Shop-WarmCaches")
    ids = [each for command in sent for each in command["InstanceIds"]]
    launched = [each["recoveryInstanceId"] for each in record["sourceServers"]]
    assert sorted(ids) == sorted(launched), "each instance once"
    assert max(len(command["InstanceIds"]) for command in sent) <= 50
    assert sum(part["instances"] for part in listed["parts"]) == 120


def test_the_output_of_a_command_says_on_how_many_more_instances_it_ran(product: Product) -> None:
    open_shop(product)
    rule(product, "COMMAND", document="Shop-WarmCaches", stdout="y" * 3_000)
    after = [{"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}]
    wave = {"name": "web", "groups": [product.group(product.seed(6))], "checks": ["agent"], "after": after}
    record = product.drill(product.plan(wave))
    listed = action(product, record["executionId"], "warm")
    assert listed["status"] == "SUCCEEDED", listed
    *shown, last = listed["output"].splitlines()
    assert [line.partition(":")[0][:2] for line in shown] == ["i-"] * 4
    assert last == "... and 2 more instances"
    assert len(listed["output"]) <= 2_000


def test_a_command_that_fails_on_an_instance_shows_its_output_without_the_secrets(product: Product) -> None:
    open_shop(product)
    said = f"password=hunter2secret {'x' * 24_000}"
    rule(product, "COMMAND", document="Shop-WarmCaches", effect="FAILS", exitCode=3, stdout=said, stderr="")
    record = product.drill(one_wave(product, after=[{"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}]))
    listed = action(product, record["executionId"], "warm")
    assert (listed["status"], record["waves"][0]["status"]) == ("FAILED", "FAILED")
    assert "exit code 3" in listed["reason"]
    assert "password=***" in listed["output"]
    assert len(listed["output"]) <= 2_000
    assert "hunter2secret" not in json.dumps([str(row) for row in product.items("Executions")])


def test_a_wave_in_two_accounts_sends_its_command_in_each(product: Product) -> None:
    open_shop(product)
    open_shop(product, account=OTHER, region=EUROPE)
    groups = [
        product.group(product.seed(1)),
        product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE),
    ]
    warm = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}
    record = product.drill(product.plan({"name": "web", "groups": groups, "after": [warm]}))
    assert record["status"] == "COMPLETED", record
    for account, region in ((HUB, WEST), (OTHER, EUROPE)):
        (command,) = commands(product, "Shop-WarmCaches", account, region)
        assert len(command["InstanceIds"]) == 1


def test_an_automation_that_the_account_does_not_have_fails_with_the_reason(product: Product) -> None:
    open_shop(product)
    plan = one_wave(product, before=[FREEZE])
    forget_document(product, "Shop-FreezeWrites")
    record = product.drill(plan)
    listed = action(product, record["executionId"], "freeze-writes")
    assert (listed["status"], record["waves"][0]["status"]) == ("FAILED", "FAILED")
    assert "AutomationDefinitionNotFound" in listed["reason"]


def test_an_instance_whose_agent_registers_late_gets_the_command_then(product: Product) -> None:
    open_shop(product)
    rule(product, "INSTANCE", hostname="srv-002", agentSeconds=400)
    warm = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}
    record = product.drill(one_wave(product, servers=2, after=[warm]))
    assert record["status"] == "COMPLETED", record
    ids = [each for command in commands(product, "Shop-WarmCaches") for each in command["InstanceIds"]]
    assert sorted(ids) == sorted(each["recoveryInstanceId"] for each in record["sourceServers"]), "each instance once"


def test_an_instance_whose_agent_never_registers_fails_the_command_when_its_time_is_up(product: Product) -> None:
    open_shop(product)
    rule(product, "INSTANCE", hostname="srv-001", agentSeconds=1_000_000)
    warm = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}, "timeoutMinutes": 5}
    record = product.drill(one_wave(product, after=[warm]))
    listed = action(product, record["executionId"], "warm")
    assert (listed["status"], record["waves"][0]["status"]) == ("TIMED_OUT", "FAILED")
    assert "not managed by Systems Manager" in listed["reason"]
    assert commands(product, "Shop-WarmCaches") == []


# --- drills that leave actions out --------------------------------------------------------------------------------
def test_a_drill_may_skip_its_actions(product: Product) -> None:
    open_shop(product)
    plan = one_wave(product, before=[FREEZE], plan_after=[{"name": "sign", "manual": {"instructions": "Look."}}])
    record = product.finish(start_with(product, plan, "skip"))
    assert record["status"] == "COMPLETED", record
    assert {each["status"] for each in actions_of(product, record["executionId"])} == {"SKIPPED"}
    assert automations(product) == []


def test_a_drill_may_only_look_whether_its_actions_could_run(product: Product) -> None:
    shop = open_shop(product)
    before = [
        FREEZE,
        {"name": "gone", "ssmAutomation": {"document": "Shop-PromoteDatabase", "parameters": {"Database": "shop"}}},
        {"name": "smoke", "lambda": {"function": shop.function_arn}},
        {"name": "switch", "stateMachine": {"name": shop.machine_arn}},
        {"name": "tell", "event": {"bus": shop.bus_arn, "detailType": "x"}},
        {"name": "sign", "manual": {"instructions": "Look."}},
    ]
    after = [{"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}}]
    plan = one_wave(product, before=before, after=after)
    forget_document(product, "Shop-PromoteDatabase")
    record = product.finish(start_with(product, plan, "verifyOnly"))
    found = {each["name"]: each["status"] for each in actions_of(product, record["executionId"])}
    assert found.pop("gone") == "FAILED"
    assert set(found.values()) == {"VERIFIED"}, found
    assert record["waves"][0]["status"] == "COMPLETED"
    assert record["status"] == "PARTIAL"
    assert "action gone before wave web is FAILED: it could not run" in record["reason"]
    assert automations(product) == []
    assert commands(product, "Shop-WarmCaches") == []
    assert product.engine.executions("Shop-SwitchTraffic") == []
