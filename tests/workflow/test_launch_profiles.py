"""Servers are launched as the launch profiles of their groups say."""

from typing import Any

import pytest

from sandbox import networks
from tests.support.launch_settings import list_own_versions, template_of
from tests.support.product import HUB, WEST, Product
from tests.support.profiled_runs import (
    DRILL,
    DRILL_SUBNETS,
    WRITES,
    add_subnet,
    calls_made,
    launched,
    lay_networks,
    plan_of,
    read_tags,
)
from tests.support.shops import target_client

ZONE = f"{WEST}a"


@pytest.fixture(autouse=True)
def laid(product: Product) -> None:
    lay_networks(product)


def reasons(record: dict[str, Any]) -> dict[str, str]:
    return {each["sourceServerId"]: each["reason"] or "" for each in record["sourceServers"]}


# --- where ----------------------------------------------------------------------------------------------------------
def test_a_drill_lands_in_the_drill_subnets_with_released_addresses(product: Product) -> None:
    servers = product.seed(5)
    product.emulator.client(HUB, WEST).update_launch_configuration(sourceServerID=servers[0], copyPrivateIp=True)
    record = product.drill(plan_of(product, servers, {"drill": DRILL}))
    assert record["status"] == "COMPLETED", record
    found = launched(product)
    assert found.keys() == set(servers)
    assert {each["SubnetId"] for each in found.values()} == DRILL_SUBNETS, "they spread over the zones"
    for instance in found.values():
        assert [group["GroupId"] for group in instance["SecurityGroups"]] == [networks.DRILL_GROUP]
        assert instance["PrivateIpAddress"].startswith("10.77.")


def test_a_recovery_is_launched_by_its_own_profile_and_not_by_that_of_drills(product: Product) -> None:
    servers = product.seed(1)
    recovery = {"subnets": networks.recovery_subnets(WEST), "securityGroups": [networks.RECOVERY_GROUP]}
    plan = plan_of(product, servers, {"drill": DRILL, "recovery": recovery})
    product.finish(product.start(plan, "recoveries"))
    assert launched(product)[servers[0]]["SubnetId"] in networks.RECOVERY_SUBNETS.values()


def test_a_run_without_profiles_of_its_kind_reads_no_template(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"recovery": DRILL})
    assert product.drill(plan)["status"] == "COMPLETED"
    assert calls_made(product, *WRITES, "DescribeLaunchTemplateVersions", "DescribeLaunchTemplates") == []
    (machine,) = product.engine.executions("recover-target")
    assert "ApplySettings" not in machine.states_entered()


def test_a_run_that_skips_profiles_changes_nothing(product: Product) -> None:
    plan = plan_of(product, product.seed(1), {"drill": DRILL})
    reply = product.request("POST", f"/recovery-plans/{plan}/drills", {"launchProfiles": "skip"})
    assert product.finish(reply.body["executionId"])["status"] == "COMPLETED"
    assert calls_made(product, *WRITES) == []


def test_the_first_group_of_the_wave_that_has_a_profile_for_a_server_counts(product: Product) -> None:
    servers = product.seed(1)
    groups = [
        product.group(servers, name="without", launchProfiles={"recovery": DRILL}),
        product.group(servers, name="first", launchProfiles={"drill": {"tags": {"from": "first"}}}),
        product.group(servers, name="second", launchProfiles={"drill": {"tags": {"from": "second"}}}),
    ]
    assert product.drill(product.plan({"name": "web", "groups": groups}))["status"] == "COMPLETED"
    assert read_tags(launched(product)[servers[0]])["from"] == "first"


# --- with which address ---------------------------------------------------------------------------------------------
def test_a_kept_address_is_that_of_the_source_in_the_subnet_that_has_it(product: Product) -> None:
    (server,) = product.seed(1, ip="10.78.1.20")
    subnets = {ZONE: add_subnet(product, "subnet-0d1111aa", "10.78.0.0/16"), f"{WEST}b": "subnet-0d11111b"}
    record = product.drill(plan_of(product, [server], {"drill": {"subnets": subnets, "privateIp": "keep"}}))
    assert record["status"] == "COMPLETED", record
    assert launched(product)[server]["PrivateIpAddress"] == "10.78.1.20"


def test_a_kept_address_that_no_subnet_has_withholds_that_server_and_no_other(product: Product) -> None:
    outside, inside = product.seed(1, ip="10.1.1.20") + product.seed(1, ip="10.77.1.20", prefix="in")
    profile = {**DRILL, "privateIp": "keep"}
    record = product.drill(plan_of(product, [outside, inside], {"drill": profile}))
    assert launched(product).keys() == {inside}
    assert "10.1.1.20 is in no subnet of its launch profile" in reasons(record)[outside]
    assert record["servers"]["launched"] == 1


