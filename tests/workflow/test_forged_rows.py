"""Attacks: the rights of all functions that neither launch nor terminate make a run do nothing that nobody asked for.

Each test writes what IAM allows those functions to write, and then lets the product go on.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import cleanups
from tests.support.cleanups import instances_left
from tests.support.fault_injection import killed_before
from tests.support.forger import ORDINARY, Forger, is_allowed
from tests.support.plans import make_plan
from tests.support.product import HUB, OTHER, WEST, Product
from tests.support.runs import decide, wait_until, wait_until_asked_for, wave_statuses

# Minutes; an approval times out long after the test.
DAYS = 13 * 24 * 60


@pytest.fixture
def forger(product: Product) -> Iterator[Forger]:
    yield Forger(product)
    for machine in (*product.engine.executions("recover-plan"), *product.engine.executions("recover-target")):
        machine.stop()


def recovered(product: Product, count: int = 2) -> dict[str, Any]:
    """The record of a recovery whose servers run now."""
    wave = {"name": "web", "groups": [product.group(product.seed(count, prefix="live"))]}
    record = product.finish(product.start(product.plan(wave, name="live"), "recoveries"))
    assert record["servers"]["launched"] == count, record
    return record


def rows(product: Product, execution_id: str, prefix: str) -> list[dict[str, Any]]:
    found = [row for row in product.items("Executions") if row["executionId"] == execution_id]
    return [row for row in found if row["item"].startswith(prefix)]


def held(product: Product, servers: list[str], mode: str = "drills", **wave: Any) -> str:
    """A run that has been inspected and waits to be resumed before its only wave."""
    plan = product.plan({"name": "web", "groups": [product.group(servers)], "pauseBefore": True, **wave}, name="held")
    run = product.start(plan, mode)
    wait_until_asked_for(product, run, "RESUME")
    return run


def starts(product: Product) -> list[dict[str, Any]]:
    """The calls of StartRecovery, by what DRS was asked for."""
    calls = product.emulator.control.calls(detail=True)["calls"]
    return [call for call in calls if call["operation"] == "StartRecovery"]


def settle_down(product: Product, simulated: float = 2_400) -> None:
    """Let this much simulated time pass."""
    until = product.emulator.world.clock.now() + simulated
    while product.emulator.world.clock.now() < until:
        product.request("GET", "/health")


# --- terminate --------------------------------------------------------------------------------------------------
def test_a_recovery_whose_record_says_drill_is_not_cleaned_up(product: Product, forger: Forger) -> None:
    record = recovered(product)
    run = record["executionId"]
    forger.change(run, "META", mode="DRILL")
    assert product.request("POST", f"/executions/{run}/cleanup").status == 409
    assert cleanups.run_scheduled(product, run) == "FAILED"
    assert len(instances_left(product)) == 2
    assert not cleanups.terminations(product)


def test_a_clean_up_terminates_no_live_instance_that_forged_rows_name(product: Product, forger: Forger) -> None:
    live, drill = recovered(product), product.drill(make_plan(product, 1))
    named = {each["recoveryInstanceId"]: each["sourceServerId"] for each in live["sourceServers"]}
    run, place = drill["executionId"], {"accountId": HUB, "region": WEST}
    found = {"executionId": run, "item": f"FOUND#001#{HUB}/{WEST}", **place, "instances": named, "gone": []}
    chunk = {**found, "item": f"CLEANUP#001#{HUB}/{WEST}#0001", "run": 1, "chunk": 1, "status": "PENDING"}
    for row in (found, chunk):
        forger.write("Executions", {**row, "item": row["item"].replace(f"{HUB}/{WEST}", target_key(product, run))})
    cleanups.clean_up(product, drill)
    assert set(instances_left(product)) >= set(named.values())


def target_key(product: Product, execution_id: str) -> str:
    """How sort keys name the only target of the run."""
    (row,) = rows(product, execution_id, "TARGET#")
    return str(row["item"].removeprefix("TARGET#web#"))


@pytest.mark.parametrize("direction", ["continues", "is continued by"])
def test_a_recovery_is_not_made_part_of_a_chain_of_drills(product: Product, forger: Forger, direction: str) -> None:
    live, drill = recovered(product), product.drill(make_plan(product, 1))
    first, second = (drill, live) if direction == "is continued by" else (live, drill)
    forger.change(first["executionId"], "META", continuedBy=second["executionId"], mode="DRILL")
    forger.change(second["executionId"], "META", continues=first["executionId"], mode="DRILL")
    product.request("POST", f"/executions/{drill['executionId']}/cleanup")
    cleanups.run_scheduled(product, drill["executionId"])
    assert set(instances_left(product)) >= {each["sourceServerId"] for each in live["sourceServers"]}


def test_the_drill_of_another_plan_is_not_made_part_of_a_chain(product: Product, forger: Forger) -> None:
    wave = {"name": "web", "groups": [product.group(product.seed(1, prefix="other"))]}
    mine, other = product.drill(make_plan(product, 1)), product.drill(product.plan(wave, name="other"))
    forger.change(mine["executionId"], "META", continuedBy=other["executionId"])
    forger.change(other["executionId"], "META", continues=mine["executionId"])
    # The clean-up is refused, because the drill seems to be continued; it would not include the other one either way.
    reply = product.request("POST", f"/executions/{mine['executionId']}/cleanup")
    if reply.status == 202:
        cleanups.wait_for(product, reply.body["cleanup"])
    cleanups.run_scheduled(product, mine["executionId"])
    assert set(instances_left(product)) >= {each["sourceServerId"] for each in other["sourceServers"]}


# --- launch -----------------------------------------------------------------------------------------------------
def test_a_drill_whose_record_says_recovery_launches_drills(product: Product, forger: Forger) -> None:
    plan = make_plan(product, 2)

    def reads_meta(operation: str, parameters: Any) -> bool:
        return operation == "GetItem" and parameters["Key"].get("item") == {"S": "META"}

    def forge() -> None:
        (meta,) = [row for row in product.items("Executions") if row["item"] == "META"]
        forger.write("Executions", {**meta, "mode": "RECOVERY"})

    with killed_before("LoadPlan", reads_meta, forge):
        product.machine(product.start(plan)).wait(60)
    assert len(instances_left(product)) == 2
    assert {each["isDrill"] for each in recovery_instances(product)} == {True}


def recovery_instances(product: Product) -> list[dict[str, Any]]:
    items = product.emulator.client(HUB, WEST).describe_recovery_instances(filters={})["items"]
    return [dict(item) for item in items]


@pytest.mark.parametrize("mode", ["drills", "recoveries"])
def test_consent_to_replace_live_instances_cannot_be_forged(product: Product, forger: Forger, mode: str) -> None:
    servers = product.seed(1)
    run = held(product, servers, mode)
    other = product.plan({"name": "web", "groups": [product.group(servers)]}, name="other")
    assert product.finish(product.start(other, "recoveries"))["servers"]["launched"] == 1
    before = {each["recoveryInstanceID"] for each in recovery_instances(product)}
    forger.change(run, "META", replaceExisting=True)
    forger.try_to_write("RunRequests", {"executionId": run, "item": "RUN", "replaceExisting": True})
    decide(product, run, "resume")
    product.machine(run).wait(60)
    assert {each["recoveryInstanceID"] for each in recovery_instances(product)} == before


def test_a_batch_launches_no_server_that_inspection_did_not_find(product: Product, forger: Forger) -> None:
    planned, stranger = product.seed(1, prefix="planned"), product.seed(1, prefix="stranger")
    run = held(product, planned, "recoveries")
    (batch,) = rows(product, run, "BATCH#")
    forger.change(run, batch["item"], serverIds=[*planned, *stranger])
    (members,) = [row for row in [*product.items("Executions")] if row["item"].startswith("FLEET#")]
    forger.try_to_write("Inspections", {**members, "item": members["item"].replace("FLEET#", "MEMBERS#")})
    decide(product, run, "resume")
    product.machine(run).wait(60)
    assert not set(instances_left(product)) & set(stranger)


def test_a_wave_launches_no_server_of_a_wave_that_waits_for_approval(product: Product, forger: Forger) -> None:
    open_, closed = product.seed(1, prefix="open"), product.seed(1, prefix="closed")
    waves = (
        {"name": "open", "groups": [product.group(open_)], "pauseBefore": True},
        {"name": "closed", "groups": [product.group(closed, name="c")], "approval": {"required": True}},
    )
    run = product.start(product.plan(*waves), "recoveries")
    wait_until_asked_for(product, run, "RESUME")
    forger.change(run, rows(product, run, "BATCH#open#")[0]["item"], serverIds=closed)
    decide(product, run, "resume")
    wait_until(product, run, lambda record: wave_statuses(record)["open"] == "FAILED")
    assert not instances_left(product)


def test_a_row_that_names_another_account_launches_nothing_there(product: Product, forger: Forger) -> None:
    servers = product.seed(1)
    elsewhere = product.seed(1, account=OTHER, prefix="elsewhere")
    run = held(product, servers, "recoveries")
    (batch,) = rows(product, run, "BATCH#")
    forger.change(run, batch["item"], accountId=OTHER, serverIds=elsewhere)
    there = {"item": batch["item"].replace(HUB, OTHER), "accountId": OTHER, "serverIds": elsewhere}
    forger.write("Executions", {**batch, **there})
    decide(product, run, "resume")
    product.machine(run).wait(60)
    assert not instances_left(product, OTHER)


def test_forged_launch_configurations_overwrite_no_instance(product: Product, forger: Forger) -> None:
    occupied, server = product.seed(2)
    assert product.drill(product.plan({"name": "web", "groups": [product.group([occupied])]}))["servers"]["launched"]
    (live,) = recovery_instances(product)
    product.emulator.client(HUB, WEST).update_launch_configuration(
        sourceServerID=server, launchIntoInstanceProperties={"launchIntoEC2InstanceID": live["ec2InstanceID"]}
    )
    run = held(product, [server], "recoveries")
    (batch,) = rows(product, run, "BATCH#")
    now = product.record(run)["requestedAt"]
    forger.change(run, batch["item"], launchesInto={server: ""}, launchesIntoAt=now)
    key = {"executionId": run, "item": f"PROBE#{target_key(product, run)}#{server}"}
    forger.write("Executions", {**key, "probes": {server: [True, True, None, None, None, None]}})
    forger.try_to_write("Inspections", {**key, "probes": {server: [True, True, None, None, None, None]}})
    before = len(starts(product))
    decide(product, run, "resume")
    product.machine(run).wait(60)
    assert len(starts(product)) == before


def test_a_server_is_launched_from_its_latest_data_whatever_the_batch_says(product: Product, forger: Forger) -> None:
    servers = product.seed(1)
    run = held(product, servers, "recoveries")
    (batch,) = rows(product, run, "BATCH#")
    forger.change(run, batch["item"], snapshots={servers[0]: "pit-" + "0" * 17})
    decide(product, run, "resume")
    assert product.finish(run)["servers"]["launched"] == 1
    assert product.calls()["StartRecovery"] == 1


# --- decisions --------------------------------------------------------------------------------------------------
FORGED_APPROVALS: list[dict[str, Any]] = [
    {"status": "WAITING", "approved": True},
    {"status": "IN_PROGRESS", "approved": True},
    {"status": "AWAITING_APPROVAL", "approvalUntil": 1},
    {"status": "WAITING", "approved": True, "approvalUntil": 1},
]


@pytest.mark.speed(60)  # the engine speeds up the timeout of a task once more: 13 days take five minutes
@pytest.mark.parametrize("forged", FORGED_APPROVALS, ids=str)
def test_no_wave_starts_without_its_approval(product: Product, forger: Forger, forged: dict[str, Any]) -> None:
    approval = {"required": True, "timeoutMinutes": DAYS, "onTimeout": "approve"}
    wave = {"name": "web", "groups": [product.group(product.seed(1))], "approval": approval}
    run = product.start(product.plan(wave), "recoveries")
    wait_until_asked_for(product, run, "APPROVAL")
    forger.change(run, "WAVE#web", **forged)
    forger.try_to_write("RunRequests", {"executionId": run, "item": "RUN#web", "approved": True})
    forger.answer_tokens(run)
    settle_down(product, 240)
    assert product.calls().get("StartRecovery", 0) == 0
    if "approvalUntil" not in forged:  # a forged deadline has passed, and then nobody can answer any more
        wait_until(product, run, lambda record: wave_statuses(record)["web"] == "AWAITING_APPROVAL")
        assert decide(product, run, "waves/web/approve").status == 200
        assert product.finish(run)["servers"]["launched"] == 1


def test_a_batch_that_looked_empty_when_its_wave_was_judged_starts_nothing(product: Product, forger: Forger) -> None:
    servers = product.seed(1)
    wave = {"name": "web", "groups": [product.group(servers)], "approval": {"required": True, "timeoutMinutes": DAYS}}
    run = product.start(product.plan(wave), "recoveries")
    wait_until_asked_for(product, run, "APPROVAL")
    (batch,) = rows(product, run, "BATCH#")
    forger.change(run, batch["item"], serverIds=[])
    forger.answer_tokens(run)
    wait_until(product, run, lambda record: wave_statuses(record)["web"] != "AWAITING_APPROVAL")
    forger.write("Executions", batch)
    settle_down(product)
    assert product.calls().get("StartRecovery", 0) == 0


def test_a_plan_without_approvals_cannot_be_put_in_the_place_of_the_one_that_runs(
    product: Product, forger: Forger
) -> None:
    wave = {"name": "web", "groups": [product.group(product.seed(1))]}
    run = product.start(product.plan({**wave, "approval": {"required": True, "timeoutMinutes": DAYS}}), "recoveries")
    wait_until_asked_for(product, run, "APPROVAL")
    for table in ("Executions", "RunRequests"):
        for row in product.items(table):
            if row["item"] == "PLAN":
                waves = [{**each, "approval": None} for each in row["plan"]["waves"]]
                forger.try_to_write(table, {**row, "plan": {**row["plan"], "waves": waves}})
    forger.answer_tokens(run)
    settle_down(product)
    assert product.calls().get("StartRecovery", 0) == 0


def test_a_failed_wave_gets_no_further_round_that_nobody_asked_for(product: Product, forger: Forger) -> None:
    servers = product.seed(1, failsAt="LAUNCH")
    plan = product.plan({"name": "web", "groups": [product.group(servers)], "onFailure": "ask"}, launchAttempts=1)
    run = product.start(plan, "recoveries")
    wait_until_asked_for(product, run, "DECISION")
    before = product.calls()["StartRecovery"]
    forger.change(run, "WAVE#web", status="WAITING", round=1)
    forger.answer_tokens(run)
    settle_down(product)
    assert product.calls()["StartRecovery"] == before


def test_a_cancelled_run_stays_cancelled(product: Product, forger: Forger) -> None:
    product.fault("THROTTLING", operation="StartRecovery", count=20)
    run = product.start(make_plan(product), "recoveries")
    wait_until(product, run, lambda record: record["batches"] and record["batches"][0]["status"] == "STARTING")
    assert decide(product, run, "cancel").status == 200
    forger.change(run, "META", cancelledBy=None, cancelledAt=None)
    product.machine(run).wait(60)
    assert not instances_left(product)


@pytest.mark.parametrize("forged", [{"status": "WAITING"}, {"status": "IN_PROGRESS"}], ids=str)
def test_a_paused_run_stays_paused(product: Product, forger: Forger, forged: dict[str, Any]) -> None:
    run = held(product, product.seed(1), "recoveries")
    assert decide(product, run, "pause").status == 200
    forger.change(run, "META", status="POLLING", pausedAt=None)
    forger.change(run, "WAVE#web", resumed=True, **forged)
    forger.answer_tokens(run)
    settle_down(product)
    assert product.calls().get("StartRecovery", 0) == 0


def test_a_continuation_recovers_what_was_asked_for(product: Product, forger: Forger) -> None:
    planned, stranger = product.seed(1, prefix="planned"), product.seed(1, prefix="stranger")
    run = held(product, planned, "recoveries")
    decide(product, run, "cancel")
    product.machine(run).wait(60)
    for table in ("Executions", "RunRequests"):
        for row in product.items(table):
            if row["item"].startswith("GROUP#"):
                forger.try_to_write(table, {**row, "serverIds": stranger, "sourceServerIds": stranger})
    reply = product.request("POST", f"/executions/{run}/continue")
    assert reply.status == 202, reply
    wait_until_asked_for(product, reply.body["executionId"], "RESUME")
    decide(product, reply.body["executionId"], "resume")
    product.machine(reply.body["executionId"]).wait(60)
    assert set(instances_left(product)) == set(planned)


# --- roles of other accounts ------------------------------------------------------------------------------------
@pytest.mark.parametrize("function", sorted(ORDINARY))
def test_a_function_can_neither_register_a_role_nor_ask_for_a_run_nor_choose_its_servers(function: str) -> None:
    for table in ("target-accounts", "protection-groups", "run-requests", "inspections"):
        for action in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
            for key in ("drill-20261122-081530-4f1c09", "recovery-20261122-081530-4f1c09"):
                assert not is_allowed(function, f"dynamodb:{action}", table, key), (table, action)


def test_only_the_schedule_asks_for_readiness_runs_beside_the_api() -> None:
    run = "readiness-20261122-081530-4f1c09"
    assert [each for each in ORDINARY if is_allowed(each, "dynamodb:PutItem", "run-requests", run)] == [
        "ListTargetsFunction"
    ]
