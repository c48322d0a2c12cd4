"""What checks read in a target: status checks of EC2, agents of Systems Manager, and the health of targets."""

from collections.abc import Iterator

import pytest

from recovery.errors import RetryExhausted
from recovery.target_errors import NotInTarget
from recovery.target_services import instance_status, lookups, managed_instances, target_health
from tests.support.product import HUB, WEST
from tests.support.recovered_instances import BOOT_SECONDS, TARGET, Recovered, recovered

UNKNOWN = "i-0123456789abcdef0"


@pytest.fixture(params=["captured", "unkind"])
def world(request: pytest.FixtureRequest) -> Iterator[Recovered]:
    with recovered(profile=request.param) as found:
        yield found


@pytest.fixture
def unkind() -> Iterator[Recovered]:
    with recovered(profile="unkind") as found:
        yield found


def names(count: int) -> list[str]:
    return [f"srv-{number:03}" for number in range(count)]


# --- status checks ------------------------------------------------------------------------------------------------
def test_an_instance_is_initializing_and_then_passes_all_its_checks(world: Recovered) -> None:
    (instance,) = world.launch("db01").values()
    world.wait(160)
    (first,) = instance_status.describe(TARGET, [instance]).values()
    assert first is not None
    assert (first.state, first.has_passed) == ("running", False)
    assert first.instance == "initializing"
    world.wait(BOOT_SECONDS)
    (later,) = instance_status.describe(TARGET, [instance]).values()
    assert later is not None
    assert later.has_passed
    assert {status for _, status in later.checks} <= {"ok", "not-applicable"}


@pytest.mark.parametrize(
    ("played", "name", "status"),
    [
        ("instance-impaired", "instance", "impaired"),
        ("system-impaired", "system", "impaired"),
        ("ebs-impaired", "attached EBS", "impaired"),
        ("insufficient-data", "instance", "insufficient-data"),
    ],
)
def test_a_check_that_fails_is_named(world: Recovered, played: str, name: str, status: str) -> None:
    world.rule("INSTANCE", hostname="db01", checks=played)
    (found,) = instance_status.describe(TARGET, world.boot("db01").values()).values()
    assert found is not None
    assert not found.has_passed
    assert (name, status) in found.checks


def test_the_checks_of_250_instances_cost_a_call_for_each_hundred(world: Recovered) -> None:
    ids = world.boot(*names(250)).values()
    found = instance_status.describe(TARGET, ids)
    assert len(found) == 250
    assert all(each and each.has_passed for each in found.values())
    assert world.calls("DescribeInstanceStatus") == 3


def test_instances_that_ec2_does_not_know_are_told_apart_and_hide_no_other(world: Recovered) -> None:
    (instance,) = world.boot("db01").values()
    others = [f"i-{number:017x}" for number in range(1, 40)]
    found = instance_status.describe(TARGET, [instance, *others])
    assert [each for each, status in found.items() if status] == [instance]
    assert set(found) == {instance, *others}
    assert world.calls("DescribeInstanceStatus") == 2


def test_a_new_instance_is_unknown_until_ec2_shows_it(unkind: Recovered) -> None:
    unkind.control.change_settings({"behaviour": {"statusDelaySeconds": 3_000}})
    (instance,) = unkind.launch("db01").values()
    assert instance_status.describe(TARGET, [instance]) == {instance: None}
    unkind.wait(3_000)
    assert instance_status.describe(TARGET, [instance])[instance] is not None


def test_without_instances_nothing_is_asked(world: Recovered) -> None:
    assert instance_status.describe(TARGET, []) == managed_instances.describe(TARGET, []) == {}
    assert world.control.calls()["total"] == 0


# --- agents -------------------------------------------------------------------------------------------------------
def test_an_agent_registers_and_may_be_lost(world: Recovered) -> None:
    world.rule("INSTANCE", hostname="win01", agentSeconds=100, agentLostSeconds=1_500)
    (instance,) = world.launch("win01", os="Windows Server 2022").values()
    world.wait(BOOT_SECONDS)
    found = managed_instances.describe(TARGET, [instance])[instance]
    assert found is not None
    assert (found.is_online, found.platform) == (True, "Windows")
    world.wait(900)
    lost = managed_instances.describe(TARGET, [instance])[instance]
    assert lost is not None
    assert (lost.is_online, lost.ping) == (False, "ConnectionLost")


