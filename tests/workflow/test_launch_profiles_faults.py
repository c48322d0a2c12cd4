"""Launch profiles while calls fail, functions die, and others change the same launch settings."""

import threading
from typing import Any

import pytest

from drs_emulator.world.faults import FaultKind
from tests.harness.engine import Execution
from tests.support.fault_injection import CHANGES, held_before, killed_after_change, killed_before
from tests.support.launch_settings import change_as_a_person, list_own_versions, list_versions, template_of
from tests.support.product import HUB, WEST, Product
from tests.support.profiled_runs import (
    DRILL,
    DRILL_SUBNETS,
    WRITES,
    calls_made,
    launched,
    lay_networks,
    plan_of,
    read_tags,
)
from tests.support.runs import decide, held_jobs, wait_until
from tests.support.shops import target_client

APPLY = "ApplySettings"
WRITTEN = {*CHANGES, *WRITES, "DeleteItem", "DeleteLaunchTemplateVersions"}
READS = ("GetLaunchConfiguration", "DescribeLaunchTemplateVersions", "DescribeSubnets", "DescribeLaunchTemplates")
PROFILE = {**DRILL, "disposition": "STOPPED"}
STOPPED = "stopped"


@pytest.fixture(autouse=True)
def laid(product: Product) -> None:
    lay_networks(product)


def reasons(record: dict[str, Any]) -> dict[str, str]:
    return {each["sourceServerId"]: each["reason"] or "" for each in record["sourceServers"]}


def subnets_of_instances(product: Product) -> set[str]:
    pages = target_client(product, "ec2").describe_instances()["Reservations"]
    return {each["SubnetId"] for page in pages for each in page["Instances"]}


def machine(product: Product, number: int = 0) -> Execution:
    return product.engine.executions("recover-target")[number]


def own_versions(product: Product, servers: list[str]) -> list[str]:
    return list_own_versions(product.emulator.client(HUB, WEST), target_client(product, "ec2"), servers)


# --- calls that fail ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("operation", [*WRITES, *READS])
@pytest.mark.parametrize("kind", [FaultKind.CUT_AFTER, FaultKind.THROTTLING])
def test_a_lost_or_throttled_call_delays_the_change_and_repeats_nothing(
    product: Product, operation: str, kind: FaultKind
) -> None:
    servers = product.seed(2)
    plan = plan_of(product, servers, {"drill": PROFILE})
    product.fault(kind, operation=operation, count=1)
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert subnets_of_instances(product) <= DRILL_SUBNETS
    assert len(own_versions(product, servers)) <= 2, "a lost answer makes no second version"


@pytest.mark.parametrize("operation", [each for each in (*WRITES, *READS) if each != "GetLaunchConfiguration"])
def test_what_the_target_does_not_permit_withholds_the_servers_with_a_profile_and_no_other(
    product: Product, operation: str
) -> None:
    profiled, plain = product.seed(2)
    groups = [product.group([profiled], launchProfiles={"recovery": PROFILE}), product.group([plain], name="plain")]
    plan = product.plan({"name": "web", "groups": groups})
    product.fault("ACCESS_DENIED", operation=operation)
    record = product.finish(product.start(plan, "recoveries"))
    assert launched(product).keys() == {plain}, record
    assert reasons(record)[profiled], record


def test_an_outage_of_ec2_makes_the_batch_wait_in_sight_of_operators(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": PROFILE})
    product.fault("SERVER_ERROR", operation="CreateLaunchTemplateVersion", count=30)
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert "WaitForDrs" in machine(product).states_entered()
    assert subnets_of_instances(product) <= DRILL_SUBNETS


# --- functions that die ---------------------------------------------------------------------------------------------
@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, 9))
def test_a_function_killed_while_it_changes_to_the_next_type_launches_with_that_type(
    product: Product, number: int
) -> None:
    servers = product.seed(1)
    offering = {"accountId": HUB, "region": WEST, "instanceType": "m5.xlarge", "zones": [f"{WEST}c"]}
    product.emulator.control.set_offering(offering)
    plan = plan_of(product, servers, {"drill": {**DRILL, "instanceTypes": ["m5.xlarge", "c5.xlarge"]}})
    run = product.start(plan)
    wait_until(product, run, lambda record: record["servers"]["launching"])
    with killed_after_change(APPLY, number, WRITTEN) as made:
        record = product.finish(run)
    assert record["status"] == "COMPLETED", (record, made)
    assert launched(product)[servers[0]]["InstanceType"] == "c5.xlarge"
    assert launched(product)[servers[0]]["SubnetId"] in DRILL_SUBNETS


