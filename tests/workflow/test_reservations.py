"""Capacity that a run reserves for its waves ends with the run, whatever becomes of it."""

from typing import Any

import pytest

from recovery.launch_settings.owners import FUNCTION_SECONDS
from tests.harness.engine import Execution
from tests.support.changed_settings import ec2, restore, template_of, wait_for_restores
from tests.support.fault_injection import killed_after_change
from tests.support.inbox import TOPIC, Inbox
from tests.support.product import HUB, WEST, Product
from tests.support.runs import decide, held_jobs, pass_seconds, wait_until

PLACE = {"accountId": HUB, "region": WEST}
CHANGES = {"CancelCapacityReservation", "CreateCapacityReservation", "DeleteItem", "PutItem"}


def subnet_of(product: Product) -> str:
    """A subnet of the account, and with it a zone."""
    return str(ec2(product).describe_subnets()["Subnets"][0]["SubnetId"])


def typed_plan(product: Product, servers: int = 2, prefix: str = "srv") -> str:
    """A plan of one wave whose drills launch servers of one type in one subnet."""
    zone = str(ec2(product).describe_subnets()["Subnets"][0]["AvailabilityZone"])
    profile = {"instanceTypes": ["m6i.large", "m5.large"], "subnets": {zone: subnet_of(product)}}
    group = product.group(product.seed(servers, prefix=prefix), name=prefix, launchProfiles={"drill": profile})
    return product.plan({"name": "web", "groups": [group]}, name=prefix)


def start_reserving(product: Product, plan: str) -> str:
    """Start a drill that reserves capacity, and return its id."""
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"reserveCapacity": True})
    assert reply.status == 202, reply
    return str(reply.body["executionId"])


def reservations(product: Product) -> list[dict[str, Any]]:
    """What EC2 shows of reservations in the target, ended ones too."""
    found: list[dict[str, Any]] = ec2(product).describe_capacity_reservations()["CapacityReservations"]
    return found


def states(product: Product) -> list[str]:
    return sorted(each["State"] for each in reservations(product))


def rows(product: Product) -> list[dict[str, Any]]:
    return [row for row in product.items("TargetChanges") if row["item"].startswith("RESERVATION#")]


@pytest.mark.speed(120)
def test_the_servers_of_one_type_zone_and_platform_are_one_reservation_that_ends_with_the_run(product: Product) -> None:
    plan = typed_plan(product, 3)
    with held_jobs(product):
        run = start_reserving(product, plan)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        (made,) = reservations(product)
        assert (made["InstanceType"], made["TotalInstanceCount"], made["State"]) == ("m6i.large", 3, "active")
        assert (made["InstancePlatform"], made["InstanceMatchCriteria"]) == ("Linux/UNIX", "open")
        assert made["EndDateType"] == "limited"
        assert made["Tags"] == [{"Key": "drs-waves:execution", "Value": run}]
        assert len(rows(product)) == 1
    product.finish(run)
    wait_for_restores(product)
    assert states(product) == ["cancelled"]
    assert rows(product) == []


@pytest.mark.speed(120)
def test_a_run_without_profiles_reserves_what_its_templates_launch(product: Product) -> None:
    servers = product.seed(2)
    data = {"InstanceType": "c6i.large", "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet_of(product)}]}
    for server_id in servers:
        template_id = template_of(product, server_id)
        ec2(product).create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData=data)
        ec2(product).modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="2")
        product.emulator.client(HUB, WEST).update_launch_configuration(
            sourceServerID=server_id, targetInstanceTypeRightSizingMethod="NONE"
        )
    run = start_reserving(product, product.plan({"name": "web", "groups": [product.group(servers)]}))
    product.finish(run)
    wait_for_restores(product)
    assert [(each["InstanceType"], each["TotalInstanceCount"]) for each in reservations(product)] == [("c6i.large", 2)]
    assert states(product) == ["cancelled"]


