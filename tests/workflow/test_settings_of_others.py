"""No run launches servers with the launch settings that another run has made for its launch profiles."""

import pytest

from recovery.store.launches.settings_changes import ChangeStatus
from tests.support import changed_settings
from tests.support.fault_injection import held_before
from tests.support.launch_settings import change_as_a_person, template_of
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
from tests.support.runs import decide, held_jobs, pass_seconds, wait_until
from tests.support.shops import target_client

APPLY, RESTORE = "ApplySettings", "RestoreTarget"


@pytest.fixture(autouse=True)
def laid(product: Product) -> None:
    lay_networks(product)


def subnets_of_instances(product: Product) -> list[str]:
    pages = target_client(product, "ec2").describe_instances()["Reservations"]
    return [each["SubnetId"] for page in pages for each in page["Instances"]]


def entered(product: Product, number: int = -1) -> list[str]:
    return product.engine.executions("recover-target")[number].states_entered()


def test_a_recovery_without_a_profile_is_not_launched_with_what_a_drill_has_not_put_back_yet(product: Product) -> None:
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": DRILL})
    with held_before(RESTORE, "GetItem") as restoring:
        assert product.drill(plan)["status"] == "COMPLETED"
        assert restoring.reached.wait(30)
        record = product.finish(product.start(plan, "recoveries"))
        restoring.go.set()
    assert record["status"] == "COMPLETED", record
    assert launched(product)[server]["SubnetId"] not in DRILL_SUBNETS


def test_a_recovery_that_skips_profiles_is_not_launched_with_what_a_drill_has_not_put_back_yet(
    product: Product,
) -> None:
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": DRILL, "recovery": {"tags": {"from": "recovery"}}})
    with held_before(RESTORE, "GetItem") as restoring:
        assert product.drill(plan)["status"] == "COMPLETED"
        assert restoring.reached.wait(30)
        reply = product.request("POST", f"/recovery-plans/{plan}/recoveries", {"launchProfiles": "skip"})
        record = product.finish(reply.body["executionId"])
        restoring.go.set()
    assert record["status"] == "COMPLETED", record
    assert launched(product)[server]["SubnetId"] not in DRILL_SUBNETS


def test_a_recovery_with_a_profile_starts_from_what_a_person_has_changed_since_a_drill(product: Product) -> None:
    """The drill's row says LEFT, and no operator has decided about it yet."""
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": DRILL, "recovery": {"tags": {"from": "recovery"}}})
    drill = product.drill(plan)["executionId"]
    changed_settings.wait_for_restores(product)
    changed_settings.change_settings(product, server, drill)
    number = changed_settings.change_as_a_person(product, server)
    changed_settings.restore(product)
    (left,) = changed_settings.rows_left(product)
    assert left.status is ChangeStatus.LEFT
    theirs = changed_settings.read_settings(product, server)
    record = product.finish(product.start(plan, "recoveries"))
    assert record["status"] == "COMPLETED", record
    assert read_tags(launched(product)[server])["from"] == "recovery"
    changed_settings.wait_for_restores(product)
    assert changed_settings.rows_left(product) == []
    assert changed_settings.read_settings(product, server) == theirs, f"version {number} is the default one again"


def test_a_run_without_a_profile_waits_for_a_paused_one_whose_profile_is_applied(product: Product) -> None:
    servers = product.seed(1)
    drill = plan_of(product, servers, {"drill": DRILL}, name="drill")
    plain = plan_of(product, servers, {}, name="plain")
    with held_before("CheckCapacity", "GetItem") as gate:
        paused = product.start(drill)
        assert gate.reached.wait(30)
        decide(product, paused, "pause")
        gate.go.set()
        wait_until(product, paused, lambda record: record["status"] == "PAUSED" and record["waitingFor"])
    run = product.start(plain)
    wait_until(product, run, lambda _: "WaitForDrs" in entered(product))
    assert "StartRecovery" not in product.calls()
    decide(product, paused, "cancel")
    assert product.finish(run, timeout=90)["status"] == "COMPLETED"
    assert not DRILL_SUBNETS.intersection(subnets_of_instances(product))


