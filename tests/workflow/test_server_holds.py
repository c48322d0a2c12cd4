"""Two runs never start the same server at once, even while DRS hides the job of the first and would accept a second."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from recovery.drs.visibility import HOLD_SECONDS
from tests.harness.engine import Execution
from tests.support.fault_injection import held_before, killed_after_change
from tests.support.product import HUB, SHORT_DURATIONS, WEST, Product
from tests.support.runs import decide, wait_until_asked_for

pytestmark = pytest.mark.speed(60)


@pytest.fixture
def unkind(product: Product) -> Product:
    """A DRS that hides a new job for two minutes, and launches its servers again at a second start meanwhile."""
    product.emulator.control.change_settings({"profile": "unkind", "durations": dict(SHORT_DURATIONS)})
    return product


def held_runs(product: Product, *groups: list[str], mode: str = "recoveries") -> list[str]:
    """A run over each of these groups of servers, past its inspection and waiting for a resume."""
    runs = []
    for number, servers in enumerate(groups):
        group = product.group(servers, name=f"group {number}")
        plan = product.plan({"name": "web", "groups": [group], "pauseBefore": True}, name=f"plan {number}")
        runs.append(product.start(plan, mode))
    for run in runs:
        wait_until_asked_for(product, run, "RESUME")
    return runs


def machine_of(product: Product, run: str) -> Execution | None:
    """The recover-target execution of the run; None before it has begun."""
    return next((one for one in product.engine.executions("recover-target") if one.name.startswith(run)), None)


def waits(product: Product, run: str) -> bool:
    machine = machine_of(product, run)
    return machine is not None and "WaitForDrs" in machine.states_entered()


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.02)


def launches(product: Product) -> Counter[str]:
    """How many launch jobs each server has been in."""
    jobs = [job for job in product.jobs() if job["type"] == "LAUNCH"]
    return Counter(part["sourceServerID"] for job in jobs for part in job["participatingServers"])


def assert_one_run_launched(product: Product, first: str, second: str, servers: list[str]) -> None:
    """The first run launched the servers, the second one none of them and says why, and nothing is held any more."""
    record, other = product.finish(first), product.finish(second)
    assert launches(product) == dict.fromkeys(servers, 1)
    assert record["status"] == "COMPLETED", record["sourceServers"]
    assert other["servers"]["launched"] == 0
    for server in other["sourceServers"]:
        assert "is live" in server["reason"] or "launched it" in server["reason"]
    assert not any(row.get("leases") for row in product.items("Limits"))


def test_of_two_runs_that_reach_the_start_at_once_one_launches_and_the_other_waits_and_names_it(
    unkind: Product,
) -> None:
    servers = unkind.seed(2)
    first, second = held_runs(unkind, servers, servers)
    with held_before("StartRecovery", "StartRecovery") as gate:
        decide(unkind, first, "resume")
        assert gate.reached.wait(30)
        decide(unkind, second, "resume")
        wait_for(lambda: waits(unkind, second) or unkind.calls().get("StartRecovery"))
        gate.go.set()
        assert_one_run_launched(unkind, first, second, servers)
    machine = machine_of(unkind, second)
    assert machine is not None
    refusals = [
        event["taskFailedEventDetails"]["cause"] for event in machine.history if "taskFailedEventDetails" in event
    ]
    assert any(f"batch {first}/web/" in cause and f"is starting {min(servers)}" in cause for cause in refusals), (
        refusals
    )


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_run_does_not_start_a_server_whose_job_drs_hides(unkind: Product, mode: str) -> None:
    shared, more = unkind.seed(1), unkind.seed(1, prefix="more")
    first, second = held_runs(unkind, shared, [*shared, *more], mode=mode)
    decide(unkind, first, "resume")
    wait_for(lambda: unkind.calls().get("StartRecovery"))
    decide(unkind, second, "resume")
    record, other = unkind.finish(first), unkind.finish(second)
    assert record["status"] == "COMPLETED"
    assert waits(unkind, second)
    found = {each["sourceServerId"]: each["status"] for each in other["sourceServers"]}
    assert found[more[0]] == "LAUNCHED"
    # A later drill may replace the instance of a drill, once the job of the first has ended.
    jobs = sorted(
        (job for job in unkind.jobs() if job["type"] == "LAUNCH"), key=lambda job: str(job["creationDateTime"])
    )
    assert len(jobs) == 2
    assert jobs[0]["endDateTime"] <= jobs[1]["creationDateTime"]
    assert found[shared[0]] == ("LAUNCHED" if mode == "drills" else "FAILED")


def test_runs_over_other_servers_of_the_target_do_not_wait_for_each_other(unkind: Product) -> None:
    first, second = held_runs(unkind, unkind.seed(2, prefix="a"), unkind.seed(2, prefix="b"))
    with held_before("StartRecovery", "StartRecovery") as gate:
        decide(unkind, first, "resume")
        assert gate.reached.wait(30)
        decide(unkind, second, "resume")
        wait_for(lambda: unkind.calls().get("StartRecovery"))
        gate.go.set()
        for run in (first, second):
            assert unkind.finish(run)["status"] == "COMPLETED"
            assert not waits(unkind, run)


@pytest.mark.parametrize("fault", ["CUT_AFTER", None])
def test_an_aborted_run_keeps_the_servers_of_a_hidden_job_until_drs_must_show_it(
    unkind: Product, fault: str | None
) -> None:
    """The job of the aborted run is hidden and followed by no machine; its servers are free again in the end."""
    servers = unkind.seed(2)
    first, second = held_runs(unkind, servers, servers)
    if fault:
        unkind.fault(fault, operation="StartRecovery", count=1)
    decide(unkind, first, "resume")
    wait_for(lambda: any(row.get("unansweredSince") and row["executionId"] == first for row in batch_rows(unkind)))
    wait_for(lambda: unkind.calls().get("StartRecovery"))
    for machine in unkind.engine.executions():
        if machine.status == "RUNNING" and machine.name.startswith(first):
            machine.stop()
    event = {"detail": {"executionArn": unkind.machine(first).arn, "name": first, "status": "ABORTED"}}
    unkind.engine.invoke("CloseExecution", event)
    assert unkind.record(first)["status"] not in ("RUNNING", "PENDING")
    decide(unkind, second, "resume")
    unkind.finish(second, 120)
    assert launches(unkind) == dict.fromkeys(servers, 1)
    assert not any(row.get("leases") for row in unkind.items("Limits"))


def batch_rows(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.items("Executions") if row["item"].startswith("BATCH#")]


def test_a_hold_that_nobody_releases_ends_by_itself(product: Product) -> None:
    """The lease of a batch whose function and machines are gone for good."""
    server = product.seed(1)
    now = product.emulator.world.clock.now()
    dead = {
        "servers": 1,
        "expiresAt": int(now) + 3_600,
        "held": server,
        "heldUntil": int(now) + HOLD_SECONDS,
    }
    target = f"{HUB}/{WEST}"
    key = f"recovery-dead/web/{target}/0001#1"
    product.put("Limits", {"target": target, "item": "LEASES", "version": 1, "leases": {key: dead}})
    plan = product.plan({"name": "web", "groups": [product.group(server)]})
    run = product.start(plan, "recoveries")
    record = product.finish(run, 120)
    assert record["status"] == "COMPLETED"
    assert waits(product, run)
    assert record["durationSeconds"] < 2 * HOLD_SECONDS + 1_200


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, 12))
def test_a_start_killed_after_a_change_launches_each_server_once_beside_another_run(
    unkind: Product, number: int
) -> None:
    servers = unkind.seed(2)
    first, second = held_runs(unkind, servers, servers)
    with killed_after_change("StartRecovery", number) as made:
        for run in (first, second):
            decide(unkind, run, "resume")
        records = [unkind.finish(run, 120) for run in (first, second)]
    assert len(made) == number
    assert launches(unkind) == dict.fromkeys(servers, 1)
    assert sorted(record["servers"]["launched"] for record in records) == [0, 2]
    assert not any(row.get("leases") for row in unkind.items("Limits"))
