"""What a run has changed of launch settings is put back, whatever becomes of the run."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from recovery import clock
from recovery.drs.visibility import UNANSWERED_SECONDS
from recovery.launch_settings.owners import FUNCTION_SECONDS
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from tests.support.changed_settings import (
    TARGET,
    change_as_a_person,
    change_settings,
    ec2,
    put_row,
    read_configuration,
    read_settings,
    restore,
    rows_left,
    template_of,
    versions_of,
    wait_for_restores,
)
from tests.support.fault_injection import held_before, killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, launching_run, pass_seconds

CHANGES_OF_RESTORE = {
    "DeleteItem",
    "DeleteLaunchTemplateVersions",
    "ModifyLaunchTemplate",
    "PutItem",
    "UpdateLaunchConfiguration",
}
CHANGES_IN_ALL = len(CHANGES_OF_RESTORE)


def one_wave(product: Product, servers: int = 2) -> tuple[list[str], str]:
    """Servers, and the id of a plan that launches them in one wave."""
    ids = product.seed(servers)
    return ids, product.plan({"name": "web", "groups": [product.group(ids)]})


def round_of(product: Product, **more: Any) -> dict[str, Any]:
    """One round of restore-target."""
    event = {"accountId": HUB, "region": WEST, "machine": "one round", "round": 0, **more}
    output: dict[str, Any] = product.engine.invoke("RestoreTarget", event)
    return output


def batches_of(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.items("Executions") if row["item"].startswith("BATCH#")]


def forget_job(product: Product, change: SettingsChange) -> None:
    """Let the record say that the run ended while StartRecovery had not been answered."""
    for row in batches_of(product):
        now = clock.iso(product.emulator.world.clock.now())
        row = {name: value for name, value in row.items() if name not in ("jobId", "jobStartedAt")}
        product.put("Executions", {**row, "attempt": row["attempt"] + 1, "unansweredSince": now, "intentAt": now})


def end_batches_now(product: Product) -> None:
    """Let the record say that each batch has ended a moment ago: an hour ahead, because a test takes hours."""
    for row in batches_of(product):
        product.put("Executions", {**row, "endedAt": clock.iso(product.emulator.world.clock.now() + 3_600)})


def sync(product: Product) -> None:
    """Run the scheduled sync of the cache, as every five minutes."""
    product.engine.run(product.engine.machine_arn("sync-cache"), {})


@pytest.mark.speed(120)
def test_after_a_drill_the_settings_are_those_before_byte_for_byte(product: Product) -> None:
    servers, plan = one_wave(product)
    before = {server_id: read_settings(product, server_id) for server_id in servers}
    with launching_run(product, plan) as run:
        for server_id in servers:
            change_settings(product, server_id, run)
        assert {server_id: read_settings(product, server_id) for server_id in servers} != before
    product.finish(run)
    assert "SUCCEEDED" in wait_for_restores(product)
    assert {server_id: read_settings(product, server_id) for server_id in servers} == before
    assert rows_left(product) == []
    for server_id in servers:
        assert len(versions_of(product, template_of(product, server_id))) == 1, "the run's version is deleted"


# --- whatever becomes of the run ----------------------------------------------------------------------------------
@pytest.mark.speed(120)
def test_nothing_is_put_back_while_the_job_may_launch_also_if_the_run_is_aborted_in_step_functions(
    product: Product,
) -> None:
    product.engine.on_execution_end("CloseExecution")
    servers, plan = one_wave(product)
    before = {server_id: read_settings(product, server_id) for server_id in servers}
    with launching_run(product, plan) as run:
        changed = [change_settings(product, server_id, run) for server_id in servers]
        product.machine(run).stop()
        product.engine.settle()
        assert product.record(run)["status"] == "FAILED"
        (machine,) = product.engine.executions("restore-target")
        machine.wait_for_state("WaitForJobs")
        restore(product)  # another one leaves the target to it
        assert {change.server_id: change.version for change in rows_left(product)} == {
            change.server_id: change.version for change in changed
        }
        assert read_settings(product, servers[0]).version == changed[0].version, "the job may still launch"
    wait_for_restores(product)
    assert {server_id: read_settings(product, server_id) for server_id in servers} == before
    assert rows_left(product) == []


@pytest.mark.speed(120)
def test_a_cancelled_run_has_its_settings_put_back_when_its_job_has_ended(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    with launching_run(product, plan) as run:
        change_settings(product, servers[0], run)
        assert decide(product, run, "cancel").status == 200
        sync(product)
        assert read_settings(product, servers[0]) != before, "its batch has not ended"
    assert product.finish(run)["status"] == "CANCELLED"
    wait_for_restores(product)
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []


def test_the_sync_of_the_cache_puts_back_what_no_end_of_a_batch_has(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    run = product.drill(plan)["executionId"]
    change_settings(product, servers[0], run)
    assert product.engine.executions("restore-target") == []
    sync(product)
    assert wait_for_restores(product) == ["SUCCEEDED"]
    assert read_settings(product, servers[0]) == before
    sync(product)
    assert len(product.engine.executions("restore-target")) == 1, "nothing is left to put back"


def test_the_job_of_an_unanswered_start_is_waited_for(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    run = product.drill(plan)["executionId"]
    change = change_settings(product, servers[0], run)
    forget_job(product, change)
    result = round_of(product)
    assert (result["left"], result["finished"]) == (1, False)
    assert read_settings(product, servers[0]).version == change.version
    pass_seconds(product, UNANSWERED_SECONDS)
    assert round_of(product)["finished"] is True
    assert read_settings(product, servers[0]) == before


def test_a_change_of_a_run_whose_record_is_deleted_is_put_back(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    run = product.drill(plan)["executionId"]
    change_settings(product, servers[0], run)
    for row in product.items("Executions"):
        product.delete("Executions", {"executionId": row["executionId"], "item": row["item"]})
    assert round_of(product)["finished"] is True
    assert read_settings(product, servers[0]) == before


# --- killed, repeated, without an answer --------------------------------------------------------------------------
@pytest.mark.parametrize("writes", ["none", "versions"])
@pytest.mark.parametrize("number", range(1, 8))
def test_a_function_that_is_killed_after_a_change_leaves_the_rest_to_its_repetition(
    product: Product, number: int, writes: str
) -> None:
    product.emulator.control.change_settings({"behaviour": {"templateWrites": writes}})
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    with killed_after_change("RestoreTarget", number, CHANGES_OF_RESTORE) as made:
        restore(product)
    assert len(made) == number or number > CHANGES_IN_ALL
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []


@pytest.mark.parametrize(
    "operation",
    [
        "GetLaunchConfiguration",
        "DescribeLaunchTemplateVersions",
        "UpdateLaunchConfiguration",
        "ModifyLaunchTemplate",
        "DeleteLaunchTemplateVersions",
    ],
)
def test_a_call_without_an_answer_is_made_again(product: Product, operation: str) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    product.fault("CUT_AFTER", operation=operation, count=1)
    restore(product)
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []
    assert len(versions_of(product, template_of(product, servers[0]))) == 1


@pytest.mark.parametrize("step", ["row", "configuration", "version", "default"])
def test_a_run_that_was_killed_while_it_changed_the_settings_leaves_none_changed(product: Product, step: str) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    run = product.drill(plan)["executionId"]
    change_settings(product, servers[0], run, until=step)
    pass_seconds(product, FUNCTION_SECONDS)
    restore(product)
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []
    assert len(versions_of(product, template_of(product, servers[0]))) == 1, "also a version of unknown number"


def test_a_function_that_still_changes_the_settings_is_waited_for(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    run = product.drill(plan)["executionId"]
    change_settings(product, servers[0], run, until="version")
    end_batches_now(product)
    assert round_of(product)["left"] == 1
    assert [change.status for change in rows_left(product)] == [ChangeStatus.CHANGING]


@pytest.mark.speed(120)
def test_two_that_put_back_the_same_server_do_it_once(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    with held_before("RestoreTarget", "ModifyLaunchTemplate") as gate, ThreadPoolExecutor(1) as pool:
        first = pool.submit(round_of, product, machine="first")
        assert gate.reached.wait(30), first.result()
        (row,) = rows_left(product)
        assert row.status is ChangeStatus.RESTORING
        product.delete("TargetChanges", {"target": TARGET.key, "item": "RESTORE"})
        put_row(product, replace(row, restoring_since=clock.iso(product.emulator.world.clock.now() + 3_600)))
        second = round_of(product, machine="second")
        put_row(product, row)
        gate.go.set()
        assert first.result()["finished"] is True
    assert (second["done"], second["left"]) == (0, 1), "the first one has it"
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []


# --- what others have changed -------------------------------------------------------------------------------------
def test_a_version_of_a_person_is_not_overwritten_and_operators_hear_of_it_once() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        servers, plan = one_wave(product, 2)
        before = {server_id: read_settings(product, server_id) for server_id in servers}
        run = product.drill(plan)["executionId"]
        for server_id in servers:
            change_settings(product, server_id, run)
        number = change_as_a_person(product, servers[0])
        theirs = read_settings(product, servers[0])
        for _ in range(3):
            restore(product)
            sync(product)
        assert read_settings(product, servers[0]) == theirs
        assert read_settings(product, servers[1]) == before[servers[1]], "the others are put back"
        (left,) = rows_left(product)
        assert left.status is ChangeStatus.LEFT
        assert f"is {number} now" in str(left.reason)
        (message,) = inbox.of_kind("SETTINGS_LEFT")
        assert servers[0] in message
        assert servers[1] not in message
        assert f"profiles restore --server {servers[0]} --target {HUB}/{WEST} --force" in message
        restore(product, sourceServerIds=[servers[0]], force=True)
        assert read_settings(product, servers[0]) == before[servers[0]]
        assert rows_left(product) == []


def test_the_row_of_settings_that_stay_is_forgotten_on_request(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    change_as_a_person(product, servers[0])
    theirs = read_settings(product, servers[0])
    restore(product, keep=True)
    assert read_settings(product, servers[0]) == theirs
    assert rows_left(product) == []


def test_a_member_of_the_configuration_that_a_person_has_changed_stays(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    drs = product.emulator.client(HUB, WEST)
    drs.update_launch_configuration(sourceServerID=servers[0], launchDisposition="STOPPED")
    restore(product)
    now = read_settings(product, servers[0])
    assert (now.version, now.data) == (before.version, before.data)
    assert drs.get_launch_configuration(sourceServerID=servers[0])["launchDisposition"] == "STOPPED"
    assert rows_left(product) == []


def test_settings_whose_earlier_version_was_deleted_are_left(product: Product) -> None:
    servers, plan = one_wave(product, 1)
    change = change_settings(product, servers[0], product.drill(plan)["executionId"])
    ec2(product).delete_launch_template_versions(
        LaunchTemplateId=str(change.template_id), Versions=[str(change.version_before)]
    )
    restore(product)
    (left,) = rows_left(product)
    assert left.status is ChangeStatus.LEFT
    assert left.reason == f"version {change.version_before} of {change.template_id}, the default before, is deleted"


def test_a_deleted_launch_template_is_reported_and_its_row_removed() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        servers, plan = one_wave(product, 1)
        before = read_settings(product, servers[0])
        change = change_settings(product, servers[0], product.drill(plan)["executionId"])
        ec2(product).delete_launch_template(LaunchTemplateId=str(change.template_id))
        restore(product)
        assert rows_left(product) == []
        assert read_configuration(product, servers[0]) == before.configuration
        (message,) = inbox.of_kind("SETTINGS_LEFT")
        assert f"the launch template {change.template_id} does not exist any more" in message


def test_a_deleted_source_server_has_its_row_removed(product: Product) -> None:
    _, plan = one_wave(product, 1)
    servers = product.seed(1, prefix="other")
    change_settings(product, servers[0], product.drill(plan)["executionId"])
    drs = product.emulator.client(HUB, WEST)
    drs.disconnect_source_server(sourceServerID=servers[0])
    drs.delete_source_server(sourceServerID=servers[0])
    restore(product)
    assert rows_left(product) == []


@pytest.mark.parametrize("writes", ["none", "versions"])
def test_changes_that_ec2_shows_late_are_put_back(product: Product, writes: str) -> None:
    servers, plan = one_wave(product, 1)
    before = read_settings(product, servers[0])
    change = change_settings(product, servers[0], product.drill(plan)["executionId"])
    behaviour = {"templateDelaySeconds": 30, "templateWrites": writes}
    product.emulator.control.change_settings({"behaviour": behaviour})
    restore(product)
    product.emulator.control.change_settings({"behaviour": {"templateDelaySeconds": 0}})
    assert read_settings(product, servers[0]) == before
    assert rows_left(product) == []
    assert change.version not in {
        each["VersionNumber"] for each in versions_of(product, template_of(product, servers[0]))
    }


def test_a_refusal_of_the_target_keeps_the_row_and_is_reported_once() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        servers, plan = one_wave(product, 2)
        before = {server_id: read_settings(product, server_id) for server_id in servers}
        run = product.drill(plan)["executionId"]
        for server_id in servers:
            change_settings(product, server_id, run)
        product.fault("ACCESS_DENIED", operation="ModifyLaunchTemplate", count=4)
        restore(product)
        assert {server_id: read_settings(product, server_id) for server_id in servers} == before
        (message,) = inbox.of_kind("SETTINGS_LEFT")
        assert "AllowLaunchProfiles" in message
        assert all(server_id in message for server_id in servers)
