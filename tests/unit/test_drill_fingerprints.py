"""The hashes by which a drill and the plan of today are held against each other."""

from dataclasses import replace

from recovery.aws.dynamodb_expressions import from_wire, to_wire
from recovery.domain.drills.fingerprints import hash_json, plan_hash, profiles_hash
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf
from recovery.domain.launch_profiles.profiles import GroupProfiles
from recovery.domain.plan import ProtectionGroup, RecoveryPlan
from recovery.domain.target import Target

PLAN = RecoveryPlan.from_item(
    {
        "planId": "rp-1",
        "name": "shop",
        "waves": [
            {"name": "db", "groups": [{"groupId": "pg-1"}], "checks": [{"tcp": {"port": 5432}}]},
            {"name": "app", "groups": [{"groupId": "pg-2", "optional": True}], "dependsOn": ["db"]},
        ],
        "before": [{"name": "tell", "lambda": {"function": "drs-waves-x", "payload": {"share": 1.0}}}],
    }
)
GROUP = ProtectionGroup("pg-1", "db", Target("111122223333", "eu-west-1"), ("s-1",))


def with_profile(size: str) -> ProtectionGroup:
    return replace(GROUP, profiles=GroupProfiles.from_item({"drill": {"instanceTypes": [size]}}))


def test_a_plan_read_back_from_dynamodb_has_the_hash_it_was_written_with() -> None:
    there_and_back = RecoveryPlan.from_item(from_wire(to_wire(PLAN.to_item())))
    assert plan_hash(there_and_back) == plan_hash(PLAN)
    assert len(plan_hash(PLAN)) == 64


def test_a_name_a_target_time_or_a_policy_does_not_change_the_hash_of_a_plan() -> None:
    renamed = replace(PLAN, name="store", description="new", rto_target_minutes=5, version=9, updated_by="ann")
    assert plan_hash(renamed) == plan_hash(PLAN)


def test_waves_actions_and_attempts_change_the_hash_of_a_plan() -> None:
    changed = [
        replace(PLAN, waves=PLAN.waves[:1]),
        replace(PLAN, waves=(replace(PLAN.waves[0], checks=()), PLAN.waves[1])),
        replace(PLAN, before=()),
        replace(PLAN, launch_attempts=3),
    ]
    hashes = {plan_hash(plan) for plan in (PLAN, *changed)}
    assert len(hashes) == len(changed) + 1


def test_profiles_have_one_hash_in_any_order_and_another_after_a_change() -> None:
    other = replace(GROUP, group_id="pg-2")
    small = with_profile("t3.small")
    assert profiles_hash([small, other]) == profiles_hash([other, small]) == profiles_hash([small])
    assert profiles_hash([small]) != profiles_hash([with_profile("t3.large")])
    assert profiles_hash([GROUP]) == profiles_hash([])


def test_the_hash_of_json_does_not_depend_on_the_order_of_names() -> None:
    assert hash_json({"a": 1.0, "b": [1, 2]}) == hash_json({"b": [1, 2], "a": 1})
    assert hash_json({"a": [1, 2]}) != hash_json({"a": [2, 1]})


def test_an_outcome_read_back_from_dynamodb_is_the_same() -> None:
    outcome = DrillOutcome(
        "drill-1",
        "rp-1",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T01:00:00.000Z",
        "PARTIAL",
        False,
        ("one server failed",),
        CountsIf.LAUNCHED,
        CountsIf.VERIFIED,
        "REJECTED",
        "2026-01-01T00:00:00Z",
        5,
        4,
        3,
        2,
        "aa",
        "bb",
        7,
        {"pg-1": 3},
    )
    assert DrillOutcome.from_item(from_wire(to_wire(outcome.to_item()))) == outcome
