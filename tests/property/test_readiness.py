"""Properties of judging what inspection found: waves before a start, targets that do not answer, waves after it."""

from hypothesis import given
from hypothesis import strategies as st

from recovery.domain import inspection, verdicts
from recovery.domain.execution import ExecutionStatus, Mode, Run, RunSnapshot, WaveState, WaveStatus
from recovery.domain.inspection import InspectedServer, WaveTargetSummary
from recovery.domain.plan import GroupUse, ProtectionGroup, Wave
from recovery.domain.readiness import Probe, Readiness, ServerFacts, ServerVerdict, WaveReadiness, judge_server
from recovery.domain.tally import Tally
from recovery.domain.target import Target
from recovery.runs.inspection import uninspected

WEST, EAST = Target("111122223333", "us-west-2"), Target("444455556666", "eu-central-1")

counts = st.integers(0, 300)
percents = st.integers(0, 100)


@st.composite
def inspected_waves(draw: st.DrawFn) -> WaveReadiness:
    total = draw(counts)
    blocked = draw(st.integers(0, total))
    optional = draw(st.integers(0, blocked))
    uses = (GroupUse("pg-1"), *([GroupUse("pg-2", optional=True)] if draw(st.booleans()) else []))
    return WaveReadiness(
        wave=Wave("web", uses, max_failed_percent=draw(percents)),
        total=total,
        blocked=blocked,
        example_reason="s-1: it is broken",
        selections="two groups",
        blocked_optional=optional,
        already_launched=draw(counts),
        empty_groups=draw(st.lists(st.just("group db selects no servers"), max_size=2)),
        is_complete=draw(st.booleans()),
    )


@given(inspected_waves())
def test_a_required_group_without_servers_refuses_its_wave_whatever_else_it_has(wave: WaveReadiness) -> None:
    if wave.empty_groups:
        assert wave.refusal()


@given(inspected_waves())
def test_a_wave_is_never_refused_for_servers_that_it_may_do_without(wave: WaveReadiness) -> None:
    if not wave.empty_groups and wave.blocked == wave.blocked_optional and (wave.total or wave.already_launched):
        assert wave.refusal() is None


@given(inspected_waves())
def test_a_wave_of_which_all_servers_are_known_is_refused_beyond_its_tolerance(wave: WaveReadiness) -> None:
    required = wave.blocked - wave.blocked_optional
    if wave.is_complete and not verdicts.is_within_tolerance(required, wave.total, wave.wave.max_failed_percent):
        assert wave.refusal()


@given(inspected_waves())
def test_a_target_that_does_not_answer_adds_no_refusal(wave: WaveReadiness) -> None:
    if wave.refusal() is None and wave.is_complete:
        pending = WaveReadiness(wave.wave, wave.total, wave.blocked, "", "", wave.blocked_optional, is_complete=False)
        assert pending.refusal() is None


@given(st.booleans(), st.sampled_from(["i-1 (of recovery-1)", None]), st.sampled_from(["i-2", None]), st.booleans())
def test_a_server_with_something_live_is_launched_only_by_agreement(
    healthy: bool, live: str | None, into: str | None, agreed: bool
) -> None:
    state = "CONTINUOUS" if healthy else "DISCONNECTED"
    facts = ServerFacts(state, live_instance=live, probe=Probe(launches_into=into), may_replace=agreed)
    verdict = judge_server(facts, None, 0)
    assert verdict.is_blocked == (not agreed and bool(live or into))
    assert all(any(name in reason for reason in verdict.reasons) for name in (live, into) if name)


# --- targets that do not answer -----------------------------------------------------------------------------------
def summary(target: Target, servers: int, optional: int, **more: object) -> WaveTargetSummary:
    values = {"batches": 0, "blocked": 0, "warned": 0, "blocked_optional": 0, "already_launched": 0}
    return WaveTargetSummary(
        wave="web", target=target, servers=servers, optional=optional, example_reason="", notes=(),
        unlistable_groups=(), **{**values, **more},  # type: ignore[arg-type]
    )  # fmt: skip


