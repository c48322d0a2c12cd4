"""The shares of a target's calls: what runs keep, whatever readers, syncs, readiness runs and clean-ups request."""

import heapq
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock
from recovery.aws import dynamodb
from recovery.call_shares import CallShare, current_share, use_share
from recovery.domain.target import Target
from recovery.drs import rate_limiter
from recovery.drs.rate_limiter import DRS_CALLS, EC2_CALLS, ELB_CALLS, MAX_SECONDS_WAITED, SSM_CALLS
from recovery.errors import RateBudgetExhausted
from recovery.settings import settings as product_settings
from tests.support.looping import without_buckets
from tests.support.moto_tables import empty, product_tables

HERE = Target("111122223333", "us-west-2")
CALLERS = 40
SECONDS = 10
SHARES = st.sampled_from(CallShare)


class Time:
    """A clock that only `sleep` moves. It notes for how long callers wanted to sleep."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0)


@pytest.fixture(scope="module")
def tables() -> Iterator[None]:
    with product_tables():
        dynamodb.client()  # created once, before threads share it
        yield


@pytest.fixture
def frozen(tables: None, monkeypatch: pytest.MonkeyPatch) -> Time:
    """Empty rows, and no limit within this process: each function is a process of its own on AWS."""
    moment = Time()
    empty("limits")
    without_buckets(monkeypatch)
    monkeypatch.setattr(clock, "now", lambda: moment.now)
    monkeypatch.setattr(clock, "sleep", moment.sleep)
    return moment


def rows(budget: str = DRS_CALLS) -> dict[int, dict[str, int]]:
    """The counters of each second of the budget."""
    found = [row for row in dynamodb.scan("limits") if row["item"].startswith(f"{budget}#")]
    return {int(row["item"].partition("#")[2]): row for row in found}


def reserve(share: CallShare, budget: str = DRS_CALLS) -> bool:
    with use_share(share):
        try:
            rate_limiter.reserve_call(HERE, budget)
        except RateBudgetExhausted:
            return False
    return True


# --- the parts --------------------------------------------------------------------------------------------------
@settings(max_examples=300)
@given(calls_per_second=st.integers(1, 100), second=st.integers(0, 2**31), seconds=st.integers(1, 50), share=SHARES)
def test_a_share_has_its_part_of_the_limit_over_any_number_of_seconds(
    calls_per_second: int, second: int, seconds: int, share: CallShare
) -> None:
    calls = [share.calls_in_second(calls_per_second, at) for at in range(second, second + seconds)]
    wanted = calls_per_second * share.percent / 100
    assert abs(sum(calls) - wanted * seconds) < 1
    assert all(abs(each - wanted) < 1 for each in calls)


def test_runs_have_half_of_the_limit_beside_all_others_and_four_fifths_beside_requests() -> None:
    assert {share: share.calls_in_second(10, 7) for share in CallShare} == {
        CallShare.RUN: 10,
        CallShare.READING: 10,
        CallShare.BACKGROUND: 5,
        CallShare.REQUEST: 2,
    }


def test_code_counts_as_a_run_unless_it_says_otherwise_and_a_block_gives_its_share_back() -> None:
    @use_share(CallShare.REQUEST)
    def answer() -> CallShare:
        return current_share()

    assert current_share() is CallShare.RUN
    with use_share(CallShare.BACKGROUND):
        assert answer() is CallShare.REQUEST
        assert current_share() is CallShare.BACKGROUND
        with pytest.raises(KeyError), use_share(CallShare.REQUEST):
            raise KeyError
        assert current_share() is CallShare.BACKGROUND
    assert current_share() is CallShare.RUN


# --- the shared rows --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("budget", [DRS_CALLS, EC2_CALLS, SSM_CALLS])
@pytest.mark.parametrize(("share", "calls"), [(CallShare.REQUEST, 2), (CallShare.BACKGROUND, 5)])
def test_callers_that_can_wait_hold_no_place_in_a_later_second(
    frozen: Time, budget: str, share: CallShare, calls: int
) -> None:
    began = frozen.now
    for _ in range(CALLERS):
        frozen.now = began
        if not reserve(share, budget):
            assert began + MAX_SECONDS_WAITED[share] - 1 <= frozen.now <= began + MAX_SECONDS_WAITED[share] + 1
            break
        later = [second for second in rows(budget) if second > frozen.now]
        assert not later
    assert {row["calls"] for row in rows(budget).values()} == {calls}
    frozen.now = began
    waits = []
    for _ in range(10 - calls):
        assert reserve(CallShare.RUN, budget)
        waits.append(frozen.now - began)
    assert set(waits) == {0}, "a run gets the rest of this very second"


def test_a_service_that_others_need_more_gives_half_of_the_calls(frozen: Time) -> None:
    for _ in range(10):
        assert reserve(CallShare.RUN, ELB_CALLS)
    assert [row["calls"] for row in rows(ELB_CALLS).values()] == [5, 5]


@settings(max_examples=150, deadline=None)
@given(
    calls_per_second=st.sampled_from([1, 2, 3, 7, 10]),
    steps=st.lists(st.tuples(SHARES, st.sampled_from([0.0, 0.0, 0.0, 0.3, 1.0])), max_size=40),
)
def test_no_order_of_callers_exceeds_a_share_or_the_limit(
    tables: None, calls_per_second: int, steps: list[tuple[CallShare, float]]
) -> None:
    moment = Time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CALLS_PER_SECOND", str(calls_per_second))
        product_settings.cache_clear()
        without_buckets(patch)
        patch.setattr(clock, "now", lambda: moment.now)
        patch.setattr(clock, "sleep", moment.sleep)
        empty("limits")
        got, at = Counter[CallShare](), moment.now
        for share, pause in steps:
            at += pause
            moment.now = at  # callers wait side by side, each in a function of its own
            got[share] += reserve(share)
    product_settings.cache_clear()
    counted = rows()
    for second, row in counted.items():
        for share, name in rate_limiter._COUNTERS.items():
            assert row.get(name, 0) <= share.calls_in_second(calls_per_second, second)
    total = Counter(
        {name: sum(row.get(name, 0) for row in counted.values()) for name in rate_limiter._COUNTERS.values()}
    )
    assert total["calls"] == sum(got.values())
    assert total["deferrable"] == got[CallShare.BACKGROUND] + got[CallShare.REQUEST]
    assert total["requests"] == got[CallShare.REQUEST]


@pytest.mark.parametrize("calls_per_second", [1, 2, 5])
def test_a_low_limit_leaves_every_share_some_calls(
    frozen: Time, monkeypatch: pytest.MonkeyPatch, calls_per_second: int
) -> None:
    monkeypatch.setenv("CALLS_PER_SECOND", str(calls_per_second))
    product_settings.cache_clear()
    began, got = int(frozen.now), Counter[CallShare]()
    for second in range(began, began + 40):
        for share in (CallShare.REQUEST, CallShare.BACKGROUND, CallShare.RUN):  # the least important first
            for _ in range(calls_per_second):
                got[share] += rate_limiter._reserve_second(HERE, DRS_CALLS, share, second)
    product_settings.cache_clear()
    assert got[CallShare.REQUEST] >= 4 * calls_per_second
    assert got[CallShare.BACKGROUND] >= 8 * calls_per_second
    assert got[CallShare.RUN] >= 20 * calls_per_second
    assert sum(got.values()) == 40 * calls_per_second


# --- callers beside a run ---------------------------------------------------------------------------------------
def calls_of_a_run(moment: Time, share: CallShare, callers: int) -> int:
    """How many calls a run reserves within some seconds, beside callers of this share, one call after the other.

    Each has a clock of its own, and the one whose clock is furthest behind acts next, so that no machine is too slow
    for it. A call takes a twentieth of a second.
    """
    empty("limits")
    began, calls, run = moment.now, 0, 0
    waiting = [(began + who / (callers + 1), who) for who in range(callers + 1)]
    while waiting:
        at, who = heapq.heappop(waiting)
        moment.now = at
        is_granted = reserve(CallShare.RUN if who == run else share)
        if moment.now >= began + SECONDS:
            continue
        calls += is_granted and who == run
        heapq.heappush(waiting, (moment.now + 0.05, who))
    return calls


@pytest.mark.parametrize("share", [CallShare.REQUEST, CallShare.BACKGROUND])
def test_forty_looping_callers_leave_a_run_its_calls(frozen: Time, share: CallShare) -> None:
    """Beside requests a run keeps eight calls of ten, beside work that can wait five."""
    alone = calls_of_a_run(frozen, share, 0)
    beside = calls_of_a_run(frozen, share, CALLERS)
    assert alone >= 9 * SECONDS
    assert beside >= (1 - share.percent / 100) * alone


def test_other_calls_of_runs_go_before_what_runs_read_server_by_server(frozen: Time) -> None:
    """Readers may use the whole limit, but hold no place in a later second, as polls and starts do.

    Twelve readers try at every tenth of a second, and a run once in the middle of each, when they have taken it.
    """
    began, waits, read = int(frozen.now), list[float](), 0
    for tenth in range(10 * SECONDS):
        now = began + tenth / 10
        frozen.now = now
        read += sum(rate_limiter._reserve_second(HERE, DRS_CALLS, CallShare.READING, int(now)) for _ in range(12))
        if tenth % 10 == 5:
            assert reserve(CallShare.RUN)
            waits.append(frozen.now - now)
    assert set(waits) == {0.5}, "the next second has its place"
    assert read == 10 * SECONDS - (SECONDS - 1)


def test_a_block_of_calls_is_one_write_and_leaves_others_the_rest_of_the_second(frozen: Time) -> None:
    with use_share(CallShare.READING), rate_limiter.reserve_in_blocks(HERE):
        for _ in range(5):
            rate_limiter.reserve_call(HERE)
        assert [row["calls"] for row in rows().values()] == [5]
        assert sum(reserve(CallShare.RUN) for _ in range(5)) == 5
        assert [row["calls"] for row in rows().values()] == [10]


def test_calls_of_a_block_that_were_not_made_in_time_are_lost(frozen: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recovery.drs.rate_limiter.time.monotonic", lambda: frozen.now)
    with use_share(CallShare.READING), rate_limiter.reserve_in_blocks(HERE):
        rate_limiter.reserve_call(HERE)
        frozen.now += 2
        rate_limiter.reserve_call(HERE)
    assert [row["calls"] for row in rows().values()] == [5, 5]


def test_a_block_takes_what_is_left_of_the_second(frozen: Time) -> None:
    began = frozen.now
    for _ in range(8):
        assert reserve(CallShare.RUN)
    with use_share(CallShare.READING), rate_limiter.reserve_in_blocks(HERE):
        for _ in range(2):
            rate_limiter.reserve_call(HERE)
    assert (frozen.now, [row["calls"] for row in rows().values()]) == (began, [10])
