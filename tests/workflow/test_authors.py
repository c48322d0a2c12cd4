"""Who changed a plan or a group last, and what a run keeps of them: its plan, and the groups of its servers."""

from typing import Any

import pytest

from recovery.identities import name_caller
from tests.support.plans import make_wave
from tests.support.product import ANA, HUB, Product, Reply

OPERATOR = f"arn:aws:sts::{HUB}:assumed-role/operators/ben"


def change(product: Product, path: str, caller: str = OPERATOR, **more: Any) -> Reply:
    """Replace a plan or a group by itself, with these changes."""
    now = product.request("GET", path).body
    own = ("planId", "groupId", "usedBy", "activeExecutionId", "drillInstances", "updatedBy", "updatedAt")
    body = {name: value for name, value in now.items() if name not in own}
    return product.request("PUT", path, {**body, **more}, caller=caller)


@pytest.fixture
def paths(product: Product) -> list[str]:
    """A group and a plan that uses it, by Ana."""
    group_id = product.group(product.seed(1))
    plan_id = product.plan({"name": "web", "groups": [group_id]})
    return [f"/protection-groups/{group_id}", f"/recovery-plans/{plan_id}"]


def test_plans_and_groups_say_who_changed_them_last(product: Product, paths: list[str]) -> None:
    for path in paths:
        created = product.request("GET", path).body
        assert created["updatedBy"] == ANA
        changed = change(product, path, name="another name")
        assert changed.status == 200
        shown = product.request("GET", path).body
        assert shown["updatedBy"] == changed.body["updatedBy"] == name_caller(OPERATOR)
        assert shown["updatedAt"] == changed.body["updatedAt"] > created["updatedAt"]


def test_a_row_of_an_earlier_version_says_that_its_author_is_not_known(product: Product, paths: list[str]) -> None:
    for table, path in zip(("ProtectionGroups", "RecoveryPlans"), paths, strict=True):
        (row,) = product.items(table)
        product.put(table, {name: value for name, value in row.items() if not name.startswith("updated")})
        shown = product.request("GET", path).body
        assert (shown["updatedBy"], shown["updatedAt"]) == (None, None)
        assert change(product, path, name="another name").body["updatedBy"] == name_caller(OPERATOR)


def test_a_change_that_is_repeated_after_a_lost_answer_keeps_its_time(product: Product, paths: list[str]) -> None:
    for path in paths:
        first = change(product, path, name="another name", version=1)
        again = change(product, path, name="another name", version=1)
        assert (first.status, again.status) == (200, 200)
        assert again.body == first.body


def test_a_run_keeps_its_plan_with_its_author(product: Product, paths: list[str]) -> None:
    plan_path = paths[1]
    run_id = product.start(plan_path.rsplit("/", 1)[1])
    assert change(product, plan_path, name="another name").status == 200
    as_run = product.request("GET", f"/executions/{run_id}/recovery-plan").body
    assert (as_run["name"], as_run["version"], as_run["updatedBy"]) == ("a plan", 1, ANA)
    assert "activeExecutionId" not in as_run
    product.finish(run_id)
    unknown = "drill-20261122-081530-4f1c09"
    assert product.request("GET", f"/executions/{unknown}/recovery-plan").status == 404


def test_each_server_of_a_run_names_the_groups_that_select_it(product: Product) -> None:
    wave = make_wave(product, count=2)
    ended = product.drill(product.plan(wave))
    assert [server["groups"] for server in ended["sourceServers"]] == [wave["groups"]] * 2