def test_the_agents_of_130_instances_cost_a_call_for_each_fifty(world: Recovered) -> None:
    ids = world.boot(*names(130)).values()
    found = managed_instances.describe(TARGET, ids)
    assert all(each and each.is_online for each in found.values())
    assert world.calls("DescribeInstanceInformation") == 3


@pytest.mark.parametrize("variant", ["absent", "refused"])
def test_an_instance_without_an_agent_and_one_that_does_not_exist_have_none(world: Recovered, variant: str) -> None:
    world.play(unknownInstances=variant)
    world.rule("INSTANCE", hostname="db02", agent="absent")
    ids = world.boot("db01", "db02")
    found = managed_instances.describe(TARGET, [*ids.values(), UNKNOWN])
    assert [each for each, agent in found.items() if agent] == [ids["db01"]]
    assert set(found) == {*ids.values(), UNKNOWN}


# --- target groups ------------------------------------------------------------------------------------------------
def test_targets_are_healthy_or_say_why_they_are_not(world: Recovered) -> None:
    world.rule("INSTANCE", hostname="web02", targetHealth="unhealthy")
    servers = world.emulator.seed(HUB, WEST, [{"hostname": "web01"}, {"hostname": "web02"}])
    world.emulator.client(HUB, WEST).start_recovery(sourceServers=[{"sourceServerID": each} for each in servers])
    world.wait(BOOT_SECONDS * 3)
    arn = world.control.add_target_group(
        {"accountId": HUB, "region": WEST, "name": "shop-web", "port": 8080, "sourceServerIds": servers}
    )["targetGroupArn"]
    ids = {each["hostname"]: each["instanceId"] for each in world.control.instances()}
    found = target_health.describe(TARGET, arn, [*ids.values(), UNKNOWN])
    assert found[ids["web01"]].is_healthy
    unhealthy, foreign = found[ids["web02"]], found[UNKNOWN]
    assert (unhealthy.state, unhealthy.reason) == ("unhealthy", "Target.FailedHealthChecks")
    assert (foreign.state, foreign.reason) == ("unused", "Target.NotRegistered")
    assert world.calls("DescribeTargetHealth") == 1


def test_a_target_group_that_does_not_exist_is_an_error_of_its_own(world: Recovered) -> None:
    arn = f"arn:aws:elasticloadbalancing:{WEST}:{HUB}:targetgroup/none/0123456789abcdef"
    with pytest.raises(NotInTarget) as caught:
        target_health.describe(TARGET, arn, [UNKNOWN])
    assert caught.value.message.startswith(f"DescribeTargetHealth in {TARGET.key}")
    with pytest.raises(NotInTarget):
        lookups.find_target_group(TARGET, arn)


# --- faults -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["THROTTLING", "SERVER_ERROR", "CUT_BEFORE", "CUT_AFTER"])
def test_a_read_outlasts_a_brief_fault(world: Recovered, kind: str) -> None:
    ids = list(world.boot("db01").values())
    for operation in ("DescribeInstanceStatus", "DescribeInstanceInformation"):
        world.fault(kind, operation, count=2)
    assert instance_status.describe(TARGET, ids)[ids[0]] is not None
    assert managed_instances.describe(TARGET, ids)[ids[0]] is not None


def test_a_fault_that_lasts_is_an_error_that_machines_retry(world: Recovered) -> None:
    ids = list(world.boot("db01").values())
    world.fault("THROTTLING", "DescribeInstanceStatus")
    with pytest.raises(RetryExhausted, match="DescribeInstanceStatus in"):
        instance_status.describe(TARGET, ids)


def test_whether_checks_are_allowed_is_asked_without_an_instance(world: Recovered) -> None:
    lookups.try_checks(TARGET)
    assert world.calls("DescribeInstanceStatus") == world.calls("DescribeInstanceInformation") == 1
