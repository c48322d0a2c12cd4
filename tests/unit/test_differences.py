"""The one rule by which plans, groups and accounts are compared, and what people read of it."""

import pytest

from api.schemas.requests.drills.policy import DrillPolicyRequest
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


def test_fields_of_waves_and_of_a_drill_policy_are_named_in_words() -> None:
    named = [name_field(f"waves[web].{field}") for field in ("dependsOn", "before", "after")]
    assert named == ["wave web: waits for", "wave web: actions before it", "wave web: actions after it"]
    for field in DrillPolicyRequest.model_fields.values():
        words = name_field(f"drillPolicy.{field.alias}")
        assert words.startswith("drill policy: ")
        assert str(field.alias) not in (each for each in words.split() if each != "at")


def test_a_new_drill_policy_is_read_in_words_and_whole() -> None:
    options = {"cleanUpAfterHours": 6, "windowMinutes": 240, "countsIf": "verified", "firstOn": "2027-01-31"}
    policy = {"everyDays": 90, "at": "02:00", "timezone": "America/Los_Angeles", **options}
    words = (
        "every 90 days at 02:00 America/Los_Angeles, from 2027-01-31, by itself within 240 min, "
        "skipped if not ready, cleaned up after 6 h, counts if verified, stale by changes of plan, servers, profiles"
    )
    (found,) = compare_content({"name": "shop"}, {"name": "shop", "drillPolicy": policy})
    assert put_in_words(found) == Difference("drill policy", "nothing", words)
    assert shorten(found).after == words
    manual = {"schedule": "0 2 * * SAT", "automatic": False, "invalidatedBy": []}
    (found,) = compare_content({"drillPolicy": manual}, {})
    assert put_in_words(found).before == (
        "0 2 * * SAT UTC, by a person within 240 min, counts if launched, never stale"
    )


def test_the_time_at_which_rules_of_drills_were_set_is_no_difference() -> None:
    before = {"drillPolicy": {"everyDays": 90, "since": "2026-01-01T00:00:00.000Z"}}
    after = {"drillPolicy": {"everyDays": 30, "since": "2026-02-01T00:00:00.000Z"}}
    assert compare_content(before, after) == [Difference("drillPolicy.everyDays", 90, 30)]
    assert compare_content(before, {"drillPolicy": {"everyDays": 90}}) == []
