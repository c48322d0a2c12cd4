"""The checks and actions of a plan in words, as a preview and a report show them."""

from cli.run_preview import Preview
from recovery.domain.wave_steps import words

PLAN = {
    "before": [{"name": "freeze", "ssmAutomation": {"document": "Shop-FreezeWrites"}, "in": ["recovery"]}],
    "after": [{"name": "announce", "event": {"bus": "Shop-Events", "detailType": "Shop recovered"}}],
    "waves": [
        {
            "name": "database",
            "groups": [{"groupId": "pg-1", "checks": [{"boot": {}}, {"tcp": {"port": 5432}, "in": ["drill"]}]}],
            "checks": [{"boot": {}}],
            "after": [{"name": "sign-off", "manual": {"instructions": "Place an order."}}],
        },
        {"name": "web", "groups": [{"groupId": "pg-2"}]},
    ],
}


def test_a_plan_in_words_has_each_check_once_and_its_actions_in_their_order() -> None:
    assert list(words.describe_plan(PLAN)) == [
        ("checks", ["database: boot, tcp :5432 (drill only)"]),
        (
            "actions",
            [
                "freeze before the plan: automation Shop-FreezeWrites (recovery only)",
                "sign-off after database: a person confirms",
                "announce after the plan: event Shop recovered on bus Shop-Events",
            ],
        ),
    ]


def test_a_plan_without_checks_and_actions_has_no_words() -> None:
    assert list(words.describe_plan({"waves": [{"name": "web", "groups": []}]})) == []


def test_a_preview_shows_them_before_a_recovery_is_started() -> None:
    lines = list(Preview(["database"], steps=list(words.describe_plan(PLAN))).lines("the sandbox", None))
    assert lines[-4:] == [
        "  checks         database: boot, tcp :5432 (drill only)",
        "  actions        freeze before the plan: automation Shop-FreezeWrites (recovery only)",
        "                 sign-off after database: a person confirms",
        "                 announce after the plan: event Shop recovered on bus Shop-Events",
    ]
