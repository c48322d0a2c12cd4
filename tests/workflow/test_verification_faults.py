"""Checks under faults: throttles, lost answers, killed, doubled and late functions; and what they cost in calls."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.checked_servers import checks_of, rows_of_checks, statuses_of
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.plans import make_wave
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, wait_until
from tests.support.shops import open_shop, rule

CHECKS = ["boot", "agent", {"tcp": {"port": 22}}]


def drill(product: Product, *checks: Any, count: int = 1, **more: Any) -> dict[str, Any]:
    wave = make_wave(product, "web", count, checks=list(checks or CHECKS), **more)
    return product.drill(product.plan(wave), timeout=240)


@pytest.mark.parametrize(
    "operation",
    ["DescribeInstanceStatus", "DescribeInstanceInformation", "SendCommand", "ListCommandInvocations"],
)
@pytest.mark.parametrize("kind", ["THROTTLING", "SERVER_ERROR", "CUT_AFTER"])
def test_a_service_that_fails_for_a_while_costs_no_server(product: Product, operation: str, kind: str) -> None:
    product.fault(kind, operation=operation, count=7)
    record = drill(product, count=2)
    assert record["status"] == "COMPLETED", record
    assert set(statuses_of(product, record["executionId"], "web").values()) == {"VERIFIED"}


def test_an_outage_longer_than_the_time_of_the_checks_costs_no_server_and_notifies_operators() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        product.fault("SERVER_ERROR", operation="DescribeInstanceStatus", durationSeconds=3_600)
        record = drill(product, "boot", checksTimeoutMinutes=60)
        assert record["status"] == "COMPLETED", record
        assert "RETRIES_EXHAUSTED" in inbox.values("kind")


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_look_that_is_killed_after_a_write_changes_nothing_of_the_result(product: Product, number: int) -> None:
    with killed_after_change("CheckServers", number) as made:
        record = drill(product, count=2)
    assert len(made) == number, made
    assert record["status"] == "COMPLETED", record
    assert set(statuses_of(product, record["executionId"], "web").values()) == {"VERIFIED"}


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_settlement_that_is_killed_begins_and_ends_the_checks_all_the_same(product: Product, number: int) -> None:
    rule(product, "INSTANCE", hostname="web-002", checks="instance-impaired")
    with killed_after_change("SettleWave", number) as made:
        record = drill(product, "boot", count=2, maxFailedPercent=50, checksTimeoutMinutes=60)
    assert len(made) == number, made
    assert record["status"] == "PARTIAL", record
    assert Counter(statuses_of(product, record["executionId"], "web").values()) == {"VERIFIED": 1, "UNVERIFIED": 1}


def test_a_look_whose_answer_is_lost_is_repeated(product: Product) -> None:
    product.engine.runtime.lose_answer("CheckServers", times=3)
    record = drill(product)
    assert record["status"] == "COMPLETED", record


@pytest.mark.parametrize("ending", ["gives up on it", "has no time left", "is cancelled"])
def test_a_command_that_hangs_is_cancelled_when_its_check(product: Product, ending: str) -> None:
    open_shop(product)
    rule(product, "COMMAND", effect="HANGS", **({"count": 1} if ending == "gives up on it" else {}))
    check = {
        "command": {"document": "Shop-CheckService", "timeoutSeconds": 30 if ending == "gives up on it" else 3_600}
    }
    # Late looks put off the end of the checks. A command that hangs must outlast them on a busy machine too.
    minutes = {"gives up on it": 60, "has no time left": 30, "is cancelled": 600}[ending]
    wave = make_wave(product, "web", checks=[check], checksTimeoutMinutes=minutes)
    run = product.start(product.plan(wave))
    if ending == "is cancelled":
        wait_until(
            product, run, lambda record: any("command" in each for each in checks_of(product, run, "web").values())
        )
        assert decide(product, run, "cancel").status == 200
    product.finish(run, timeout=240)
    status = "VERIFIED" if ending == "gives up on it" else "UNVERIFIED"
    assert set(statuses_of(product, run, "web").values()) == {status}
    assert product.calls()["CancelCommand"] == 1


def test_a_command_that_is_given_up_is_cancelled_although_another_service_fails(product: Product) -> None:
    """The look ends with the error of the load balancer, after it has given up the command of the other server."""
    servers = product.seed(2)
    shop = open_shop(product, *servers)
    rule(product, "COMMAND", hostname="srv-001", document="Shop-CheckService", effect="HANGS")
    product.fault("SERVER_ERROR", service="elbv2", operation="DescribeTargetHealth")
    command = {"command": {"document": "Shop-CheckService", "timeoutSeconds": 30}}
    wave = {
        "name": "web",
        "groups": [product.group(servers)],
        "checks": [command, {"targetGroup": shop.target_group_arn}],
    }
    run = product.start(product.plan(wave))
    wait_until(product, run, lambda record: "CancelCommand" in product.calls())
    assert decide(product, run, "cancel").status == 200
    product.finish(run)


def test_looks_that_break_off_leave_their_servers_unverified(product: Product) -> None:
    product.engine.runtime.fail("CheckServers", "KeyError", times=1)
    record = drill(product)
    assert record["status"] == "FAILED", record
    (entry,) = checks_of(product, record["executionId"], "web").values()
    assert entry["reason"] == "boot has not passed: its checks broke off"
    assert "KeyError" in record["waves"][0]["reason"]


@contextmanager
def checking_run(product: Product, *checks: Any, **more: Any) -> Iterator[str]:
    """The id of a drill whose servers are being checked until the end of the block; then they pass."""
    slow = rule(product, "INSTANCE", hostname="web-001", checks="initializing")
    run = product.start(product.plan(make_wave(product, "web", checks=list(checks or ["boot"]), **more)))
    wait_until(product, run, lambda record: any(row["looks"] > 1 for row in rows_of_checks(product, run, "web")))
    yield run
    product.emulator.control.remove_rules(slow)


def look(product: Product, run: str, turn: int = 0) -> Any:
    event = {"executionId": run, "wave": "web", "accountId": HUB, "region": WEST, "batch": 1}
    return product.engine.invoke(
        "CheckServers", {**event, "batches": 1, "turn": turn, "afterEnd": False, "failures": 0}
    )


def test_a_look_that_comes_late_finds_nothing_to_do(product: Product) -> None:
    with checking_run(product) as run:
        assert look(product, run, turn=1) == {"done": True, "waitSeconds": 1}  # of a turn that is not on record
    assert product.finish(run)["status"] == "COMPLETED"
    before = rows_of_checks(product, run, "web")
    assert look(product, run) == {"done": True, "waitSeconds": 1}
    assert rows_of_checks(product, run, "web") == before


def test_of_two_looks_at_once_one_is_recorded(product: Product) -> None:
    with checking_run(product, checksTimeoutMinutes=1_000) as run:
        answers: list[Any] = []
        threads = [threading.Thread(target=lambda: answers.append(look(product, run))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 4
        assert not any(answer["done"] for answer in answers)
    record = product.finish(run)
    assert record["status"] == "COMPLETED", record


def test_a_run_that_was_aborted_leaves_no_server_without_an_answer(product: Product) -> None:
    with checking_run(product, checksTimeoutMinutes=1_000) as run:
        product.machine(run).stop()
        product.engine.invoke("CloseExecution", {"detail": {"name": run, "status": "ABORTED"}})
        assert set(statuses_of(product, run, "web").values()) == {"UNVERIFIED"}
        assert product.record(run)["status"] == "FAILED"


@pytest.mark.speed(60)
def test_a_look_at_a_hundred_servers_costs_one_call_for_fifty_in_each_service(product: Product) -> None:
    looks: list[Counter[str]] = []
    calls = [Counter(product.calls())]

    def count(event: Any, context: Any, result: Any) -> None:
        now = Counter(product.calls())
        looks.append(now - calls[-1])
        calls.append(now)

    product.engine.runtime.before("CheckServers", lambda event, context: calls.append(Counter(product.calls())))
    product.engine.runtime.after("CheckServers", count)
    product.emulator.control.change_settings({"durations": {"boot": {"pending": 60, "started": 60}}, "spread": 0})
    wave = make_wave(product, "web", 100, checks=["boot", "agent", {"tcp": {"port": 22}}])
    record = product.drill(product.plan(wave), timeout=240)
    assert record["status"] == "COMPLETED", record
    for each in looks:
        assert each["DescribeInstanceStatus"] <= 1
        assert each["DescribeInstanceInformation"] + each["SendCommand"] + each["ListCommandInvocations"] <= 4, looks


@pytest.mark.speed(60)
def test_batches_of_a_large_wave_are_checked_side_by_side(product: Product) -> None:
    rule(product, "INSTANCE", hostname="web-007", checks="instance-impaired")
    record = drill(product, "boot", {"tcp": {"port": 22}}, count=250, maxFailedPercent=1, checksTimeoutMinutes=20)
    assert record["status"] == "PARTIAL", record["waves"]
    rows = rows_of_checks(product, record["executionId"], "web")
    assert [int(row["checked"]) for row in rows] == [83, 83, 84]
    assert Counter(statuses_of(product, record["executionId"], "web").values()) == {"VERIFIED": 249, "UNVERIFIED": 1}
