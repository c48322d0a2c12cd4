"""The decisions before a start: what a launch would destroy, what a conflict means, and which errors are refusals."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock, errors
from recovery.domain.drs_shapes.jobs import Job, Launch
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.target import Target
from recovery.drs import busy_servers
from recovery.drs.busy_servers import LASTING_REFUSALS, PARTS, USUAL_JOB_SECONDS, ConflictVerdict, Hold
from recovery.errors import DrsUnavailable, DrsWavesError
from recovery.runs import launch, live_instances
from recovery.runs.live_instances import SHOWN_WITHIN_SECONDS

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
