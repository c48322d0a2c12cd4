"""One sync of a target at a time, and one of all targets, whoever starts it."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from recovery.cache import running_syncs
from recovery.cache import sync as sync_module
from recovery.cache.running_syncs import ALL_CLAIM_SECONDS, ALL_TARGETS, TARGET_CLAIM_SECONDS
from recovery.domain.target import Target
from tests.harness.engine import Execution
from tests.support.instance_cache import SYNC, cached, sync
from tests.support.plans import make_plan
from tests.support.product import EUROPE, HUB, OTHER, WEST, Product

HERE, THERE = {"accountId": HUB, "region": WEST}, {"accountId": OTHER, "region": EUROPE}
READS = "DescribeRecoveryInstances"


def start(product: Product, **body: Any) -> dict[str, Any]:
    reply = product.request("POST", SYNC, body or None)
    assert reply.status == 202, reply
    started: dict[str, Any] = reply.body
    return started


def executions(product: Product) -> dict[str, Execution]:
    return {execution.name: execution for execution in product.engine.executions("sync-cache")}


def claims(product: Product) -> list[str]:
    """What is claimed now."""
    rows = [row for row in product.items("Limits") if row["target"] == running_syncs.PARTITION]
    return sorted(row["item"] for row in rows if "sync" in row)


@contextmanager
def held(patch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Syncs that wait in the middle of their work until the block ends; the event says that one does."""
    read, reached, go_on = sync_module._read_target, threading.Event(), threading.Event()

    def wait_and_read(target: Target) -> Any:
        reached.set()
        assert go_on.wait(60)
        return read(target)

    patch.setattr(sync_module, "_read_target", wait_and_read)
    try:
        yield reached
    finally:
        go_on.set()


@pytest.fixture
def filled(product: Product) -> Product:
    """A product with three recovery instances in one target, and a group in another."""
    product.drill(make_plan(product))
    product.group(product.seed(1, account=OTHER, region=EUROPE), account=OTHER, region=EUROPE)
    return product


@pytest.mark.parametrize("body", [{}, {"targets": [HERE]}])
def test_a_second_start_returns_the_sync_that_is_running(
    filled: Product, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    with held(monkeypatch) as reached:
        first = start(filled, **body)
        assert reached.wait(60)
        second = start(filled, **body)
        assert second["sync"] == first["sync"]
        assert second["startedAt"] >= first["startedAt"]
        assert list(executions(filled)) == [first["sync"]]
    assert executions(filled)[first["sync"]].wait(60).status == "SUCCEEDED"
    assert len(cached(filled)) == 3
    assert claims(filled) == []
    assert start(filled, **body)["sync"] != first["sync"], "the next one is new"


def test_a_start_for_further_targets_begins_and_leaves_those_at_work(
    filled: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = filled.calls()[READS]
    with held(monkeypatch) as reached:
        first = start(filled, targets=[HERE])
        assert reached.wait(60)
        second = start(filled, targets=[HERE, THERE])
        assert second["sync"] != first["sync"]
        while THERE["accountId"] not in str(claims(filled)):
            time.sleep(0.02)
        assert len(executions(filled)) == 2
    for each in executions(filled).values():
        assert each.wait(60).status == "SUCCEEDED"
    assert filled.calls()[READS] == before + 2, "each target was read once"


def test_the_schedule_does_not_sync_beside_a_sync_of_all_targets(
    filled: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(monkeypatch) as reached:
        start(filled)
        assert reached.wait(60)
        checked = len(filled.engine.runtime.invocations_of("ListTargets"))
        scheduled = filled.engine.run(filled.engine.machine_arn("sync-cache"), {})
        assert scheduled.status == "SUCCEEDED"
        assert scheduled.states_entered() == ["ListTargets", "IsAnotherAtWork", "LeftToAnother"]
        assert len(filled.engine.runtime.invocations_of("ListTargets")) == checked + 1, "late runs are looked for"
    for each in executions(filled).values():
        each.wait(60)
    assert filled.request("GET", f"{SYNC}/status").body["lastSync"]["targets"] == 2


def test_many_starts_at_once_read_each_target_once_at_a_time(filled: Product) -> None:
    """They may start before any has claimed a target; then their tasks leave the targets to the first."""
    reading, most, lock, read = set[int](), list[int](), threading.Lock(), sync_module._read_target

    def read_and_count(target: Target) -> Any:
        if target != Target(HUB, WEST):
            return read(target)
        with lock:
            reading.add(threading.get_ident())
            most.append(len(reading))
        time.sleep(0.1)
        try:
            return read(target)
        finally:
            with lock:
                reading.discard(threading.get_ident())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sync_module, "_read_target", read_and_count)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: start(filled, **({"targets": [HERE]} if number % 2 else {})), range(8)))
        for each in executions(filled).values():
            assert each.wait(60).status == "SUCCEEDED"
    assert most
    assert max(most) == 1
    assert claims(filled) == []


def test_a_sync_that_fails_or_is_killed_blocks_no_other(filled: Product) -> None:
    filled.engine.runtime.fail("SyncCache", "KeyError", times=1)
    sync(filled, targets=[HERE])
    filled.fault("REGION_DOWN", **HERE)
    sync(filled, targets=[HERE])
    assert claims(filled) == []
    filled.emulator.control.remove_faults(None)
    began = {"startedAt": "2026-01-01T00:00:00.000Z"}
    for item, seconds in ((ALL_TARGETS, ALL_CLAIM_SECONDS), (Target(HUB, WEST).key, TARGET_CLAIM_SECONDS)):
        killed = {"target": running_syncs.PARTITION, "item": item, "sync": "killed", **began}
        filled.put("Limits", {**killed, "until": int(time.time()) + int(seconds)})
    assert start(filled)["sync"] == "killed"
    assert start(filled, targets=[HERE])["sync"] == "killed"
    for item in (ALL_TARGETS, Target(HUB, WEST).key):
        killed = {"target": running_syncs.PARTITION, "item": item, "sync": "killed", **began}
        filled.put("Limits", {**killed, "until": int(time.time()) - 1})
    assert sync(filled).status == "SUCCEEDED"


def test_a_task_that_is_repeated_goes_on_with_its_claim_and_an_old_machine_claims_nothing(filled: Product) -> None:
    filled.engine.runtime.lose_answer("SyncCache", times=1)
    assert sync(filled, targets=[HERE]).status == "SUCCEEDED"
    reads = filled.calls()[READS]
    told = filled.engine.invoke("SyncCache", HERE)  # as a machine of the version before sends it
    assert told["status"] == "SYNCED"
    assert filled.engine.invoke("ListTargets", {})["targets"]
    assert filled.calls()[READS] == reads + 1
    assert claims(filled) == []


@pytest.mark.parametrize("sync_name", ["another", "mine"])
def test_of_many_claims_at_once_one_holds_until_it_is_released(product: Product, sync_name: str) -> None:
    def claim(number: int) -> bool:
        name = sync_name if sync_name == "mine" else f"{sync_name}-{number}"
        return bool(product.engine.invoke("Claim", {"sync": name})["claimed"])

    product.engine.create_function(
        "Claim", lambda event, _: {"claimed": running_syncs.claim("a target", event["sync"], 100)}
    )
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(claim, range(16)))
    assert sum(got) == (16 if sync_name == "mine" else 1)