def test_a_given_address_is_for_one_server_and_a_mapped_one_has_the_same_place_in_the_other_range(
    product: Product,
) -> None:
    given, mapped = product.seed(1, ip="10.1.5.6") + product.seed(1, ip="10.1.7.8", prefix="mapped")
    profiles = {
        "drill": {"subnets": DRILL["subnets"], "privateIpMap": {"10.1.0.0/17": "10.77.0.0/17"}},
        "servers": {given: {"drill": {"privateIp": "10.77.200.7"}}},
    }
    record = product.drill(plan_of(product, [given, mapped], profiles))
    assert record["status"] == "COMPLETED", record
    addresses = {server_id: each["PrivateIpAddress"] for server_id, each in launched(product).items()}
    assert addresses == {given: "10.77.200.7", mapped: "10.77.7.8"}


# --- as what --------------------------------------------------------------------------------------------------------
def test_type_instance_profile_tags_and_disposition_are_those_of_the_profile(product: Product) -> None:
    servers = product.seed(1)
    product.emulator.control.add_instance_profile(HUB, "drill-profile")
    profile = {
        "instanceTypes": ["m5.xlarge"],
        "instanceProfile": "drill-profile",
        "tags": {"purpose": "drill"},
        "disposition": "STOPPED",
        "recoveryMode": "FAST",
    }
    record = product.drill(plan_of(product, servers, {"drill": profile}))
    assert record["status"] == "COMPLETED", record
    ec2 = target_client(product, "ec2")
    (instance,) = [each for page in ec2.describe_instances()["Reservations"] for each in page["Instances"]]
    assert (instance["InstanceType"], instance["State"]["Name"]) == ("m5.xlarge", "stopped")
    assert instance["IamInstanceProfile"]["Arn"].endswith("/drill-profile")
    assert read_tags(instance)["purpose"] == "drill"


def test_after_a_launch_that_failed_for_want_of_its_type_the_next_type_is_launched(product: Product) -> None:
    servers = product.seed(2)
    for name in ("m5.xlarge", "m5.2xlarge"):
        offering = {"accountId": HUB, "region": WEST, "instanceType": name, "zones": [f"{WEST}c"]}
        product.emulator.control.set_offering(offering)
    types = ["m5.xlarge", "m5.2xlarge", "c5.xlarge"]
    plan = plan_of(product, servers, {"drill": {**DRILL, "instanceTypes": types}}, launchAttempts=3)
    record = product.drill(plan)
    assert record["status"] == "COMPLETED", record
    assert {each["InstanceType"] for each in launched(product).values()} == {"c5.xlarge"}
    assert record["waves"][0]["name"] == "web"
    (machine,) = product.engine.executions("recover-target")
    assert machine.states_entered().count("StartRecovery") == 3
    drs, ec2 = product.emulator.client(HUB, WEST), target_client(product, "ec2")
    assert len(list_own_versions(drs, ec2, servers)) <= 2, "the versions of the first attempts are deleted"


def test_a_launch_that_failed_for_something_else_is_tried_again_with_the_same_type(product: Product) -> None:
    servers = product.seed(1)
    product.fault("CONVERSION_FAILS", count=1)
    plan = plan_of(product, servers, {"drill": {"instanceTypes": ["m5.xlarge", "c5.xlarge"]}})
    assert product.drill(plan)["status"] == "COMPLETED"
    assert launched(product)[servers[0]]["InstanceType"] == "m5.xlarge"
    assert calls_made(product, "CreateLaunchTemplateVersion") == ["CreateLaunchTemplateVersion"]


# --- what is not written --------------------------------------------------------------------------------------------
def test_a_profile_that_changes_nothing_costs_reads_only(product: Product) -> None:
    servers = product.seed(2)
    record = product.drill(plan_of(product, servers, {"drill": {"disposition": "STARTED", "privateIp": "release"}}))
    assert record["status"] == "COMPLETED", record
    assert calls_made(product, *WRITES) == []
    assert product.items("TargetChanges") == []
    (machine,) = product.engine.executions("recover-target")
    assert machine.states_entered().count("ApplySettings") == 1


# --- who is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("gone", ["subnet", "template", "permission"])
def test_a_server_whose_profile_cannot_be_applied_is_withheld_with_the_reason_and_the_others_go_on(
    product: Product, gone: str
) -> None:
    bad, good = product.seed(2)
    plan = plan_of(product, [bad, good], {"servers": {bad: {"drill": DRILL}}})
    template = template_of(product.emulator.client(HUB, WEST), bad)
    if gone == "subnet":
        for subnet in DRILL_SUBNETS:
            product.emulator.control.remove_ec2_resource(subnet)
    elif gone == "template":
        target_client(product, "ec2").delete_launch_template(LaunchTemplateId=template)
    else:
        product.fault("ACCESS_DENIED", operation="CreateLaunchTemplateVersion")
    record = product.drill(plan)
    assert launched(product).keys() == {good}
    words = {
        "subnet": "its launch profile names a subnet that does not exist: subnet-0d11111a",
        "template": f"its launch template {template}, or the default version of it, does not exist",
        "permission": "Set the parameter AllowLaunchProfiles to true",
    }
    assert words[gone] in reasons(record)[bad]
    assert reasons(record)[good] == ""
