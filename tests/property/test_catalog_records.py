"""Concurrent writers of plans and groups, in any order and from any version: no change is lost silently."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recovery.aws import dynamodb
from recovery.catalog.groups import create_group, delete_group, update_group
from recovery.catalog.history import Author
from recovery.catalog.plans import create_plan, delete_plan, get_plan, update_plan
from recovery.domain.execution import Execution, ExecutionStatus, Mode, Run
from recovery.domain.plan import GroupUse, ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.target import Target
from recovery.errors import Conflict, InvalidRequest, NotFound
from recovery.settings import settings
from recovery.store import executions
from tests.support.moto_tables import empty, product_tables

pytestmark = pytest.mark.proof

HASH_KEYS = {"recovery_plans": "planId", "protection_groups": "groupId", "executions": "executionId"}
GROUPS = ("pg-a", "pg-b", "pg-c")
PLANS = ("rp-1", "rp-2")
TARGET = Target("111122223333", "us-west-2")
AUTHOR = Author("arn:aws:iam::111122223333:user/ana", "2026-01-01T00:00:00.000Z")


@pytest.fixture(scope="module", autouse=True)
def on_moto() -> Iterator[None]:
    """Tables that are created once; each example empties them."""
    with product_tables():
        yield


def plan(plan_id: str, groups: tuple[str, ...], note: str = "") -> RecoveryPlan:
    return RecoveryPlan(plan_id, "shop", (Wave("web", tuple(map(GroupUse, groups))),), note)


def rows(table: str) -> dict[str, dict[str, Any]]:
    return {str(row[HASH_KEYS[table]]): row for row in dynamodb.scan(table)}


def written() -> dict[tuple[str, int], dict[str, Any]]:
    """The entries of the history."""
    return {(row["subject"], row["version"]): row for row in dynamodb.scan(settings().catalog_history_table)}


def content(row: Any) -> Any:
    return row and {name: value for name, value in row.items() if name not in ("usedBy", "activeExecutionId")}


def check_history(kept: dict[Any, Any], before: dict[str, Any], after: dict[str, Any]) -> None:
    """Each row that was written, made or deleted has one entry more, with what it is now."""
    entries = written()
    assert {key: entries[key] for key in kept} == kept  # nothing that is written is changed
    new = [entry for key, entry in entries.items() if key not in kept]
    changed = [name for name in {**before, **after} if content(before.get(name)) != content(after.get(name))]
    assert sorted(entry["id"] for entry in new) == sorted(changed)
    for entry in new:
        assert entry["content"] == content(after.get(entry["id"], before.get(entry["id"])))
        assert entry.get("deleted", False) == (entry["id"] not in after)
        assert not entry.get("found")


uses = st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True).map(tuple)
steps = st.one_of(
    st.tuples(st.just("make group"), st.sampled_from(GROUPS)),
    st.tuples(st.just("change group"), st.sampled_from(GROUPS), st.integers(1, 4)),
    st.tuples(st.just("delete group"), st.sampled_from(GROUPS)),
    st.tuples(st.just("make plan"), st.sampled_from(PLANS), uses),
    st.tuples(st.just("change plan"), st.sampled_from(PLANS), uses, st.integers(1, 5)),
    st.tuples(st.just("delete plan"), st.sampled_from(PLANS)),
    st.tuples(st.just("start"), st.sampled_from(PLANS)),
    st.tuples(st.just("end"), st.sampled_from(PLANS)),
)


def take(number: int, step: Any) -> None:
    """Take one step. `number` makes each write different."""
    kind, name, *rest = step
    if kind == "make group":
        if name not in rows("protection_groups"):
            create_group(ProtectionGroup(name, "web", TARGET, tags={"tier": "web"}))
    elif kind == "change group":
        update_group(ProtectionGroup(name, f"web {number}", TARGET, tags={"tier": "web"}), rest[0])
    elif kind == "delete group":
        delete_group(name, AUTHOR)
    elif kind == "make plan":
        if name not in rows("recovery_plans"):
            create_plan(plan(name, rest[0]))
    elif kind == "change plan":
        update_plan(plan(name, rest[0], f"change {number}"), rest[1])
    elif kind == "delete plan":
        delete_plan(name, AUTHOR)
    elif kind == "start":
        planned = get_plan(name)
        run = Run(
            f"drill-{number}",
            name,
            planned.name,
            Mode.DRILL,
            ExecutionStatus.PENDING,
            "2026-01-01T00:00:00.000Z",
            "ana",
        )
        executions.create_execution(Execution(run, planned), [])
    else:
        executions.release_plan(name, rows("recovery_plans").get(name, {}).get("activeExecutionId", "none"))


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=4, max_size=14))
def test_versions_locks_and_uses_hold_whatever_is_written_in_whatever_order(course: list[Any]) -> None:
    for table in ("executions", "recovery_plans", "protection_groups", "target_accounts", "catalog_history"):
        empty(table)
    for group in GROUPS[:2]:
        create_group(ProtectionGroup(group, "web", TARGET, tags={"tier": "web"}))
    create_plan(plan("rp-1", GROUPS[:1]))
    plans, groups = rows("recovery_plans"), rows("protection_groups")
    for number, step in enumerate(course):
        before, groups_before, entries = plans, groups, written()
        refused = False
        try:
            take(number, step)
        except (Conflict, NotFound, InvalidRequest):
            refused = True
        plans, groups = rows("recovery_plans"), rows("protection_groups")
        check_history(entries, {**before, **groups_before}, {**plans, **groups})
        if refused:
            assert (plans, groups) == (before, groups_before), step  # nothing is half written
        for plan_id, row in plans.items():
            old = before.get(plan_id, {"version": 0})
            changed = row.get("description"), row["waves"]
            was = old.get("description"), old.get("waves")
            assert row["version"] == old["version"] + (changed != was), step
            if step[0] not in ("start", "end"):
                assert row.get("activeExecutionId") == old.get("activeExecutionId"), step
        for plan_id in before.keys() - plans.keys():
            assert "activeExecutionId" not in before[plan_id]
        used: dict[str, set[str]] = {}
        for plan_id, row in plans.items():
            for use in row["waves"][0]["groups"]:
                used.setdefault(use["groupId"], set()).add(plan_id)
        assert used.keys() <= groups.keys(), step  # no plan is without its groups
        assert {name: row["usedBy"] for name, row in groups.items() if "usedBy" in row} == used, step
