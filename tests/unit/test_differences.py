"""The one rule by which plans, groups and accounts are compared, and what people read of it."""

import pytest

from recovery.domain.drills.differences import (
    MAX_LENGTH,
    Difference,
    compare_content,
    find_differences,
    name_field,
    put_in_words,
    shorten,
)


def test_waves_are_compared_by_name_and_their_groups_by_id_wherever_they_stand() -> None:
    before = {"waves": [{"name": "db", "groups": [{"groupId": "pg-1"}, {"groupId": "pg-2"}]}, {"name": "web"}]}
    after = {"waves": [{"name": "web"}, {"name": "db", "groups": [{"groupId": "pg-2", "optional": True}]}]}
    assert list(find_differences(before, after)) == [
        Difference("waves (order)", ["db", "web"], ["web", "db"]),
        Difference("waves[db].groups (order)", ["pg-1", "pg-2"], ["pg-2"]),
        Difference("waves[db].groups[pg-1]", {"groupId": "pg-1"}, None),
        Difference("waves[db].groups[pg-2].optional", None, True),
    ]


def test_names_of_groups_stand_in_place_of_their_ids() -> None:
    before = {"waves": [{"name": "db", "groups": [{"groupId": "pg-1"}]}]}
    after = {"waves": [{"name": "db", "groups": [{"groupId": "pg-1", "optional": True}]}]}
    found = compare_content(before, after, {"pg-1": "databases"})
    assert found == [Difference("waves[db].groups[databases].optional", None, True)]
    assert name_field(found[0].field) == "wave db: group databases: optional"


def test_versions_authors_and_locks_are_no_difference_of_content() -> None:
    before = {"name": "a", "version": 1, "updatedBy": "x", "updatedAt": "t", "usedBy": {"rp-1"}, "standing": {}}
    after = {"name": "a", "version": 2, "updatedBy": "y", "activeExecutionId": "e", "lastReadiness": {"at": "t"}}
    assert compare_content(before, after) == []


def test_a_resource_that_did_not_exist_differs_in_every_field() -> None:
    assert compare_content(None, {"name": "a", "version": 1}) == [Difference("name", None, "a")]
    assert compare_content({"name": "a"}, None) == [Difference("name", "a", None)]


def test_a_long_list_of_servers_shows_which_were_taken_out_and_added() -> None:
    servers = [f"s-{at:017}" for at in range(200)]
    found = shorten(Difference("sourceServerIds", servers, [*servers[1:], "s-new"]))
    assert found.before == '["s-00000000000000000", "and 199 that both have"]'
    assert found.after == '["s-new", "and 199 that both have"]'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1", 1),
        ("true", True),
        (["a"] * 100, ["a"] * 101),
        (["a" * 150, "b" * 150], ["b" * 150, "a" * 150]),
        ("x" * 1000, "x" * 999 + "y"),
        ("x" * 1000, "x" * 1001),
        (None, "null"),
        ("", None),
    ],
)
def test_values_that_differ_have_different_short_texts(before: object, after: object) -> None:
    found = shorten(Difference("field", before, after))
    assert found.before != found.after
    assert all(text is None or len(text) <= MAX_LENGTH + 2 for text in (found.before, found.after))


def test_people_read_nothing_yes_and_empty_on_one_line() -> None:
    assert put_in_words(Difference("fourEyes", None, True)) == Difference("another person approves", "nothing", "yes")
    assert put_in_words(Difference("description", "", "a\nb")) == Difference("description", "empty", "a b")


def test_the_time_at_which_rules_of_drills_were_set_is_no_difference() -> None:
    before = {"drillPolicy": {"everyDays": 90, "since": "2026-01-01T00:00:00.000Z"}}
    after = {"drillPolicy": {"everyDays": 30, "since": "2026-02-01T00:00:00.000Z"}}
    assert compare_content(before, after) == [Difference("drillPolicy.everyDays", 90, 30)]
    assert compare_content(before, {"drillPolicy": {"everyDays": 90}}) == []
