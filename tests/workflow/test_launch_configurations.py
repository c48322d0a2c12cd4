"""Launch configurations are known at a start without a wait for them, and no start relies on old ones."""

from typing import Any

import pytest

from recovery import clock
from recovery.runs.inspection.configurations import CONFIGURATION_SECONDS
from tests.support.fault_injection import killed_after_change
from tests.support.product import HUB, SHORT_DURATIONS, WEST, Product
from tests.support.runs import decide, pass_seconds, wait_for_calls, wait_until, wait_until_asked_for

PLACE = {"accountId": HUB, "region": WEST}
READ, STARTED = "GetLaunchConfiguration", "StartRecovery"
AN_HOUR = {mode: {"pending": 10, "started": 3_600} for mode in ("drill", "recovery")}
MINUTES = {mode: {"pending": 150, "started": 390} for mode in ("drill", "recovery")}


def made(product: Product, *operations: str) -> list[str]:
    """The calls of these operations, in the order in which DRS received them."""
    calls = product.emulator.control.calls(detail=True)["calls"]
    return [call["operation"] for call in calls if call["operation"] in operations]


def times(product: Product, operation: str) -> list[float]:
    calls = product.emulator.control.calls(detail=True)["calls"]
    return [clock.parse_iso(call["simulatedTime"]) for call in calls if call["operation"] == operation]


def reasons(record: dict[str, Any]) -> dict[str, str]:
    return {each["sourceServerId"]: each["reason"] or "" for each in record["sourceServers"]}


def launch_into_existing(product: Product, server_id: str) -> str:
    """Let DRS launch the server into an instance that exists, and return the instance's id."""
    instance: str = product.emulator.control.add_ec2_instance(PLACE)["instanceId"]
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=server_id, launchIntoInstanceProperties={"launchIntoEC2InstanceID": instance}
    )
    return instance


def two_waves(product: Product, **more: Any) -> tuple[list[str], list[str], str]:
    """A plan of two waves of two servers: the servers of each, and its id."""
    first, second = product.seed(2, prefix="first"), product.seed(2, prefix="second")
    plan = product.plan(
        {"name": "first", "groups": [product.group(first)]},
        {"name": "second", "groups": [product.group(second, name="second")], "dependsOn": ["first"], **more},
    )
    return first, second, plan


# --- a start does not wait ----------------------------------------------------------------------------------------
def test_a_drill_of_a_large_target_starts_its_first_job_before_it_has_read_every_configuration() -> None:
    with Product(
        speed=120, durations=MINUTES, CALLS_PER_SECOND="2", SERVERS_PER_JOB="20", SERVERS_IN_JOBS="40"
    ) as product:
        plan = product.plan({"name": "web", "groups": [product.group(product.seed(60))]})
        record = product.drill(plan, timeout=120)
        assert record["servers"]["launched"] == 60, record
        calls = made(product, READ, STARTED)
        assert 40 <= calls.index(STARTED) < 60, "the inspection reads for twenty seconds, at two calls a second"
        assert calls.count(READ) <= 80, "each server once, and the batch that waits once more if its answers get old"
        first_end = min(clock.parse_iso(job["endDateTime"]) for job in product.jobs())
        assert max(times(product, READ)) < first_end, "the last batch is read while the jobs of the others run"


@pytest.mark.speed(120)
@pytest.mark.real_durations
def test_the_configurations_of_the_next_wave_are_read_while_the_job_of_this_one_runs(product: Product) -> None:
    _, _, plan = two_waves(product)
    record = product.finish(product.start(plan, "recoveries"))
    assert record["servers"]["launched"] == 4
    assert made(product, READ, STARTED) == [READ, READ, STARTED, READ, READ, STARTED]
    first_end = min(clock.parse_iso(job["endDateTime"]) for job in product.jobs())
    assert max(times(product, READ)) < first_end
    (machine, _) = sorted(product.engine.executions("recover-target"), key=lambda each: each.name)
    assert machine.states_entered().count("ReadAhead") == 1


def test_a_small_drill_is_refused_before_its_start_whichever_wave_would_overwrite_an_instance(product: Product) -> None:
    _, second, plan = two_waves(product)
    instance = launch_into_existing(product, second[0])
    record = product.drill(plan)
    assert record["status"] == "NOT_READY"
    assert instance in record["reason"]
    assert STARTED not in product.calls()