@pytest.mark.speed(120)
def test_an_aborted_run_and_a_cancelled_one_leave_no_reservation(product: Product) -> None:
    product.engine.on_execution_end("CloseExecution")
    plan = typed_plan(product)
    with held_jobs(product):
        run = start_reserving(product, plan)
        wait_until(product, run, lambda record: record["servers"]["launching"])
        product.machine(run).stop()
        product.engine.settle()
        assert product.record(run)["status"] == "FAILED"
    wait_for_restores(product)
    assert states(product) == ["cancelled"]
    with held_jobs(product):
        run = start_reserving(product, typed_plan(product, prefix="other"))
        wait_until(product, run, lambda record: record["servers"]["launching"])
        assert decide(product, run, "cancel").status == 200
    product.finish(run)
    wait_for_restores(product)
    assert states(product) == ["cancelled", "cancelled"]
    assert rows(product) == []


def test_what_cannot_be_reserved_is_reported_and_the_run_goes_on() -> None:
    with Product(OPERATORS_TOPIC_ARN=TOPIC) as product:
        inbox = Inbox(product)
        plan = typed_plan(product)
        product.fault("ACCESS_DENIED", operation="CreateCapacityReservation")
        record = product.finish(start_reserving(product, plan))
        assert record["servers"]["launched"] == 2, record
        (message,) = inbox.of_kind("CAPACITY_NOT_RESERVED")
        assert "2 of m6i.large" in message
        assert "AllowCapacityReservations" in message
        wait_for_restores(product)
        assert rows(product) == []


def test_a_run_that_does_not_ask_for_it_reserves_nothing(product: Product) -> None:
    product.drill(typed_plan(product))
    assert reservations(product) == []
    assert product.engine.executions("recover-plan")[0].states_entered().count("ReserveCapacity") == 0


@pytest.mark.parametrize("number", range(1, 4))
def test_a_function_that_is_killed_while_it_reserves_reserves_nothing_twice(product: Product, number: int) -> None:
    with killed_after_change("ReserveCapacity", number, CHANGES) as made:
        run = start_reserving(product, typed_plan(product))
        product.finish(run)
    assert len(made) == number
    pass_seconds(product, FUNCTION_SECONDS)
    restore(product)
    wait_for_restores(product)
    assert states(product) == ["cancelled"]
    assert rows(product) == []


def test_a_reservation_whose_answer_was_lost_ends_with_the_run(product: Product) -> None:
    product.fault("CUT_AFTER", operation="CreateCapacityReservation")
    product.finish(start_reserving(product, typed_plan(product)))
    pass_seconds(product, FUNCTION_SECONDS)
    restore(product)
    wait_for_restores(product)
    assert set(states(product)) == {"cancelled"}
    assert rows(product) == []


@pytest.mark.parametrize("number", range(1, 3))
def test_a_function_that_is_killed_while_it_ends_reservations_leaves_the_rest_to_its_repetition(
    product: Product, number: int
) -> None:
    with killed_after_change("RestoreTarget", number, CHANGES):
        product.finish(start_reserving(product, typed_plan(product)))
        wait_for_restores(product)
    pass_seconds(product, FUNCTION_SECONDS)
    restore(product)
    wait_for_restores(product)
    assert states(product) == ["cancelled"]
    assert rows(product) == []


@pytest.mark.speed(120)
def restores(product: Product) -> list[Execution]:
    return product.engine.executions("restore-target")


def test_a_reservation_that_ended_by_itself_is_forgotten_also_if_the_target_permits_nothing_any_more(
    product: Product,
) -> None:
    product.fault("ACCESS_DENIED", operation="DescribeCapacityReservations")
    run = start_reserving(product, typed_plan(product))
    product.finish(run)
    # One of the executions that the ends of the batch and of the run have started leaves the work to the other.
    wait_until(product, run, lambda _: any("WaitForJobs" in each.states_entered() for each in restores(product)))
    (row,) = rows(product)
    product.put("TargetChanges", {**row, "endsAt": "2020-01-01T00:00:00.000Z"})
    wait_for_restores(product)
    assert rows(product) == []