def test_a_start_without_a_record_of_what_was_applied_launches_nothing_and_ends(product: Product) -> None:
    """Once StartRecovery may have been called, nothing is applied any more."""
    (server,) = product.seed(1)

    def lose_record() -> None:
        (row,) = [each for each in product.items("Inspections") if each["item"].startswith("SETTINGS#")]
        product.delete("Inspections", {"executionId": row["executionId"], "item": row["item"]})

    plan = plan_of(product, [server], {"drill": DRILL})
    with killed_before("StartRecovery", lambda operation, _: operation == "StartRecovery", lose_record):
        record = product.drill(plan)
    assert "its launch profile is not on record as applied" in reasons(record)[server]
    assert "StartRecovery" not in product.calls()


# --- others that change the same settings ---------------------------------------------------------------------------
def test_a_template_that_a_person_changes_before_the_start_withholds_that_server_and_is_not_overwritten(
    product: Product,
) -> None:
    mine, theirs = product.seed(2)
    plan = plan_of(product, [mine, theirs], {"drill": PROFILE})
    ec2 = target_client(product, "ec2")
    template = template_of(product.emulator.client(HUB, WEST), theirs)
    with held_before("CheckCapacity", "GetItem") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        number = change_as_a_person(ec2, template, InstanceType="m5.24xlarge")
        gate.go.set()
        record = product.finish(run)
    assert (
        f"its launch template {template} was changed meanwhile: its default version is {number}"
        in (reasons(record)[theirs])
    )
    assert record["servers"]["launched"] == 1
    (default,) = list_versions(ec2, template, "$Default")
    assert default["VersionNumber"] == number


def test_a_server_whose_profile_changes_nothing_is_withheld_too_if_its_template_changes_before_the_start(
    product: Product,
) -> None:
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": {"disposition": "STARTED"}})
    ec2 = target_client(product, "ec2")
    template = template_of(product.emulator.client(HUB, WEST), server)
    with held_before("CheckCapacity", "GetItem") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        change_as_a_person(ec2, template, InstanceType="m5.24xlarge")
        gate.go.set()
        record = product.finish(run)
    assert "was changed meanwhile" in reasons(record)[server]
    assert "StartRecovery" not in product.calls()


def test_settings_that_were_put_back_before_the_start_launch_nothing(product: Product) -> None:
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": {"privateIp": "release", "disposition": "STOPPED"}})
    with held_before("CheckCapacity", "GetItem") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        (row,) = product.items("TargetChanges")
        product.delete("TargetChanges", {"target": row["target"], "item": row["item"]})
        gate.go.set()
        record = product.finish(run)
    assert "its launch settings were put back meanwhile" in reasons(record)[server]
    assert "StartRecovery" not in product.calls()


def test_two_runs_over_different_servers_of_one_group_apply_its_profile_at_once(product: Product) -> None:
    first, second = product.seed(1), product.seed(1, prefix="second")
    group = product.group([*first, *second], launchProfiles={"drill": DRILL})
    plans = [
        product.plan({"name": "web", "groups": [{"groupId": group, "sourceServerIds": servers}]}, name=servers[0])
        for servers in (first, second)
    ]
    with held_jobs(product):
        runs = [product.start(plan) for plan in plans]
        for run in runs:
            wait_until(product, run, lambda record: record["servers"]["launching"])
        rows = product.items("TargetChanges")
    assert {row["executionId"] for row in rows} == set(runs)
    assert all(product.finish(run)["status"] == "COMPLETED" for run in runs)
    assert subnets_of_instances(product) <= DRILL_SUBNETS


def test_a_run_waits_for_another_one_that_needs_its_own_settings_of_the_server(product: Product) -> None:
    servers = product.seed(1)
    plans = [
        plan_of(product, servers, {"drill": {**DRILL, "tags": {"run": name}}}, name=name) for name in ("one", "two")
    ]
    with held_jobs(product):
        first = product.start(plans[0])
        wait_until(product, first, lambda record: record["servers"]["launching"])
        second = product.start(plans[1])
        wait_until(product, second, lambda _: "WaitForDrs" in machine(product, -1).states_entered())
        assert len(own_versions(product, servers)) == 1
    assert product.finish(first)["status"] == "COMPLETED"
    assert product.finish(second, timeout=90)["status"] == "COMPLETED"
    assert read_tags(launched(product)[servers[0]])["run"] == "two"