# --- no start relies on old answers -------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_a_configuration_that_was_changed_while_a_batch_waited_for_capacity_is_seen_before_its_start(mode: str) -> None:
    with Product(speed=300, durations=AN_HOUR, CONCURRENT_JOBS="1", QUOTA_HELD_AFTER_SECONDS="86400") as product:
        foreign, server = product.seed(2)
        product.emulator.client(HUB, WEST).start_recovery(sourceServers=[{"sourceServerID": foreign}], isDrill=True)
        product.emulator.control.change_settings({"durations": dict(SHORT_DURATIONS)})
        run = product.start(product.plan({"name": "web", "groups": [product.group([server])]}), mode)
        wait_until(product, run, lambda record: record["waves"] and record["waves"][0]["startedAt"])
        instance = launch_into_existing(product, server)
        record = product.finish(run)
        assert f"launches into instance {instance}" in reasons(record)[server]
        assert product.calls()[STARTED] == 1, "that of the other job"
        assert made(product, READ).count(READ) <= 2


def test_what_was_read_ahead_is_read_again_if_the_job_takes_longer_than_expected() -> None:
    with Product(speed=300, durations=AN_HOUR) as product:
        _, second, plan = two_waves(product)
        run = product.start(plan, "recoveries")
        wait_for_calls(product, READ, 4)
        instance = launch_into_existing(product, second[0])
        record = product.finish(run)
        assert f"launches into instance {instance}" in reasons(record)[second[0]]
        assert record["servers"]["launched"] == 3
        assert product.calls()[READ] == 6, "the first wave's once, the second's ahead and at its start"


def test_a_launch_into_an_instance_that_was_read_ahead_is_withheld_with_its_reason() -> None:
    with Product(speed=120, durations=MINUTES) as product:
        _, second, plan = two_waves(product)
        instance = launch_into_existing(product, second[0])
        record = product.finish(product.start(plan, "recoveries"))
        assert f"launches into instance {instance}" in reasons(record)[second[0]]
        assert record["servers"]["launched"] == 3
        assert product.calls()[READ] == 4


@pytest.mark.speed(120)
@pytest.mark.real_durations
def test_a_wave_that_waits_for_an_approval_is_not_read_again_and_again(product: Product) -> None:
    _, _, plan = two_waves(product, approval={"required": True})
    run = product.start(plan, "drills")
    wait_until_asked_for(product, run, "APPROVAL")
    before = product.calls()[READ]
    assert before <= 6, "in the inspection, and the second wave's once more if the first took long"
    pass_seconds(product, 2 * CONFIGURATION_SECONDS)
    assert product.calls()[READ] == before
    decide(product, run, "waves/second/approve")
    assert product.finish(run)["servers"]["launched"] == 4
    assert product.calls()[READ] == before + 2, "those of the inspection are too old by then"


# --- what goes wrong ----------------------------------------------------------------------------------------------
@pytest.mark.proof
@pytest.mark.parametrize("number", [1, 2])
def test_a_function_killed_while_it_reads_ahead_loses_nothing(number: int) -> None:
    """Its changes are the count of two calls in the budget, and the row with what they answered."""
    with Product(speed=120, durations=MINUTES) as product:
        _, _, plan = two_waves(product)
        run = product.start(plan, "recoveries")
        wait_for_calls(product, STARTED)
        with killed_after_change("InspectTarget", number) as changes:
            record = product.finish(run)
        assert changes == ["UpdateItem", "PutItem"][:number]
        assert record["servers"]["launched"] == 4
        assert product.calls()[STARTED] == 2
        assert product.calls()[READ] <= 6


@pytest.mark.speed(120)
@pytest.mark.real_durations
def test_an_error_of_drs_while_configurations_are_read_ahead_fails_no_server(product: Product) -> None:
    _, _, plan = two_waves(product)
    run = product.start(plan, "recoveries")
    wait_for_calls(product, STARTED)
    product.fault("SERVER_ERROR", operation=READ, count=4)
    record = product.finish(run)
    assert record["servers"]["launched"] == 4
    assert record["notes"] == []
    outcomes = [
        call["outcome"] for call in product.emulator.control.calls(detail=True)["calls"] if call["operation"] == READ
    ]
    assert outcomes.count("OK") == 4


@pytest.mark.speed(120)
@pytest.mark.real_durations
def test_a_cancelled_run_reads_nothing_ahead(product: Product) -> None:
    _, _, plan = two_waves(product)
    run = product.start(plan, "recoveries")
    wait_for_calls(product, STARTED)
    decide(product, run, "cancel")
    product.finish(run)
    assert product.calls()[READ] == 2
