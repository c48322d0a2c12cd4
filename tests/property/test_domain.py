"""Properties of every plan, fleet and job."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery import clock
from recovery.domain import polling, verdicts
from recovery.domain.batch import split_into_batches
from recovery.domain.dependencies.wave_order import order_waves
from recovery.domain.drs_shapes.jobs import Job, JobStatus
from recovery.domain.execution import ExecutionStatus, Mode, Run, RunSnapshot, WaveState, WaveStatus
from recovery.domain.plan import Wave
from recovery.domain.polling import (
    FAILURES_BEFORE_MARK,
    MAX_POLL_SECONDS,
    MAX_POLL_SHARE,
    MIN_POLL_SECONDS,
    RAREST_POLL_SECONDS,
)
from recovery.domain.tally import Tally
from recovery.errors import InvalidRequest

names = st.lists(st.text("abcdefgh", min_size=1, max_size=3), unique=True, min_size=1, max_size=8)


@st.composite
def waves(draw: st.DrawFn) -> list[Wave]:
    chosen = draw(names)
    return [Wave(name, (), tuple(draw(st.lists(st.sampled_from(chosen), unique=True, max_size=3)))) for name in chosen]


@given(waves())
def test_ordered_waves_never_wait_for_a_later_one(given_waves: list[Wave]) -> None:
    if _has_cycle(given_waves):
        with pytest.raises(InvalidRequest):
            order_waves(given_waves)
        return
    ordered = order_waves(given_waves)
    assert sorted(wave.name for wave in ordered) == sorted(wave.name for wave in given_waves)
    seen: set[str] = set()
    for wave in ordered:
        assert seen.issuperset(wave.depends_on)
        seen.add(wave.name)


def _has_cycle(given_waves: list[Wave]) -> bool:
    """A depth-first search, to compare with the algorithm of the product."""
    edges = {wave.name: wave.depends_on for wave in given_waves}

    def reaches(start: str, name: str, seen: frozenset[str]) -> bool:
        return any(nxt == start or (nxt not in seen and reaches(start, nxt, seen | {nxt})) for nxt in edges[name])

    return any(reaches(name, name, frozenset()) for name in edges)


@given(st.sets(st.integers(0, 5_000), max_size=700), st.integers(1, 100))
def test_batches_hold_every_server_once_and_are_few_and_even(numbers: set[int], size: int) -> None:
    servers = {f"s-{number:017}" for number in numbers}
    batches = split_into_batches(servers, size)
    assert sorted(server for batch in batches for server in batch) == sorted(servers)
    assert len(batches) == -(-len(servers) // size)
    lengths = [len(batch) for batch in batches]
    assert all(1 <= length <= size for length in lengths)
    assert not lengths or max(lengths) - min(lengths) <= 1


@given(st.sets(st.integers(0, 500), max_size=60), st.integers(1, 100), st.randoms())
def test_a_fleet_is_cut_the_same_way_in_whatever_order_it_comes(numbers: set[int], size: int, random: object) -> None:
    servers = [str(number) for number in numbers]
    shuffled = sorted(servers, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert split_into_batches(servers, size) == split_into_batches(shuffled, size)


def polls_until(took: float, expected: float) -> tuple[int, float]:
    """How often a job of this length is polled, and how long after its end the last poll comes."""
    age, polls = float(polling.seconds_to_next_poll(0, expected)), 1
    while age < took:
        age += polling.seconds_to_next_poll(age, expected)
        polls += 1
    return polls, age - took


def is_soon(late: float, took: float) -> bool:
    """Whether the end of a job is seen within a minute or, if it took more than ten, within a tenth of its time."""
    return late <= max(MAX_POLL_SECONDS, took * MAX_POLL_SHARE) + 1


@given(st.floats(0, 1_000_000), st.floats(60, 20_000))
def test_the_next_poll_is_neither_too_soon_nor_too_late(age: float, expected: float) -> None:
    wait = polling.seconds_to_next_poll(age, expected)
    assert MIN_POLL_SECONDS <= wait <= RAREST_POLL_SECONDS
    assert age == 0 or wait <= max(MAX_POLL_SECONDS, age * MAX_POLL_SHARE + 1)


@given(st.floats(120, 3_600), st.floats(60, 20_000))
def test_a_job_of_up_to_an_hour_is_polled_at_most_forty_times_whatever_is_expected(
    took: float, expected: float
) -> None:
    polls, late = polls_until(took, expected)
    assert polls < 40
    assert is_soon(late, took)


@pytest.mark.parametrize("took", [9 * 60, 19 * 60, 30 * 60, 45 * 60, 60 * 60])
@pytest.mark.parametrize("early", range(0, 50, 10))
def test_the_end_of_a_job_that_takes_as_long_as_expected_is_seen_within_half_a_minute(took: float, early: int) -> None:
    _, late = polls_until(took - early, took)
    assert late <= 30


@pytest.mark.parametrize("expected", [180, 270, 540, 1_080, 1_200, 1_620, 1_800])
def test_the_end_of_a_job_of_nine_minutes_is_seen_within_a_minute_whatever_is_expected(expected: float) -> None:
    lates = [polls_until(9 * 60 + seconds, expected)[1] for seconds in range(-30, 31)]
    assert max(lates) <= 60
    assert sum(lates) / len(lates) <= 35


def test_a_job_that_takes_a_day_is_polled_at_most_two_hundred_times() -> None:
    assert polls_until(24 * 3_600, 1_800)[0] <= 200


@given(st.integers(1, FAILURES_BEFORE_MARK), st.lists(st.floats(0, 135), min_size=200, max_size=200))
def test_a_batch_that_waits_tries_again_within_the_time_that_it_says(told_after: int, tries: list[float]) -> None:
    """`told_after` failures; after each wait a try takes a while, during which the machine tries again by itself."""
    age = 0.0
    for failures, took in enumerate(tries, told_after):
        wait = polling.seconds_to_next_try(failures)
        said = int(polling.describe_next_try(age).split()[3])
        assert wait <= said * 60
        age += wait + took


@given(st.integers(0, 100_000))
def test_a_wait_for_capacity_never_shrinks_and_ends_within_ten_minutes(checks: int) -> None:
    wait = polling.seconds_to_next_capacity_check(checks)
    assert 15 <= wait <= polling.seconds_to_next_capacity_check(checks + 1) <= 600


@given(st.integers(0, 100_000), st.lists(st.floats(-7_200, 7_200), max_size=20))
def test_a_wait_for_capacity_ends_when_a_job_should_end_and_is_else_as_long_as_ever(
    checks: int, ends_in: list[float]
) -> None:
    usual = polling.seconds_to_next_capacity_check(checks)
    wait = polling.seconds_to_next_capacity_check(checks, ends_in)
    soon = [seconds for seconds in ends_in if seconds > -120]
    assert 15 <= wait <= usual
    if soon and checks < 30:
        assert wait <= max(min(soon) + 1, 15)
    else:
        assert wait == usual, "the events of a batch that waits for hours stay few"


@given(age=st.floats(0, 7_200), expected=st.integers(1, 7_200))
def test_configurations_are_read_ahead_some_minutes_before_the_expected_end(age: float, expected: int) -> None:
    job = Job("drsjob-1", JobStatus.STARTED, clock.iso(clock.now() - age), None, (), {})
    poll = polling.JobPoll.of_job(job, expected)
    left = expected - age
    if min(abs(left - 120), abs(left - 600)) > 2:  # the clock goes on
        assert poll.to_state()["mayReadAhead"] == (120 < left < 600)


RUN = Run("drill-1", "rp-1", "shop", Mode.DRILL, ExecutionStatus.POLLING, "2026-01-01T00:00:00.000Z", "ana")


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_a_wave_within_its_tolerance_lets_its_dependants_start(
    launched: int, failed: int, excluded: int, open_: int, percent: int
) -> None:
    total = launched + failed + excluded + open_
    wave, states = Wave("w", (), (), percent), {"w": WaveState("w", WaveStatus.IN_PROGRESS)}
    verdict = verdicts.judge_wave(wave, RunSnapshot(RUN, states), Tally(total, launched, failed, excluded))
    missing = total - launched
    assert verdict.reason
    assert (verdict.status is WaveStatus.COMPLETED) == (missing == 0)
    allowed = missing == 0 or (launched > 0 and missing * 100 <= total * percent)
    assert verdict.status.succeeded == allowed
