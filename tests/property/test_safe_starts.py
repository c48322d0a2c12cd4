"""The decisions before a start: what a launch would destroy, what a conflict means, and which errors are refusals."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock, errors
from recovery.domain.capacity.usage import LEASE_SECONDS, QuotaUsage, lease_key
from recovery.domain.drs_shapes.jobs import Job, Launch
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.target import Target
from recovery.drs import busy_servers
from recovery.drs.busy_servers import LASTING_REFUSALS, PARTS, USUAL_JOB_SECONDS, ConflictVerdict, Hold
from recovery.drs.visibility import HOLD_NEEDED_SECONDS, HOLD_SECONDS, UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS
from recovery.errors import DrsUnavailable, DrsWavesError
from recovery.runs import launch, live_instances
from recovery.runs.live_instances import SHOWN_WITHIN_SECONDS
from tests.support.product import resources

HERE = Target("111122223333", "us-west-2")
NOW = 1_800_000_000.0
SERVERS = [f"s-{number:017}" for number in range(6)]
STATES = ["PENDING", "RUNNING", "STOPPING", "STOPPED", "SHUTTING-DOWN", "TERMINATED", "NOT_FOUND", None, "NEW_STATE"]
GONE = {"SHUTTING-DOWN", "TERMINATED", "NOT_FOUND"}


# --- what a launch would destroy -------------------------------------------------------------------------------
@st.composite
def recovery_instances(draw: st.DrawFn) -> dict[str, Any]:
    """A RecoveryInstance as DRS may answer it: only the ids are certain here."""
    item: dict[str, Any] = {
        "recoveryInstanceID": f"i-{draw(st.integers(0, 99)):017}",
        "sourceServerID": draw(st.sampled_from(SERVERS)),
    }
    state, is_drill = draw(st.sampled_from(STATES)), draw(st.sampled_from([True, False, None]))
    return (
        item
        | ({"ec2InstanceState": state} if state else {})
        | ({"isDrill": is_drill} if is_drill is not None else {})
        | ({"jobID": "drsjob-00000000000000000"} if draw(st.booleans()) else {})
    )


@settings(max_examples=300)
@given(
    items=st.lists(recovery_instances(), max_size=8),
    into=st.dictionaries(st.sampled_from(SERVERS), st.sampled_from(["", "i-1", "i-2"])),
    existing=st.sets(st.sampled_from(["i-1", "i-2"])),
)
def test_a_server_is_left_out_exactly_when_something_live_would_be_destroyed(
    items: list[dict[str, Any]], into: dict[str, str], existing: set[str]
) -> None:
    instances = [found for item in items if (found := LaunchedInstance.from_drs(item))]
    live = {
        item["sourceServerID"]
        for item in items
        if item.get("ec2InstanceState") not in GONE and item.get("isDrill") is not True
    }
    overwritten = {server for server, instance in into.items() if instance in existing}
    found = live_instances.describe_obstacles(SERVERS, instances, into, existing, {})
    assert found.keys() == live | overwritten
    assert all("is live" in found[server] for server in live)
    assert all(into[server] in found[server] for server in overwritten - live)


def job(
    servers: list[str], at: float, *, ended: bool = True, by: str | None = "START_RECOVERY", status: str = "LAUNCHED"
) -> Job:
    launches = tuple(Launch(server, status, None) for server in servers)
    return Job(
        f"drsjob-{at:.0f}", "COMPLETED" if ended else "STARTED", clock.iso(at), clock.iso(at + 60), launches, {}, by
    )


@given(
    age=st.floats(0, 2 * SHOWN_WITHIN_SECONDS),
    by=st.sampled_from(["START_RECOVERY", "START_DRILL", "TERMINATE_RECOVERY_INSTANCES", "FAILBACK", None]),
    status=st.sampled_from(["LAUNCHED", "FAILED", "TERMINATED", "PENDING"]),
)
def test_an_instance_that_a_recovery_launched_a_moment_ago_counts_before_drs_shows_it(
    age: float, by: str | None, status: str
) -> None:
    found = live_instances.find_recent_launches([job(SERVERS[:1], NOW - age - 60, by=by, status=status)], NOW)
    is_recent = age < SHOWN_WITHIN_SECONDS - 0.01
    launches_live = by not in ("START_DRILL", "TERMINATE_RECOVERY_INSTANCES") and status in ("LAUNCHED", "PENDING")
    if abs(age - SHOWN_WITHIN_SECONDS) > 0.01:
        assert bool(found) == (is_recent and launches_live)


def test_an_instance_that_a_later_job_terminated_or_that_drs_shows_does_not_count_as_hidden() -> None:
    launched = job(SERVERS[:1], NOW - 300)
    terminated = job(SERVERS[:1], NOW - 200, by="TERMINATE_RECOVERY_INSTANCES", status="TERMINATED")
    assert live_instances.find_recent_launches([terminated, launched], NOW) == {}
    gone = LaunchedInstance("i-1", "i-1", SERVERS[0], "TERMINATED", None, launched.job_id, False, None)
    recent = live_instances.find_recent_launches([launched], NOW)
    assert live_instances.describe_obstacles(SERVERS[:1], [], {}, set(), recent).keys() == {SERVERS[0]}
    assert live_instances.describe_obstacles(SERVERS[:1], [gone], {}, set(), recent) == {}


# --- servers that are held while their job starts --------------------------------------------------------------
BATCHES = [f"recovery-{number}/web/{HERE.key}/0001" for number in range(3)]
STEPS = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(BATCHES), st.sets(st.sampled_from(SERVERS))),
    st.tuples(st.just("release"), st.sampled_from(BATCHES), st.none()),
    st.tuples(st.just("close"), st.sampled_from(BATCHES), st.none()),
    st.tuples(st.just("pass"), st.sampled_from([1, HOLD_SECONDS // 3, HOLD_SECONDS]), st.none()),
)


@settings(max_examples=300)
@given(steps=st.lists(STEPS, max_size=30), attempt=st.integers(1, 3))
def test_no_two_batches_hold_a_server_and_none_holds_one_for_longer_than_a_start_may_be_hidden(
    steps: list[tuple[str, Any, Any]], attempt: int
) -> None:
    """As `capacity_leases` calls it, with the row written and read between any two steps."""
    now, item = NOW, dict[str, Any]()
    held = dict[str, tuple[set[str], float]]()
    for kind, what, servers in steps:
        usage = QuotaUsage.from_item(item, now)
        held = {batch: hold for batch, hold in held.items() if hold[1] > now}
        if kind == "pass":
            now += what
            continue
        key = lease_key(what, attempt)
        if kind == "start":
            taken = {server for batch, hold in held.items() if batch != what for server in hold[0] & servers}
            found = usage.find_holder(key, servers)
            assert (found is not None) == bool(taken)
            if found:
                assert found[0] in taken
                assert found[0] in held[found[1]][0]
            elif not usage.holds(key, servers, now + HOLD_NEEDED_SECONDS):
                usage = usage.with_hold(key, servers, now, HOLD_SECONDS)
                held[what] = (servers, now + HOLD_SECONDS)
        elif key in usage.leases:
            usage = usage.without_lease(key) if kind == "release" else usage.with_hold_only(key)
            if kind == "release":
                held.pop(what, None)
        item = json.loads(json.dumps(usage.to_item()))
        # The next attempt of a batch does not wait for an earlier one of its own.
        assert all(usage.find_holder(lease_key(batch, attempt + 1), hold[0]) is None for batch, hold in held.items())
        assert all(hold[1] - now <= HOLD_SECONDS for hold in held.values())
    for lease in QuotaUsage.from_item(item, now + HOLD_SECONDS).leases.values():
        assert not lease.held


def test_a_hold_outlasts_the_function_and_the_time_in_which_its_job_may_be_hidden() -> None:
    function_seconds = resources("AWS::Serverless::Function")["StartRecoveryFunction"]["Timeout"]
    assert function_seconds + max(UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS) <= HOLD_NEEDED_SECONDS
    assert HOLD_NEEDED_SECONDS < HOLD_SECONDS < LEASE_SECONDS


def test_a_write_of_the_row_costs_at_most_fourteen_units_with_every_server_of_the_quota_held() -> None:
    """500 servers in jobs, and the 20 jobs that DRS runs at most. A write unit is 1 KB, rounded up."""
    usage = QuotaUsage.from_item(None, NOW)
    for number in range(20):
        servers = [f"s-{number:02}{server:015}" for server in range(25)]
        usage = usage.with_hold(
            lease_key(f"recovery-20261127-201905-df0da3/a-wave/{HERE.key}/{number:04}", 1), servers, NOW, 900
        )
    assert 10 * 1_024 < item_size(usage.to_item()) <= 14 * 1_024


def item_size(value: Any) -> int:
    """The size of an attribute value as DynamoDB counts it (DynamoDB developer guide, "item sizes and formats")."""
    if isinstance(value, dict):
        return 3 + sum(len(name) + 1 + item_size(part) for name, part in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + item_size(part) for part in value)
    return len(value.encode()) if isinstance(value, str) else 21  # of a number at most


# --- a conflict ------------------------------------------------------------------------------------------------
HOLDS = st.dictionaries(st.sampled_from(SERVERS), st.builds(Hold, st.sampled_from(["drsjob-1", "plan"]), st.booleans()))


def test_a_batch_whose_servers_were_all_left_out_by_a_try_that_died_has_no_conflict() -> None:
    assert busy_servers.judge_conflict([], {}, SERVERS[0], LASTING_REFUSALS) == ConflictVerdict()


@settings(max_examples=300)
@given(
    count=st.integers(1, len(SERVERS)),
    holds=HOLDS,
    named=st.sampled_from([None, "drsjob-7", *SERVERS]),
    refusals=st.integers(LASTING_REFUSALS, 40),
)
def test_a_conflict_leaves_out_only_who_is_in_it_and_waits_for_jobs_that_will_end(
    count: int, holds: dict[str, Hold], named: str | None, refusals: int
) -> None:
    servers = SERVERS[:count]
    holds = {server: hold for server, hold in holds.items() if server in servers}
    verdict = busy_servers.judge_conflict(servers, holds, named, refusals)
    if any(hold.is_usual for hold in holds.values()):
        assert verdict.waits_for
        assert not verdict.withheld
        assert not verdict.skipped
        return
    suspects = set(holds) | ({named} if named in servers else set())
    if suspects:
        assert suspects <= verdict.withheld.keys()
        assert verdict.withheld.keys() - suspects <= ({servers[0]} if count == 1 else set())
        assert not verdict.skipped
    elif count == 1:
        assert verdict.withheld.keys() == set(servers)
    else:
        assert not verdict.withheld
        assert 0 < len(verdict.skipped) < count


@given(count=st.integers(2, 100))
def test_a_server_that_nobody_names_is_left_out_by_one_of_ten_tries(count: int) -> None:
    servers = [f"s-{number}" for number in range(count)]
    tries = [
        busy_servers.judge_conflict(servers, {}, None, LASTING_REFUSALS + number).skipped for number in range(PARTS)
    ]
    assert {server for skipped in tries for server in skipped} == set(servers)
    assert max(len(skipped) for skipped in tries) <= -(-count // min(PARTS, count))


@given(age=st.floats(0, 2 * USUAL_JOB_SECONDS), ended=st.booleans())
def test_a_job_holds_its_servers_until_it_ends_and_is_usual_for_two_hours(age: float, ended: bool) -> None:
    holds = busy_servers.find_job_holds(HERE, [job(SERVERS[:2], NOW - age, ended=ended)], SERVERS[1:], NOW)
    assert holds.keys() == (set() if ended else {SERVERS[1]})
    if abs(age - USUAL_JOB_SECONDS) > 0.01:
        assert all(hold.is_usual == (age < USUAL_JOB_SECONDS) for hold in holds.values())


@pytest.mark.parametrize(
    ("resource", "server"),
    [
        ("arn:aws:drs:eu-west-1:111122223333:source-server/s-00000000000000001", "s-00000000000000001"),
        ("s-00000000000000001", "s-00000000000000001"),
        ("", ""),
    ],
)
def test_the_server_of_a_resource_is_at_its_end(resource: str, server: str) -> None:
    assert busy_servers.server_id_of(resource) == server


# --- refusals --------------------------------------------------------------------------------------------------
SURE = {
    "CircuitOpen",
    "DrsRefused",
    "DrsThrottled",
    "QuotaExceeded",
    "RateBudgetExhausted",
    "ServerBusy",
    "TargetAccessDenied",
    "TargetNotInitialized",
    "TargetNotRegistered",
}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DrsWavesError)],
)
def test_only_an_answer_that_refuses_or_a_call_that_was_not_sent_starts_nothing(kind: type[DrsWavesError]) -> None:
    assert launch.starts_nothing(kind("StartRecovery")) == (kind.__name__ in SURE)


@pytest.mark.parametrize(("facts", "nothing"), [({"sent": False}, True), ({"sent": True}, False), ({}, False)])
def test_a_call_without_an_answer_starts_nothing_only_if_it_was_not_sent(facts: dict[str, bool], nothing: bool) -> None:
    assert launch.starts_nothing(DrsUnavailable("no answer", **facts)) is nothing