def test_a_profile_is_not_applied_while_a_run_without_one_launches_the_server(product: Product) -> None:
    servers = product.seed(1)
    plain, drill = (
        plan_of(product, servers, {}, name="plain"),
        plan_of(product, servers, {"drill": DRILL}, name="drill"),
    )
    with held_jobs(product):
        first = product.start(plain)
        wait_until(product, first, lambda record: record["servers"]["launching"])
        second = product.start(drill)
        wait_until(product, second, lambda _: "WaitForDrs" in entered(product))
        assert calls_made(product, *WRITES) == []
    assert product.finish(first)["status"] == "COMPLETED"
    assert product.finish(second, timeout=90)["status"] == "COMPLETED"
    assert launched(product)[servers[0]]["SubnetId"] in DRILL_SUBNETS


def test_a_profile_that_is_applied_while_another_run_starts_the_server_is_not_written(product: Product) -> None:
    servers = product.seed(1)
    plain, drill = (
        plan_of(product, servers, {}, name="plain"),
        plan_of(product, servers, {"drill": DRILL}, name="drill"),
    )
    with held_jobs(product):
        with held_before(APPLY, "PutItem") as gate:
            second = product.start(drill)
            assert gate.reached.wait(30)
            first = product.start(plain)
            wait_until(product, first, lambda record: record["servers"]["launching"])
            gate.go.set()
            wait_until(product, second, lambda _: "WaitForDrs" in entered(product, 0))
        assert calls_made(product, *WRITES) == []
        assert [row for row in product.items("TargetChanges") if row["item"].startswith("SERVER#")] == []
    assert product.finish(first)["status"] == "COMPLETED"
    assert product.finish(second, timeout=90)["status"] == "COMPLETED"


def test_a_job_that_does_not_end_withholds_its_server_and_no_other(product: Product) -> None:
    stuck, other = product.seed(2)
    plan = plan_of(product, [stuck, other], {"drill": DRILL})
    with held_jobs(product):
        drs = product.emulator.client(HUB, WEST)
        drs.start_recovery(sourceServers=[{"sourceServerID": stuck}], isDrill=True)
        pass_seconds(product, 7_300)
        run = product.start(plan)
        # The record counts servers as launching before DRS has answered the start.
        wait_until(product, run, lambda record: record["servers"]["launching"] and len(product.jobs()) == 2)
        (job,) = [each for each in product.jobs() if each["tags"]]
        assert [each["sourceServerID"] for each in job["participatingServers"]] == [other]
    record = product.finish(run, timeout=90)
    (reason,) = [each["reason"] for each in record["sourceServers"] if each["sourceServerId"] == stuck]
    assert "conflict that lasts" in reason, record


def test_settings_that_a_person_has_changed_since_keep_no_run_without_a_profile_waiting(product: Product) -> None:
    (server,) = product.seed(1)
    plan = plan_of(product, [server], {"drill": DRILL})
    drs, ec2 = product.emulator.client(HUB, WEST), target_client(product, "ec2")
    drs.update_launch_configuration(sourceServerID=server, targetInstanceTypeRightSizingMethod="NONE")
    with held_before(RESTORE, "GetItem") as restoring:
        assert product.drill(plan)["status"] == "COMPLETED"
        assert restoring.reached.wait(30)
        change_as_a_person(ec2, template_of(drs, server), InstanceType="r6i.xlarge")
        restoring.go.set()
        [each.wait(60) for each in product.engine.executions("restore-target")]
    record = product.finish(product.start(plan, "recoveries"))
    assert record["status"] == "COMPLETED", record
    assert launched(product)[server]["InstanceType"] == "r6i.xlarge"


def test_a_damaged_row_stops_neither_a_recovery_nor_what_is_put_back_of_other_servers(product: Product) -> None:
    damaged, other = product.seed(2)
    row = {"target": f"{HUB}/{WEST}", "item": f"SERVER#{damaged}", "accountId": HUB, "region": WEST}
    product.put("TargetChanges", {**row, "status": "SOMETHING", "sourceServerId": damaged})
    plan = plan_of(product, [damaged, other], {"drill": DRILL})
    product.finish(product.start(plan_of(product, [other], {"drill": DRILL}, name="other")))
    [each.wait(60) for each in product.engine.executions("restore-target")]
    left = [each["item"] for each in product.items("TargetChanges") if each["item"].startswith("SERVER#")]
    assert left == [f"SERVER#{damaged}"]
    record = product.finish(product.start(plan, "recoveries"))
    assert record["status"] == "COMPLETED", record
