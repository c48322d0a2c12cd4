"""Plans and groups as they are stored, and what makes a plan unsound."""

import pytest

from recovery.domain.dependencies.wave_order import order_waves
from recovery.domain.plan import GroupUse, ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.target import Target
from recovery.errors import InvalidRequest

WEST = Target("111122223333", "us-west-2")


def wave(name: str, *depends_on: str) -> Wave:
    return Wave(name, (GroupUse("pg-1"),), depends_on)


def fields(error: InvalidRequest) -> list[str]:
    return [problem["field"] for problem in error.problems]


def test_a_wave_that_is_used_twice_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("db"), wave("web"), wave("db")])
    assert fields(refused.value) == ["waves[2].name"]


def test_a_dependency_that_does_not_exist_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("db"), wave("web", "db", "cache")])
    assert refused.value.problems == [
        {"field": "waves[1].dependsOn", "message": "there is no wave 'cache' in this plan"}
    ]


def test_waves_that_wait_in_a_circle_are_named_once_in_its_order() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("a", "c"), wave("b", "a"), wave("c", "b"), wave("free"), wave("after", "a")])
    assert fields(refused.value) == ["waves[0].dependsOn"]
    assert "a -> c -> b -> a;" in refused.value.problems[0]["message"]


def test_circles_with_a_common_wave_are_each_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("a", "b", "c"), wave("b", "a"), wave("c", "a")])
    messages = [each["message"] for each in refused.value.problems]
    assert ["a -> b -> a" in messages[0], "a -> c -> a" in messages[1], len(messages)] == [True, True, 2]


def test_a_wave_that_waits_for_itself_is_a_mistake_of_its_own() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("a", "a"), wave("b", "a")])
    assert refused.value.problems == [
        {"field": "waves[0].dependsOn", "message": "wave 'a' depends on itself; take it out"}
    ]


def test_all_that_is_wrong_with_waves_is_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        order_waves([wave("database", "app"), wave("app", "database"), wave("app"), wave("web", "databse")])
    assert fields(refused.value) == ["waves[2].name", "waves[3].dependsOn", "waves[0].dependsOn"]
    assert "did you mean 'database'?" in refused.value.problems[1]["message"]


def test_waves_keep_their_order_where_dependencies_allow() -> None:
    waves = order_waves([wave("web", "db"), wave("cache"), wave("db")])
    assert [each.name for each in waves] == ["cache", "db", "web"]


def test_a_group_selects_by_all_of_its_tags() -> None:
    group = ProtectionGroup("pg-1", "web", WEST, tags={"tier": "web", "env": "prod"})
    assert group.selects("s-1", {"tier": "web", "env": "prod", "more": "yes"})
    assert not group.selects("s-1", {"tier": "web"})


def test_a_group_by_ids_ignores_tags() -> None:
    group = ProtectionGroup("pg-1", "web", WEST, server_ids=("s-1",))
    assert group.selects("s-1", {})
    assert not group.selects("s-2", {"tier": "web"})


def test_what_is_stored_reads_back_the_same() -> None:
    plan = RecoveryPlan("rp-1", "shop", (Wave("db", (GroupUse("pg-1", ("s-1",)),), (), 5), wave("web", "db")), "text")
    group = ProtectionGroup("pg-1", "web", WEST, tags={"tier": "web"}, description="text")
    assert RecoveryPlan.from_item(plan.to_item()) == plan
    assert ProtectionGroup.from_item(group.to_item()) == group


def test_a_plan_knows_its_groups_and_dependents() -> None:
    plan = RecoveryPlan("rp-1", "shop", (wave("db"), wave("app", "db"), wave("jobs", "db")))
    assert plan.group_ids == ["pg-1"]
    assert [each.name for each in plan.dependents_of("db")] == ["app", "jobs"]
    with pytest.raises(KeyError):
        plan.wave("web")