@given(st.integers(1, 50), st.integers(1, 50), percents, st.booleans(), st.booleans())
def test_a_wave_needs_a_target_unless_all_it_lacks_is_optional_or_tolerated(
    here: int, there: int, percent: int, optional: bool, by_tags: bool
) -> None:
    east_ids = () if by_tags else tuple(f"s-east{number}" for number in range(there))
    groups = {
        "west": ProtectionGroup("west", "west", WEST, tuple(f"s-west{number}" for number in range(here))),
        "east": ProtectionGroup("east", "east", EAST, east_ids, {"tier": "east"} if by_tags else {}),
    }
    wave = Wave("web", (GroupUse("west"), GroupUse("east", optional=optional)), max_failed_percent=percent)
    known = len(east_ids)
    summaries = [summary(WEST, here, 0), summary(EAST, known, known if optional else 0, pending=True)]
    is_needed = uninspected.is_needed(wave, groups, summaries, EAST)
    tolerated = not by_tags and verdicts.is_within_tolerance(there, here + there, percent)
    assert is_needed == (not optional and not tolerated)


@given(st.sets(st.integers(0, 30), max_size=10), st.sets(st.integers(0, 30), max_size=10), st.booleans())
def test_every_listed_server_of_a_target_that_cannot_be_used_is_blocked_once(
    first: set[int], second: set[int], optional: bool
) -> None:
    groups = {
        "one": ProtectionGroup("one", "one", EAST, tuple(f"s-{number}" for number in sorted(first))),
        "two": ProtectionGroup("two", "two", EAST, tuple(f"s-{number}" for number in sorted(second))),
        "far": ProtectionGroup("far", "far", WEST, ("s-far",)),
    }
    wave = Wave("web", (GroupUse("one"), GroupUse("two", optional=optional), GroupUse("far")))
    blocked = inspection.block_target(wave, EAST, groups, "no answer")
    assert set(blocked.servers) == {f"s-{number}" for number in first | second}
    assert all(server.verdict.is_blocked for server in blocked.servers.values())
    for server_id, server in blocked.servers.items():
        number = int(server_id.removeprefix("s-"))
        assert server.optional == (optional and number not in first)
        assert server.groups == tuple(name for name, ids in (("one", first), ("two", second)) if number in ids)


@given(st.builds(Tally, counts, counts, counts, counts), st.lists(st.just("group db was never listed"), max_size=2))
def test_a_wave_that_lacks_a_group_it_requires_never_succeeds_by_itself(tally: Tally, shortfalls: list[str]) -> None:
    run = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.POLLING, "2026-11-22T08:15:30Z", "ana")
    wave = Wave("web", (GroupUse("pg-1"),), max_failed_percent=100)
    snapshot = RunSnapshot(run, {"web": WaveState("web", WaveStatus.IN_PROGRESS)})
    verdict = verdicts.judge_wave(wave, snapshot, tally, (), shortfalls)
    if shortfalls:
        assert verdict.status is WaveStatus.FAILED
        assert shortfalls[0] in verdict.reason


@given(
    st.sampled_from(list(Readiness)),
    st.lists(st.text(max_size=20), max_size=3),
    st.text(max_size=63),
    st.booleans(),
    st.none() | st.text(min_size=1),
    st.lists(st.text("pg-0123456789abcdef", min_size=1, max_size=15), max_size=3),
)
def test_a_server_comes_back_from_the_record_as_it_was(
    readiness: Readiness, reasons: list[str], hostname: str, optional: bool, snapshot: str | None, groups: list[str]
) -> None:
    server = InspectedServer(
        ServerVerdict(readiness, tuple(reasons)), hostname, optional, snapshot, 1.0, tuple(groups), lag_seconds=7.0
    )
    assert InspectedServer.from_json(server.to_json()) == server
