"""Which drills count, and where plans stand: the rules by themselves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery import clock
from recovery.domain.drills.compliance import DrillStanding, PlanFacts, judge_plan
from recovery.domain.drills.counting import DrilledServer, DrillFacts, find_why_not
from recovery.domain.drills.fingerprints import plan_hash, profiles_hash
from recovery.domain.drills.listed import ListedServer, MemberFinder, TargetServers, list_unplanned
from recovery.domain.drills.outcome import DrillOutcome
from recovery.domain.drills.policy import CountsIf, DrillPolicy, Invalidation
from recovery.domain.drills.schedules import Pause
from recovery.domain.drills.verdicts import Judgement, Opinion
from recovery.domain.execution import ExecutionStatus
from recovery.domain.launch_profiles.profiles import GroupProfiles, ProfileOption
from recovery.domain.plan import GroupUse, ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import ActionsOption

WEST, EAST = Target("111122223333", "us-west-2"), Target("111122223333", "us-east-1")
DAY = 86_400.0
SINCE = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()
EVERY_90_DAYS = DrillPolicy(every_days=90, window_minutes=240, since=clock.iso(SINCE))
YEARLY = DrillPolicy(schedule="0 2 1 3 *", timezone="Europe/Berlin", since=clock.iso(SINCE))
GROUP = ProtectionGroup("pg-1", "database", WEST, ("s-1", "s-2"))
PLAN = RecoveryPlan("rp-1", "shop", (Wave("db", (GroupUse("pg-1"),)),), drill_policy=EVERY_90_DAYS)

# --- which drills count ---------------------------------------------------------------------------------------------
UP = DrilledServer("s-1", "db-1", launched=True, checked=True, verified=True)
COUNTS = DrillFacts(
    ExecutionStatus.COMPLETED,
    {"s-1": UP},
    has_actions=True,
    has_profiles=True,
    actions=(ActionsOption.RUN,),
    profiles=(ProfileOption.APPLY,),
)

REJECTED = Opinion(Judgement.REJECTED, "no orders\ncame in", "ana", clock.iso(SINCE))


def with_servers(*servers: DrilledServer, counts_if: CountsIf = CountsIf.LAUNCHED) -> DrillFacts:
    return replace(COUNTS, servers={server.server_id: server for server in servers}, counts_if=counts_if)


DOWN = replace(UP, server_id="s-2", hostname="db-2", launched=False, checked=False, verified=False)
UNVERIFIED = replace(UP, server_id="s-3", hostname="db-3", verified=False)
UNCHECKED = replace(UP, server_id="s-4", hostname="", checked=False, verified=False)


@pytest.mark.parametrize("counts_if", CountsIf)
def test_a_completed_drill_whose_required_servers_are_verified_counts(counts_if: CountsIf) -> None:
    assert find_why_not(replace(COUNTS, counts_if=counts_if)) == []
    assert COUNTS.level is CountsIf.VERIFIED


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(COUNTS, status=ExecutionStatus.PARTIAL), "It ended as PARTIAL, not as COMPLETED."),
        (replace(COUNTS, status=ExecutionStatus.CANCELLED), "It ended as CANCELLED, not as COMPLETED."),
        (with_servers(UP, DOWN), "1 of 2 required servers was not launched: db-2."),
        (with_servers(), "It has no server that its plan requires."),
        (with_servers(replace(UP, required=False)), "It has no server that its plan requires."),
        (
            with_servers(UP, UNVERIFIED, counts_if=CountsIf.VERIFIED),
            "1 of 2 required servers was not verified: db-3.",
        ),
        (
            with_servers(UNCHECKED, counts_if=CountsIf.VERIFIED),
            "1 of 1 required server was not verified: s-4; the plan has no checks for it.",
        ),
        (replace(COUNTS, actions=(ActionsOption.SKIP,)), "The actions of its plan were left out."),
        (
            replace(COUNTS, actions=(ActionsOption.RUN, ActionsOption.VERIFY_ONLY)),
            "The actions of its plan were left out.",
        ),
        (replace(COUNTS, profiles=(ProfileOption.SKIP,)), "The launch profiles of its groups were left out."),
        (
            replace(COUNTS, verdict=REJECTED),
            "ana rejected it: no orders came in",
        ),
        (replace(COUNTS, verdict=replace(REJECTED, comment="")), "ana rejected it."),
        (replace(COUNTS, continued_by="drill-2"), "drill-2 continues it, and is judged in its place."),
    ],
)
def test_a_drill_that_does_not_count_says_why_in_a_sentence(facts: DrillFacts, reason: str) -> None:
    assert find_why_not(facts) == [reason]


@pytest.mark.parametrize(
    "facts",
    [
        with_servers(UP, replace(DOWN, required=False)),
        with_servers(UP, replace(UNVERIFIED, required=False), counts_if=CountsIf.VERIFIED),
        with_servers(UP, UNVERIFIED),
        replace(COUNTS, actions=(ActionsOption.SKIP,), has_actions=False),
        replace(COUNTS, profiles=(ProfileOption.SKIP,), has_profiles=False),
        replace(COUNTS, verdict=replace(REJECTED, judgement=Judgement.ACCEPTED)),
    ],
)
def test_what_the_plan_does_not_ask_for_does_not_keep_a_drill_from_counting(facts: DrillFacts) -> None:
    assert find_why_not(facts) == []


def test_a_long_comment_and_many_servers_are_cut() -> None:
    (reason,) = find_why_not(replace(COUNTS, verdict=replace(REJECTED, comment="x" * 1_000)))
    assert len(reason) < 250
    many = [replace(DOWN, server_id=f"s-{number}", hostname=f"db-{number:03}") for number in range(100)]
    (reason,) = find_why_not(with_servers(*many))
    assert reason == "100 of 100 required servers were not launched: db-000, db-001, db-002 and 97 more."


def test_what_two_runs_of_a_chain_have_shown_counts_together() -> None:
    failed, later = DOWN, replace(DOWN, launched=True, checked=True, verified=True)
    assert (failed + later).verified
    assert find_why_not(with_servers(UP, failed + later, counts_if=CountsIf.VERIFIED)) == []


# --- where plans stand ----------------------------------------------------------------------------------------------
def drilled(at: float, plan: RecoveryPlan = PLAN, level: CountsIf = CountsIf.LAUNCHED) -> DrillOutcome:
    """A drill that counts."""
    return DrillOutcome(
        "drill-1",
        "rp-1",
        clock.iso(at),
        clock.iso(at + 3_600),
        "COMPLETED",
        True,
        level=level,
        plan_hash=plan_hash(plan),
        profiles_hash=profiles_hash([GROUP]),
        group_versions={"pg-1": 1},
    )


LISTED = {WEST: TargetServers(WEST, clock.iso(SINCE), {})}


def facts(
    at: float | None, plan: RecoveryPlan = PLAN, group: ProtectionGroup = GROUP, outcome: DrillOutcome | None = None
) -> PlanFacts:
    """A plan whose servers were drilled at this time; None for never."""
    last = outcome or (drilled(at) if at is not None else None)
    counted = dict.fromkeys(GROUP.server_ids, (clock.iso(at), "drill-1")) if at is not None else {}
    members = MemberFinder(LISTED).find_members(plan, {"pg-1": group})
    return PlanFacts(plan, {"pg-1": group}, members, last=last, last_counting=last, counted=counted)


def test_a_plan_without_a_policy_is_asked_for_nothing() -> None:
    standing = judge_plan(facts(None, replace(PLAN, drill_policy=None)), SINCE + 1_000 * DAY)
    assert (standing.status, standing.due, standing.next) == (DrillStanding.NO_POLICY, None, None)
    assert standing.count_servers().never == 2


def test_a_plan_that_was_never_drilled_is_overdue_only_after_its_first_window() -> None:
    first = datetime(2026, 1, 2, 2, tzinfo=UTC).timestamp()  # the next time of day after the policy was set
    before, after = judge_plan(facts(None), first), judge_plan(facts(None), first + 4 * 3_600 + 1)
    assert before.due == first + 4 * 3_600 == after.due
    assert (before.status, after.status) == (DrillStanding.NEVER_DRILLED, DrillStanding.OVERDUE)


@pytest.mark.parametrize(
    ("days", "status"),
    [
        (1, DrillStanding.COMPLIANT),
        (80, DrillStanding.COMPLIANT),
        (81, DrillStanding.DUE_SOON),  # a tenth of 90 days before the deadline
        (89, DrillStanding.DUE_SOON),
        (91, DrillStanding.OVERDUE),
    ],
)
def test_a_plan_is_due_soon_in_the_last_tenth_of_its_period(days: int, status: DrillStanding) -> None:
    assert judge_plan(facts(SINCE), SINCE + days * DAY).status is status


def test_a_plan_that_is_drilled_once_a_year_is_due_soon_for_two_weeks() -> None:
    plan = replace(PLAN, drill_policy=YEARLY)
    at = datetime(2026, 3, 1, 1, 5, tzinfo=UTC).timestamp()  # right after the appointment of the first of March
    deadline = datetime(2027, 3, 1, 5, tzinfo=UTC).timestamp()  # 02:00 in Berlin, and four hours
    assert judge_plan(facts(at, plan), deadline - 15 * DAY).status is DrillStanding.COMPLIANT
    assert judge_plan(facts(at, plan), deadline - 14 * DAY).status is DrillStanding.DUE_SOON
    assert judge_plan(facts(at, plan), deadline + 1).status is DrillStanding.OVERDUE
    assert judge_plan(facts(at, plan), deadline).due == deadline


def test_a_policy_that_is_new_asks_for_nothing_before_its_first_appointment() -> None:
    """A drill of two years ago makes a plan no worse than no drill at all."""
    now = SINCE + 3_600
    assert judge_plan(facts(SINCE - 700 * DAY), now).due == judge_plan(facts(None), now).due
    assert judge_plan(facts(SINCE - 700 * DAY), now).status is not DrillStanding.OVERDUE


def test_a_paused_plan_has_no_next_drill_and_its_deadline_stays() -> None:
    going, paused = (
        judge_plan(replace(facts(SINCE), pause=each), SINCE + DAY) for each in (None, Pause("ana", clock.iso(SINCE)))
    )
    assert going.next is not None
    assert paused.next is None
    assert going.due == paused.due


def test_a_plan_whose_drills_do_not_count_is_not_one_that_was_never_drilled() -> None:
    new, drilled = facts(None), facts(SINCE)
    assert drilled.last_counting is not None
    failed = replace(new, last=replace(drilled.last_counting, counts=False, why_not=("It ended as FAILED.",)))
    assert judge_plan(new, SINCE + 60).status is DrillStanding.NEVER_DRILLED
    standing = judge_plan(failed, SINCE + 60)
    assert standing.status is DrillStanding.NO_DRILL_COUNTS
    assert {each.status for each in standing.servers} == {DrillStanding.NO_DRILL_COUNTS}
    assert standing.due is not None
    assert judge_plan(failed, standing.due + 1).status is DrillStanding.OVERDUE


# --- stale drills ---------------------------------------------------------------------------------------------------
def judged(changed: PlanFacts) -> tuple[DrillStanding, list[str]]:
    standing = judge_plan(changed, SINCE + DAY)
    return standing.status, list(standing.stale)


CHANGED = replace(
    PLAN,
    waves=(*PLAN.waves, Wave("app", (GroupUse("pg-1"),))),
    version=2,
    updated_by="arn:aws:sts::111122223333:assumed-role/Editor/ana",
    updated_at="2026-11-28T01:12:11.302Z",
)


def test_a_changed_plan_is_due_at_its_next_appointment_and_says_who_changed_it() -> None:
    status, (reason,) = judged(facts(SINCE, CHANGED))
    assert status is DrillStanding.DUE_SOON
    who = "assumed-role/Editor (session name: ana)"
    assert reason == f"At 2026-11-28 01:12 UTC, {who} changed the plan (version 1 was drilled, 2 is there now)."
    standing = judge_plan(facts(SINCE, CHANGED), SINCE + DAY)
    assert standing.due == judge_plan(facts(SINCE), SINCE + DAY).due
    assert standing.count_servers().stale == 2
    assert {server.why for server in standing.servers} == {f"The drill is stale. {reason}"}
    assert judge_plan(facts(SINCE, CHANGED), SINCE + 91 * DAY).status is DrillStanding.OVERDUE


def test_a_change_that_drills_do_not_try_leaves_the_drill_as_it_is() -> None:
    renamed = replace(PLAN, name="store", version=7, rto_target_minutes=30)
    assert judged(facts(SINCE, renamed)) == (DrillStanding.COMPLIANT, [])


def test_changed_profiles_make_a_drill_stale_and_name_their_group() -> None:
    profiles = GroupProfiles.from_item({"drill": {"tags": {"a": "b"}}})
    group = replace(
        GROUP,
        profiles=profiles,
        version=2,
        updated_by="arn:aws:iam::111122223333:user/bob",
        updated_at="2026-11-28T08:00:00.000Z",
    )
    assert judged(facts(SINCE, group=group)) == (
        DrillStanding.DUE_SOON,
        ["At 2026-11-28 08:00 UTC, user/bob changed the launch profiles of database."],
    )
    described = replace(GROUP, description="new words", version=3)
    assert judged(facts(SINCE, group=described)) == (DrillStanding.COMPLIANT, [])


def test_an_added_server_makes_a_drill_stale_for_the_plan_and_not_for_the_others() -> None:
    group = replace(GROUP, server_ids=("s-1", "s-2", "s-3"), version=2)
    standing = judge_plan(facts(SINCE, group=group), SINCE + DAY)
    assert standing.stale == ("1 server was added, and no drill that counts has had it: s-3.",)
    statuses = {server.member.server_id: server.status for server in standing.servers}
    assert statuses["s-1"] is DrillStanding.COMPLIANT
    assert statuses["s-3"] is DrillStanding.NEVER_DRILLED
    counts = standing.count_servers()
    assert (counts.total, counts.current, counts.never) == (3, 2, 1)


def test_an_optional_server_that_was_never_drilled_makes_nothing_stale() -> None:
    group = replace(GROUP, server_ids=("s-1", "s-2", "s-3"), version=2)
    plan = replace(PLAN, waves=(Wave("db", (GroupUse("pg-1", optional=True),)),))
    assert judged(facts(SINCE, plan, group, drilled(SINCE, plan)))[1] == []


def test_a_policy_that_asks_for_more_than_the_drill_has_shown_makes_it_stale() -> None:
    plan = replace(PLAN, drill_policy=replace(EVERY_90_DAYS, counts_if=CountsIf.VERIFIED))
    assert judged(facts(SINCE, plan)) == (
        DrillStanding.DUE_SOON,
        ["The policy asks for verified servers now, and the drill has shown launched ones only."],
    )
    assert judged(facts(SINCE, plan, outcome=drilled(SINCE, level=CountsIf.VERIFIED)))[1] == []


def test_only_what_the_policy_names_makes_a_drill_stale() -> None:
    for kept in Invalidation:
        policy = replace(EVERY_90_DAYS, invalidated_by=frozenset({kept}))
        profiles = GroupProfiles.from_item({"drill": {"tags": {"a": "b"}}})
        group = replace(GROUP, server_ids=("s-1", "s-2", "s-3"), profiles=profiles, version=2)
        assert len(judged(facts(SINCE, replace(CHANGED, drill_policy=policy), group))[1]) == 1
    policy = replace(EVERY_90_DAYS, invalidated_by=frozenset())
    assert judged(facts(SINCE, replace(CHANGED, drill_policy=policy))) == (DrillStanding.COMPLIANT, [])


POLICIES = st.one_of(
    st.builds(
        DrillPolicy,
        every_days=st.integers(1, 400),
        timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
        window_minutes=st.integers(30, 1_440),
        first_on=st.none() | st.just("2026-06-01"),
        since=st.just(clock.iso(SINCE)),
    ),
    st.sampled_from([YEARLY, replace(YEARLY, schedule="30 2 * * 0"), replace(YEARLY, schedule="0 1 1 */3 *")]),
)
MOMENTS = st.floats(-800 * DAY, 800 * DAY).map(lambda seconds: SINCE + seconds)
# NO_POLICY is not among them.
BEST_LAST = [DrillStanding.OVERDUE, DrillStanding.NEVER_DRILLED, DrillStanding.DUE_SOON, DrillStanding.COMPLIANT]


@given(policy=POLICIES, now=MOMENTS, first=st.none() | MOMENTS, second=MOMENTS)
def test_a_drill_more_never_makes_a_plan_worse(
    policy: DrillPolicy, now: float, first: float | None, second: float
) -> None:
    earlier = None if first is None else min(first, second)
    plan = replace(PLAN, drill_policy=policy)
    before, after = (
        judge_plan(facts(earlier, plan), now),
        judge_plan(facts(second if first is None else max(first, second), plan), now),
    )
    assert BEST_LAST.index(after.status) >= BEST_LAST.index(before.status)
    assert before.due is None or after.due is None or after.due >= before.due


# --- servers, known and unknown ---------------------------------------------------------------------------------------
def listed(target: Target, *servers: ListedServer) -> dict[Target, TargetServers]:
    return {target: TargetServers(target, "T", {server.server_id: server for server in servers})}


TAGGED = ProtectionGroup("pg-2", "web servers", EAST, tags={"app": "shop"})
OF_TAGS = replace(PLAN, waves=(Wave("web", (GroupUse("pg-2"),)),))


def test_the_servers_of_tags_in_a_target_that_was_never_listed_are_unknown_and_not_guessed() -> None:
    members = MemberFinder({}).find_members(OF_TAGS, {"pg-2": TAGGED})
    standing = judge_plan(PlanFacts(OF_TAGS, {"pg-2": TAGGED}, members), SINCE)
    assert standing.unknown == (
        "The servers of web servers are not known: DRS in 111122223333/us-east-1 was never listed. "
        "The hourly sync lists it; POST /drs/recovery-instance-sync starts one.",
    )
    assert standing.count_servers().total == 0


def test_the_servers_of_tags_are_those_that_drs_listed_with_every_tag() -> None:
    servers = listed(
        EAST, ListedServer("s-7", "web-7", {"app": "shop", "x": "y"}), ListedServer("s-8", "db-8", {"app": "erp"})
    )
    members = MemberFinder(servers).find_members(OF_TAGS, {"pg-2": TAGGED})
    assert {each.server_id: each.hostname for each in members.servers.values()} == {"s-7": "web-7"}
    assert members.unknown == ()


def test_a_server_is_unplanned_if_it_replicates_and_no_plan_has_it() -> None:
    servers = listed(
        EAST,
        ListedServer("s-1", "planned", state="CONTINUOUS"),
        ListedServer("s-2", "free", state="CONTINUOUS"),
        ListedServer("s-3", "stopped", state="STOPPED"),
        ListedServer("s-4", "gone", state="DISCONNECTED"),
        ListedServer("s-5", "home", state="CONTINUOUS", is_reversed=True),
        ListedServer("s-6", "extends", state="CONTINUOUS", staging_account_id="444455556666", staging_server_id="s-9"),
    )
    staging = listed(Target("444455556666", "us-east-1"), ListedServer("s-9", "extended", state="CONTINUOUS"))
    found = list_unplanned({**servers, **staging}, frozenset({"s-1"}))
    assert [server.server_id for _, server in found] == ["s-2", "s-6"]
