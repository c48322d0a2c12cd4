"""Attacks on checks and actions: late and repeated messages, forged rows, dead machines, answers that cross."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from recovery import clock
from recovery.domain.wave_steps.action_record import ActionAnswer, ActionStatus
from recovery.domain.wave_steps.actions import ActionPlace
from recovery.store.steps import actions as store
from tests.support.action_runs import FREEZE, action, answer, automations, commands, one_wave, wait_for_action
from tests.support.checked_servers import checks_of, statuses_of, wave_row
from tests.support.plans import make_wave
from tests.support.product import EUROPE, OTHER, Product
from tests.support.runs import decide, wait_until, wait_until_asked_for, wave_statuses
from tests.support.shops import open_shop, rule

CHECK = {"tcp": {"port": 5432}}
SIGN: dict[str, Any] = {"name": "sign-off", "manual": {"instructions": "Place an order."}}


def verify(product: Product, run: str, wave: str = "web") -> None:
    assert product.request("POST", f"/executions/{run}/waves/{wave}/verify").status == 200


def hold_until(gate: threading.Event) -> Callable[[Any, Any], None]:
    """What keeps a function from its work until the gate is open."""

    def hold(event: Any, context: Any) -> None:
        gate.wait(30)

    return hold


def wait_for_machines(product: Product, name: str) -> None:
    for machine in product.engine.executions(name):
        machine.wait(60)


# --- a wave that is COMPLETED with a server that does not work ----------------------------------------------------
def test_of_two_targets_that_are_verified_after_the_end_the_slower_one_counts_too(product: Product) -> None:
    """The wave was judged when the first target was done, while the servers of the other were still being checked."""
    here = product.group(product.seed(1, prefix="here"))
    there = product.group(product.seed(1, prefix="there", account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    mended = rule(product, "COMMAND", hostname="here-001", effect="FAILS")
    rule(product, "COMMAND", hostname="there-001", effect="FAILS")
    wave = {"name": "web", "groups": [here, there], "checks": [CHECK], "checksTimeoutMinutes": 60}
    run = product.drill(product.plan(wave))["executionId"]
    product.emulator.control.remove_rules(mended)
    gate, is_first = threading.Event(), threading.Event()

    def hold(event: Any, context: Any) -> None:
        if event["accountId"] == OTHER:
            is_first.set()
            gate.wait(30)

    product.engine.runtime.before("CheckServers", hold, times=1_000)
    verify(product, run)
    assert is_first.wait(30)
    wait_until(product, run, lambda _: sorted(statuses_of(product, run, "web").values())[0] == "VERIFIED")
    (fast,) = [one for one in product.engine.executions("verify-target") if one.name.endswith("us-west-2_1")]
    fast.wait(60)
    assert wave_row(product, run, "web")["status"] == "FAILED"
    gate.set()
    wait_for_machines(product, "verify-target")
    assert sorted(statuses_of(product, run, "web").values()) == ["UNVERIFIED", "VERIFIED"]
    assert wave_row(product, run, "web")["status"] == "FAILED"
    assert product.record(run)["status"] == "FAILED"


@pytest.mark.parametrize("has_run", [True, False])
def test_a_verify_after_the_end_does_not_make_up_for_an_action_after_the_wave(product: Product, has_run: bool) -> None:
    """A verify begins another turn, in which the action that failed or never ran looked like one that is to come."""
    broken = rule(product, "COMMAND", hostname="web-002", effect="FAILS")
    after = [{**SIGN, "timeoutMinutes": 1}]
    wave = make_wave(product, "web", 2, checks=[CHECK], checksTimeoutMinutes=60, after=after)
    record = product.drill(product.plan({**wave, "maxFailedPercent": 50 if has_run else 0}))
    run = record["executionId"]
    assert wave_statuses(record) == {"web": "FAILED"}
    assert action(product, run, "sign-off")["status"] == ("TIMED_OUT" if has_run else "SKIPPED")
    product.emulator.control.remove_rules(broken)
    verify(product, run)
    wait_for_machines(product, "verify-target")
    assert set(statuses_of(product, run, "web").values()) == {"VERIFIED"}
    row = wave_row(product, run, "web")
    assert row["status"] == "FAILED", row
    assert "action sign-off" in row["reason"]


def test_a_continuation_is_not_complete_with_a_server_that_the_run_before_could_not_verify(product: Product) -> None:
    broken = rule(product, "COMMAND", hostname="database-001", effect="FAILS")
    database = make_wave(product, "database", 1, checks=[CHECK], checksTimeoutMinutes=60)
    plan = product.plan(database, make_wave(product, "web", 1, dependsOn=["database"]))
    first = product.drill(plan)["executionId"]
    again = product.request("POST", f"/executions/{first}/continue")
    assert again.status == 202, again
    record = product.finish(again.body["executionId"])
    assert wave_statuses(record) == {"database": "FAILED", "web": "SKIPPED"}
    assert f"1 server that {first} launched have not passed" in record["waves"][0]["reason"]
    product.emulator.control.remove_rules(broken)
    verify(product, first, "database")
    wait_for_machines(product, "verify-target")
    again = product.request("POST", f"/executions/{record['executionId']}/continue")
    assert again.status == 202, again
    record = product.finish(again.body["executionId"])
    assert wave_statuses(record) == {"database": "COMPLETED", "web": "COMPLETED"}


def test_a_secret_that_a_check_prints_is_masked(product: Product) -> None:
    printed = "connecting with password=tr0ub4dor-and-3"
    rule(product, "COMMAND", hostname="web-001", effect="FAILS", exitCode=1, stdout=printed)
    record = product.drill(product.plan(make_wave(product, "web", 1, checks=[CHECK], checksTimeoutMinutes=60)))
    (entry,) = checks_of(product, record["executionId"], "web").values()
    assert "connecting with password=***" in entry["output"]


# --- actions that count as done, or run twice ---------------------------------------------------------------------
def event_of(run: str, place: str = "before", turn: int = 0) -> dict[str, Any]:
    return {"executionId": run, "wave": "web", "place": place, "turn": turn}


@pytest.mark.parametrize("waits", [SIGN, {"name": "sign-off", "wait": {"minutes": 600}}])
def test_a_late_poll_ends_no_wait_for_a_person_or_a_time(product: Product, waits: dict[str, Any]) -> None:
    run = product.start(one_wave(product, before=[waits]))
    wait_for_action(product, run, "sign-off", "WAITING")
    assert product.engine.invoke("PollAction", event_of(run))["next"] == "START"
    assert action(product, run, "sign-off")["status"] == "WAITING"
    decide(product, run, "cancel")
    product.finish(run)


@pytest.mark.parametrize("status", ["SUCCEEDED", "SKIPPED", "VERIFIED"])
@pytest.mark.parametrize("kind", ["manual", "wait"])
def test_a_row_that_is_there_before_the_wave_confirms_no_manual_task(product: Product, status: str, kind: str) -> None:
    """StartWave looked at the row alone, so that nothing asked whether an operator had confirmed the task."""
    run = product.start(one_wave(product, before=[SIGN], pauseBefore=True))
    wait_until_asked_for(product, run, "RESUME")
    forged = {"wave": "web", "place": "before", "number": 1, "name": "sign-off", "kind": kind, "title": "x"}
    more = {"attempt": 1, "turn": 0, "version": 1, "status": status}
    product.put("Executions", {"executionId": run, "item": "ACTION#web#before#01", **forged, **more})
    assert decide(product, run, "resume").status == 200
    wait_for_action(product, run, "sign-off", "WAITING")
    assert product.jobs() == []
    decide(product, run, "cancel")
    product.finish(run)


def test_a_forged_row_after_a_wave_is_no_sign_off(product: Product) -> None:
    run = product.start(one_wave(product, after=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("AwaitPerson")
    (row,) = [each for each in product.items("Executions") if each["item"] == "ACTION#web#after#01"]
    product.put("Executions", {**row, "status": "SUCCEEDED", "version": row["version"] + 1})
    machine.stop(error="Broken", cause="someone stopped it")
    assert product.finish(run)["waves"][0]["status"] == "FAILED"


def test_a_confirmation_that_comes_with_the_end_of_the_time_is_not_overruled(product: Product) -> None:
    """The function that ended the task had read the row, and that there was no answer, before the answer came."""
    run = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    record, gate = store.list_actions(run, "web", ActionPlace.BEFORE)[1], threading.Event()
    product.engine.runtime.before("StartAction", hold_until(gate), times=1)
    assert answer(product, run, "sign-off", "confirm", comment="done").status == 200
    assert store.save(record.end(ActionStatus.TIMED_OUT, clock.iso(), "late")) is None
    gate.set()
    assert product.finish(run)["status"] == "COMPLETED"
    assert action(product, run, "sign-off")["status"] == "SUCCEEDED"


def test_an_answer_about_a_row_that_has_moved_on_is_refused(product: Product) -> None:
    run = product.start(one_wave(product, before=[SIGN]))
    wait_for_action(product, run, "sign-off", "WAITING")
    record = store.list_actions(run, "web", ActionPlace.BEFORE)[1]
    assert store.save(record)
    entry = {"decision": "confirm", "by": "ben", "at": clock.iso(), "comment": "done"}
    assert store.record_answer(record, ActionAnswer.CONFIRM, entry) is False
    decide(product, run, "cancel")
    product.finish(run)


def test_a_retry_stops_what_a_dead_machine_has_left_running(product: Product) -> None:
    open_shop(product)
    hang = rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="HANGS")
    run = product.start(one_wave(product, after=[{**FREEZE, "timeoutMinutes": 600}], onFailure="ask"))
    wait_for_action(product, run, "freeze-writes", "RUNNING")
    (machine,) = product.engine.executions("run-actions")
    machine.wait_for_state("WaitForAction")
    machine.stop(error="Broken", cause="someone stopped it")
    wait_until_asked_for(product, run, "DECISION")
    (first,) = automations(product)
    product.emulator.control.remove_rules(hang)
    assert decide(product, run, "waves/web/retry").status == 200
    assert product.finish(run)["status"] == "COMPLETED"
    found = {each["AutomationExecutionId"]: each["AutomationExecutionStatus"] for each in automations(product)}
    assert len(found) == 2
    assert found[first["AutomationExecutionId"]] in ("Cancelled", "Cancelling")


def test_a_late_start_of_an_earlier_turn_begins_nothing(product: Product) -> None:
    open_shop(product)
    broken = rule(product, "AUTOMATION", document="Shop-FreezeWrites", step="stopWriters", effect="FAILS")
    run = product.start(one_wave(product, after=[FREEZE, SIGN], onFailure="ask"))
    wait_until_asked_for(product, run, "DECISION")
    product.emulator.control.remove_rules(broken)
    gate = threading.Event()
    product.engine.runtime.before("StartAction", hold_until(gate), times=1)
    assert decide(product, run, "waves/web/retry").status == 200
    wait_until(product, run, lambda _: len(product.engine.executions("run-actions")) == 2)
    gate.set()
    wait_for_action(product, run, "sign-off", "WAITING")
    assert product.engine.invoke("StartAction", event_of(run, "after", turn=0))["next"] == "ENDED"
    decide(product, run, "cancel")
    product.finish(run)


def test_a_run_whose_last_actions_were_never_begun_is_not_complete(product: Product) -> None:
    product.engine.runtime.fail("StartAction", "KeyError", times=1)
    product.engine.runtime.fail("StopAction", "KeyError", times=100)
    record = product.drill(one_wave(product, plan_after=[SIGN]))
    assert wave_statuses(record) == {"web": "COMPLETED"}
    assert record["status"] == "PARTIAL", record
    assert "action sign-off after the plan has not run" in record["reason"]


def test_a_wave_of_optional_servers_whose_preparation_broke_has_not_succeeded(product: Product) -> None:
    """No server was launched, and a wave may do without optional servers; but it never began."""
    product.engine.runtime.fail("StartAction", "KeyError", times=1)
    product.engine.runtime.fail("StopAction", "KeyError", times=100)
    open_shop(product)
    use = {"groupId": product.group(product.seed(1)), "optional": True}
    record = product.drill(product.plan({"name": "web", "groups": [use], "before": [FREEZE]}))
    assert wave_statuses(record) == {"web": "FAILED"}, record["waves"]
    assert "the actions before the wave have not ended" in record["waves"][0]["reason"]


def test_a_command_whose_answer_was_lost_reaches_an_instance_without_an_agent_later_and_no_other_twice(
    product: Product,
) -> None:
    open_shop(product)
    rule(product, "INSTANCE", hostname="srv-002", agentSeconds=400)
    product.fault("CUT_AFTER", operation="SendCommand", service="ssm", count=1)
    warm = {"name": "warm", "ssmCommand": {"document": "Shop-WarmCaches"}, "timeoutMinutes": 60}
    record = product.drill(one_wave(product, servers=2, after=[warm]))
    assert record["status"] == "COMPLETED", record
    sent = [each for command in commands(product, "Shop-WarmCaches") for each in command["InstanceIds"]]
    assert len(sent) == len(set(sent)) == 2


# --- bad input ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("number", "status"),
    [("0.1", 201), ("-2.5e-7", 201), ("7", 201), ("NaN", 400), ("1e400", 400), ("1e200", 400), ("9" * 45, 400)],
)
def test_a_number_in_a_payload_arrives_as_it_is_or_is_refused(product: Product, number: str, status: int) -> None:
    got = list[Any]()
    shop = open_shop(product, smoke_test=lambda event, _: got.append(event["level"]))
    smoke = {"name": "smoke", "lambda": {"function": shop.function_arn, "payload": {"level": "@"}}}
    wave = {"name": "web", "groups": [{"groupId": product.group(product.seed(1))}], "after": [smoke]}
    body = json.dumps({"name": "a plan", "waves": [wave]}).replace('"@"', number)
    reply = product.request("POST", "/recovery-plans", body)
    assert reply.status == status, reply
    if status == 400:
        assert reply.body["problems"][0]["field"] == "waves[0].after[0].lambda.payload"
    else:
        assert product.drill(reply.body["planId"])["status"] == "COMPLETED"
        assert got == [json.loads(number)]