# --- DRS and EC2 as the documents leave them open -------------------------------------------------------------------
@pytest.mark.parametrize("delay", [0, 30])
@pytest.mark.parametrize("writes", ["none", "versions"])
def test_profiles_take_effect_however_late_ec2_shows_them_and_whatever_drs_writes(
    product: Product, writes: str, delay: int
) -> None:
    servers = product.seed(2, ip="10.77.3.4")
    behaviour = {"templateWrites": writes, "templateDelaySeconds": delay}
    product.emulator.control.change_settings({"behaviour": behaviour})
    plan = plan_of(product, servers[:1], {"drill": {**DRILL, "privateIp": "keep", "instanceTypes": ["m5.xlarge"]}})
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    instance = launched(product)[servers[0]]
    assert (instance["PrivateIpAddress"], instance["InstanceType"]) == ("10.77.3.4", "m5.xlarge")


@pytest.mark.speed(30)
def test_a_start_waits_until_ec2_shows_the_version(product: Product) -> None:
    product.emulator.control.change_settings({"behaviour": {"templateDelaySeconds": 60}})
    record = product.drill(plan_of(product, product.seed(1), {"drill": DRILL}))
    assert record["status"] == "COMPLETED", record
    assert "WaitForSettings" in machine(product).states_entered()
    assert subnets_of_instances(product) <= DRILL_SUBNETS


# --- pauses, cancels, late tasks ------------------------------------------------------------------------------------
def test_a_paused_run_changes_nothing_and_applies_profiles_when_it_is_resumed(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": DRILL})
    with held_before(APPLY, "GetItem") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        decide(product, run, "pause")
        gate.go.set()
        wait_until(product, run, lambda record: record["status"] == "PAUSED" and record["waitingFor"])
    assert calls_made(product, *WRITES) == []
    decide(product, run, "resume")
    assert product.finish(run)["status"] == "COMPLETED"
    assert subnets_of_instances(product) <= DRILL_SUBNETS


def test_a_run_that_is_paused_only_while_profiles_would_be_applied_applies_them_before_its_start(
    product: Product,
) -> None:
    plan = plan_of(product, product.seed(1), {"drill": DRILL})
    with held_before(APPLY, "GetItem") as applying, held_before("CheckCapacity", "GetItem") as checking:
        run = product.start(plan)
        assert applying.reached.wait(30)
        decide(product, run, "pause")
        applying.go.set()
        assert checking.reached.wait(30)
        decide(product, run, "resume")
        checking.go.set()
        record = product.finish(run)
    assert record["status"] == "COMPLETED", record
    assert subnets_of_instances(product) <= DRILL_SUBNETS
    entered = machine(product).states_entered()
    assert (entered.count(APPLY), entered.count("StartRecovery")) == (2, 2)


def test_a_cancelled_run_applies_nothing(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": DRILL})
    with held_before(APPLY, "GetItem") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        decide(product, run, "cancel")
        gate.go.set()
        assert product.finish(run)["status"] == "CANCELLED"
    assert calls_made(product, *WRITES) == []


def test_a_late_task_changes_nothing_while_the_job_runs_and_after_the_end(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": DRILL})
    with held_jobs(product):
        run = product.start(plan)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        before, place = calls_made(product, *WRITES), {"accountId": HUB, "region": WEST}
        event = {"executionId": run, "wave": "web", **place, "batch": 1, "launchAttempts": 2, "round": 0}
        assert product.engine.invoke(APPLY, event) == {"done": True, "left": 0, "waitSeconds": 1}
        assert calls_made(product, *WRITES) == before
    product.finish(run)
    before = calls_made(product, "CreateLaunchTemplateVersion")
    assert product.engine.invoke(APPLY, event)["errorType"] == "LateMessage"
    assert calls_made(product, "CreateLaunchTemplateVersion") == before


def test_two_tries_of_one_task_at_once_make_one_version(product: Product) -> None:
    servers = product.seed(1)
    plan = plan_of(product, servers, {"drill": DRILL})
    with held_before(APPLY, "CreateLaunchTemplateVersion") as gate:
        run = product.start(plan)
        assert gate.reached.wait(30)
        place = {"accountId": HUB, "region": WEST}
        event = {"executionId": run, "wave": "web", **place, "batch": 1, "launchAttempts": 2, "round": 0}
        second = threading.Thread(target=product.engine.invoke, args=(APPLY, event))
        second.start()
        second.join(30)
        gate.go.set()
        record = product.finish(run)
    assert record["status"] == "COMPLETED", record
    assert subnets_of_instances(product) <= DRILL_SUBNETS
    assert len(own_versions(product, servers)) <= 1
