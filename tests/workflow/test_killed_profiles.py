"""Functions that change launch settings and put them back are killed after each write: nothing stays changed."""

import time
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox import networks
from tests.support.fault_injection import CHANGES, killed_after_change
from tests.support.launch_settings import CHANGES as TO_PUT_BACK
from tests.support.launch_settings import list_own_versions, read_settings
from tests.support.product import HUB, WEST, Product
from tests.support.shops import target_client

WRITES = {
    *CHANGES,
    "UpdateLaunchConfiguration",
    "CreateLaunchTemplateVersion",
    "ModifyLaunchTemplate",
    "DeleteLaunchTemplateVersions",
    "DeleteItem",
}
APPLY, RESTORE = "ApplySettings", "RestoreTarget"
WRITES_OF = {APPLY: 15, RESTORE: 18}
"""How often each function writes for one server at most; the test without a kill holds both to it.

Most are counts of calls for the rate limits. A second restore-target, which the end of the run starts, adds its claim.
"""
CHANGED = {
    APPLY: [
        "PutItem",  # the row, before anything is changed
        "UpdateLaunchConfiguration",
        "CreateLaunchTemplateVersion",
        "ModifyLaunchTemplate",
        "PutItem",  # the row, with what was made
        "PutItem",  # what the batch has to be started with
    ],
    RESTORE: [
        "PutItem",  # the row, so that no other function puts back at once
        "UpdateLaunchConfiguration",
        "ModifyLaunchTemplate",
        "DeleteLaunchTemplateVersions",
        "DeleteItem",  # the row
    ],
}
DRILL = {
    "subnets": networks.drill_subnets(WEST),
    "securityGroups": [networks.DRILL_GROUP],
    "privateIp": "release",
    "isolation": "required",
}
WAIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Group:
    """A group with a drill profile, whose servers copy the address of their source; and their settings before."""

    product: Product
    servers: list[str]
    plan: str
    before: dict[str, str]

    @classmethod
    def make(cls, product: Product, count: int, template_writes: str) -> "Group":
        product.emulator.control.change_settings({"behaviour": {"templateWrites": template_writes}})
        networks.lay_networks(
            lambda _, __, body: product.emulator.control.add_ec2_resource(
                body["kind"], body["accountId"], body["region"], body["resource"]
            ),
            HUB,
            WEST,
        )
        servers = product.seed(count)
        drs, ec2 = clients(product)
        for server in servers:
            drs.update_launch_configuration(sourceServerID=server, copyPrivateIp=True)
        group = product.group(servers, launchProfiles={"drill": DRILL})
        plan = product.plan({"name": "all", "groups": [group]})
        return cls(product, servers, plan, read_settings(drs, ec2, servers))

    def assert_as_before(self) -> None:
        """Wait until no row says that something has to be put back, and compare."""
        deadline = time.monotonic() + WAIT_SECONDS
        while rows := [row for row in self.product.items("TargetChanges") if row["item"].startswith(TO_PUT_BACK)]:
            assert time.monotonic() < deadline, rows
            time.sleep(0.1)
        drs, ec2 = clients(self.product)
        assert read_settings(drs, ec2, self.servers) == self.before
        assert list_own_versions(drs, ec2, self.servers) == []


def clients(product: Product) -> tuple[Any, Any]:
    return product.emulator.client(HUB, WEST), target_client(product, "ec2")


def places(product: Product) -> set[str]:
    """The subnets that instances run in."""
    pages = target_client(product, "ec2").describe_instances()["Reservations"]
    return {instance["SubnetId"] for page in pages for instance in page["Instances"]}


@pytest.mark.speed(100)  # a claim is of simulated time: at a higher speed it runs out while a busy machine holds it
@pytest.mark.parametrize("function", [APPLY, RESTORE])
def test_the_matrix_kills_a_function_after_each_of_its_writes(product: Product, function: str) -> None:
    group = Group.make(product, 1, "none")
    with killed_after_change(function, 1_000, WRITES) as made:
        record = product.drill(group.plan)
        group.assert_as_before()
    assert record["status"] == "COMPLETED", record
    assert [each for each in made if each != "UpdateItem"] == CHANGED[function]
    assert len(made) <= WRITES_OF[function], made


@pytest.mark.proof
@pytest.mark.parametrize("template_writes", ["none", "versions"])
@pytest.mark.parametrize(
    ("function", "number"),
    [(function, number) for function, most in WRITES_OF.items() for number in range(1, most + 1)],
)
def test_a_function_that_is_killed_after_any_of_its_writes_leaves_no_settings_changed(
    product: Product, function: str, number: int, template_writes: str
) -> None:
    group = Group.make(product, 1, template_writes)
    with killed_after_change(function, number, WRITES) as made:
        record = product.drill(group.plan)
        group.assert_as_before()
    assert len(made) == number or function == RESTORE, "it was killed"
    assert record["status"] == "COMPLETED", (record, made)
    assert places(product) <= set(networks.DRILL_SUBNETS.values()), made


@pytest.mark.proof
@pytest.mark.parametrize("number", range(1, 3 * max(WRITES_OF.values()), 2))
@pytest.mark.parametrize("function", [APPLY, RESTORE])
def test_a_function_that_is_killed_between_servers_leaves_no_settings_changed(
    product: Product, function: str, number: int
) -> None:
    group = Group.make(product, 3, "none")
    with killed_after_change(function, number, WRITES) as made:
        record = product.drill(group.plan)
        group.assert_as_before()
    assert record["status"] == "COMPLETED", (record, made)
    assert places(product) <= set(networks.DRILL_SUBNETS.values()), made
