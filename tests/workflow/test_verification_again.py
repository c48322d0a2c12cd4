"""Verify after the end of a run: the API has the servers checked again, and the verdicts are corrected."""

import threading
import time
from typing import Any

import pytest

from tests.support.checked_servers import checks_of, statuses_of, wave_row
from tests.support.fault_injection import killed_after_change
from tests.support.plans import make_failing_wave, make_wave
from tests.support.product import Product, Reply
from tests.support.runs import decide, wait_until, wait_until_asked_for

CHECK = {"tcp": {"port": 5432}}


def failed_run(product: Product, **more: Any) -> tuple[str, str]:
    """An ended drill with an unverified server of two, and the rule that fails its check."""
    rule = product.emulator.control.add_rule({"kind": "COMMAND", "hostname": "web-002", "effect": "FAILS"})
    wave = make_wave(product, "web", 2, checks=[CHECK], checksTimeoutMinutes=60)
    record = product.drill(product.plan(wave, make_wave(product, "next", dependsOn=["web"]), **more))
    assert record["status"] == "FAILED", record
    return record["executionId"], rule


def verify(product: Product, run: str, wave: str = "web", key: str | None = None) -> Reply:
    headers = {"Idempotency-Key": key} if key else {}
    return product.request("POST", f"/executions/{run}/waves/{wave}/verify", None, headers)


def wait_for_checks(product: Product) -> None:
    deadline = time.monotonic() + 60
    while any(one.status == "RUNNING" for one in product.engine.executions("verify-target")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_servers_that_work_later_correct_the_wave_and_the_run(product: Product) -> None:
    run, rule = failed_run(product)
    product.emulator.control.remove_rules(rule)
    assert verify(product, run).status == 200
    wait_for_checks(product)
    assert set(statuses_of(product, run, "web").values()) == {"VERIFIED"}
    row = wave_row(product, run, "web")
    assert row["status"] == "COMPLETED"
    assert row["earlierVerdicts"][0]["status"] == "FAILED"
    assert [each["decision"] for each in row["decisions"]] == ["verify"]
    assert product.record(run)["status"] == "PARTIAL"  # the wave that was skipped for it stays skipped
    assert verify(product, run).status == 409  # all have passed


def test_servers_that_still_fail_keep_the_verdict(product: Product) -> None:
    run, _ = failed_run(product)
    before = checks_of(product, run, "web")
    assert verify(product, run).status == 200
    wait_for_checks(product)
    after = checks_of(product, run, "web")
    assert sorted(statuses_of(product, run, "web").values()) == ["UNVERIFIED", "VERIFIED"]
    assert {each: entry.get("at") for each, entry in after.items()} != {
        e: entry.get("at") for e, entry in before.items()
    }
    assert wave_row(product, run, "web")["status"] == "FAILED"
    assert product.record(run)["status"] == "FAILED"


def test_a_run_that_goes_on_refuses_unless_the_wave_waits_for_a_decision(product: Product) -> None:
    product.emulator.control.add_rule({"kind": "INSTANCE", "hostname": "web-001", "checks": "initializing"})
    run = product.start(product.plan(make_wave(product, checks=["boot"], checksTimeoutMinutes=600)))
    wait_until(product, run, lambda record: bool(checks_of(product, run, "web")))
    refused = verify(product, run)
    assert refused.status == 409
    assert "wave web is IN_PROGRESS" in refused.body["detail"]
    decide(product, run, "cancel")
    product.finish(run)


def test_a_wave_whose_servers_have_all_passed_is_not_verified_by_a_decision(product: Product) -> None:
    wave = make_failing_wave(product, "web", checks=["boot"], onFailure="ask")
    run = product.start(product.plan(wave, launchAttempts=1))
    wait_until_asked_for(product, run, "DECISION")
    refused = verify(product, run)
    assert refused.status == 409
    assert "none of the servers of wave web has failed its checks" in refused.body["detail"]
    decide(product, run, "waves/web/abort")
    product.finish(run)


def test_a_wave_without_checks_and_a_run_that_does_not_exist_are_refused(product: Product) -> None:
    record = product.drill(product.plan(make_wave(product)))
    refused = verify(product, record["executionId"])
    assert refused.status == 409
    assert "none of its servers was checked" in refused.body["detail"]
    assert verify(product, record["executionId"], "no-such-wave").status == 404
    assert verify(product, "drill-20200101-000000-000000").status == 404


def test_a_drill_that_was_cleaned_up_is_refused(product: Product) -> None:
    run, _ = failed_run(product)
    assert product.request("POST", f"/executions/{run}/cleanup").status == 202
    refused = verify(product, run)
    assert refused.status == 409
    assert "cleaned up" in refused.body["detail"]


def test_a_repeated_request_starts_no_second_look_and_one_during_it_is_refused(product: Product) -> None:
    run, _ = failed_run(product)
    begun = len(product.engine.executions("verify-target"))
    gate = threading.Event()

    def wait(event: Any, context: Any) -> None:
        gate.wait(20)

    product.engine.runtime.before("CheckServers", wait, times=1)
    assert verify(product, run, key="k" * 20).status == 200
    assert verify(product, run, key="k" * 20).status == 200
    refused = verify(product, run)
    assert refused.status == 409
    assert "are being checked now" in refused.body["detail"]
    gate.set()
    wait_for_checks(product)
    assert len(product.engine.executions("verify-target")) == begun + 1


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_api_function_that_is_killed_lets_the_same_request_start_the_checks(product: Product, number: int) -> None:
    run, rule = failed_run(product)
    product.emulator.control.remove_rules(rule)
    with killed_after_change("Api", number) as made:
        assert verify(product, run, key="k" * 20).status == 500
    assert len(made) == number, made
    assert verify(product, run, key="k" * 20).status in (200, 409)
    wait_for_checks(product)
    assert set(statuses_of(product, run, "web").values()) == {"VERIFIED"}
    assert wave_row(product, run, "web")["status"] == "COMPLETED"
    assert len(wave_row(product, run, "web")["decisions"]) == 1


def test_checks_that_broke_off_can_be_begun_again(product: Product) -> None:
    run, rule = failed_run(product)
    product.engine.runtime.fail("CheckServers", "KeyError", times=1)
    assert verify(product, run).status == 200
    wait_for_checks(product)
    entry = next(each for each in checks_of(product, run, "web").values() if each["status"] == "UNVERIFIED")
    assert entry["reason"].endswith("its checks broke off")
    product.emulator.control.remove_rules(rule)
    assert verify(product, run).status == 200
    wait_for_checks(product)
    assert wave_row(product, run, "web")["status"] == "COMPLETED"
