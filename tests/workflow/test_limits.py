"""The call budget, the token bucket, retries and the circuit breaker, alone and on DynamoDB."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.drs import circuit_breaker, rate_limiter, retry
from recovery.drs.circuit_breaker import TRIAL_SECONDS
from recovery.drs.rate_limiter import TokenBucket
from recovery.drs.retry import RetryPolicy
from recovery.errors import CircuitOpen, DrsRefused, DrsThrottled, DrsUnavailable, RateBudgetExhausted, RetryExhausted
from tests.support.moto_tables import product_tables

WEST, EAST = Target("111122223333", "us-west-2"), Target("111122223333", "us-east-1")


class Time:
    """A clock that moves only by `sleep` and `pass_`."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> Time:
    moment = Time()
    monkeypatch.setattr(clock, "now", lambda: moment.now)
    monkeypatch.setattr(clock, "sleep", moment.pass_)
    return moment


@pytest.fixture
def limits() -> Iterator[None]:
    """The product's tables, and settings with five failures to open a circuit for a minute."""
    with product_tables():
        dynamodb.client()  # created once, before threads share it
        yield


# --- token bucket -----------------------------------------------------------------------------------------------
@settings(max_examples=150)
@given(
    rate=st.floats(0.1, 100),
    capacity=st.floats(1, 100),
    steps=st.lists(st.tuples(st.floats(0, 20), st.floats(0.1, 30)), max_size=40),
)
def test_a_bucket_is_never_below_empty_nor_above_full_and_refills_with_time(
    rate: float, capacity: float, steps: list[tuple[float, float]]
) -> None:
    moment = Time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment.now)
        bucket = TokenBucket(rate, capacity)
        taken, began = 0.0, moment.now
        for wait, tokens in steps:
            moment.pass_(wait)
            before = bucket.available_tokens
            got = bucket.try_acquire(tokens)
            assert got == (before >= tokens)
            taken += tokens if got else 0
            assert 0 <= bucket.available_tokens <= capacity
            assert taken <= capacity + (moment.now - began) * rate + 1e-6


@given(rate=st.floats(1, 50), capacity=st.floats(1, 50), count=st.integers(1, 120))
def test_waiting_for_tokens_takes_as_long_as_the_rate_says(rate: float, capacity: float, count: int) -> None:
    moment = Time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment.now)
        patch.setattr(clock, "sleep", moment.pass_)
        bucket, began = TokenBucket(rate, capacity), moment.now
        assert all(bucket.acquire(timeout=1_000) for _ in range(count))
        needed = max(count - capacity, 0) / rate
        assert needed - 1e-6 <= moment.now - began <= needed + 0.01 * count + 1e-6


def test_a_bucket_under_threads_gives_out_no_more_than_it_has(frozen: Time) -> None:
    bucket, got = TokenBucket(10, 20), list[bool]()
    threads = [threading.Thread(target=lambda: got.extend(bucket.try_acquire() for _ in range(10))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(got) == {True: 20, False: 140}


def test_a_wait_that_would_be_too_long_is_refused_at_once(frozen: Time) -> None:
    bucket = TokenBucket(1, 1)
    assert bucket.acquire(timeout=0)
    began = frozen.now
    assert not bucket.acquire(timeout=0.5)
    assert not bucket.acquire(timeout=100, tokens=2)
    assert frozen.now == began


@pytest.mark.parametrize(("rate", "capacity"), [(0, 1), (1, 0), (-1, 5)])
def test_a_bucket_that_could_never_give_is_refused(rate: float, capacity: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        TokenBucket(rate, capacity)


# --- the shared budget ------------------------------------------------------------------------------------------
def test_calls_beyond_a_second_go_to_the_next_two_and_no_further(
    frozen: Time, limits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limiter, "get_bucket", lambda *names: TokenBucket(1_000, 1_000))
    began, waits = frozen.now, list[float]()
    for _ in range(30):
        frozen.now = began
        rate_limiter.reserve_call(WEST)
        waits.append(frozen.now - began)
    assert Counter(waits) == {0: 10, 1: 10, 2: 10}
    frozen.now = began
    with pytest.raises(RateBudgetExhausted):
        rate_limiter.reserve_call(WEST)
    assert frozen.now == began
    rate_limiter.reserve_call(EAST)  # another target has a budget of its own


def test_forty_callers_at_once_hold_the_rate(limits: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real time and real threads: 10 calls a second within 5 % above, and at least 90 % of them used."""
    # What paces a single function is not what is measured here.
    monkeypatch.setattr(rate_limiter, "get_bucket", lambda *names: TokenBucket(1_000, 1_000))
    for _ in range(5):  # a busy machine may leave the callers too little time, but not in each of five tries
        calls, wanted = calls_of_forty_callers(4), 10 * 4
        assert calls <= 1.05 * wanted
        if calls >= 0.9 * wanted:
            return
    raise AssertionError(f"of {wanted} calls only {calls} were made")


def calls_of_forty_callers(seconds: int) -> int:
    """The number of calls that forty threads make in this time, each as soon as the budget allows."""
    calls, lock = list[float](), threading.Lock()
    start = float(int(time.time()) + 1)

    def caller(number: int) -> None:
        chance = random.Random(number)
        time.sleep(max(start - time.time(), 0))
        while time.time() < start + seconds:
            try:
                rate_limiter.reserve_call(WEST)
            except RateBudgetExhausted:
                time.sleep(chance.uniform(0.05, 0.4))
                continue
            with lock:
                calls.append(time.time())

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len([moment for moment in calls if start <= moment < start + seconds])


# --- retries ----------------------------------------------------------------------------------------------------
@settings(max_examples=120)
@given(
    attempts=st.integers(1, 6),
    base=st.floats(0.01, 1),
    factor=st.floats(1, 8),
    jitter=st.booleans(),
    failures=st.integers(0, 8),
    kind=st.sampled_from([DrsThrottled, DrsUnavailable, DrsRefused]),
)
def test_retries_follow_their_policy(
    attempts: int, base: float, factor: float, jitter: bool, failures: int, kind: type[DrsRefused]
) -> None:
    moment, waits, made, heard = Time(), list[float](), list[int](), list[int]()
    policy = RetryPolicy(attempts, base, base * factor, jitter)

    def function() -> str:
        made.append(1)
        if len(made) <= failures:
            raise kind("no")
        return "answer"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment.now)
        patch.setattr(clock, "sleep", waits.append)
        try:
            outcome = retry.call_with_retries("DescribeJobs", function, policy, heard.append)
        except RetryExhausted as error:
            outcome, facts = "exhausted", error.facts
        except DrsRefused:
            outcome = "refused"

    if failures == 0:
        assert (outcome, len(made)) == ("answer", 1)
    elif kind is DrsRefused:
        assert (outcome, len(made)) == ("refused", 1)
    elif failures >= attempts:
        assert (outcome, len(made)) == ("exhausted", attempts)
        assert facts == {"operation": "DescribeJobs", "attempts": attempts, "cause": f"{kind.__name__}: no"}
    else:
        assert (outcome, len(made)) == ("answer", failures + 1)
    assert heard == list(range(2, len(made) + 1))
    assert len(waits) == len(made) - 1
    assert all(0 <= wait <= base * factor + 1e-9 for wait in waits)
    if not jitter:
        assert waits == sorted(waits)


@pytest.mark.parametrize("policy", [(0, 1, 2), (1, -1, 2), (1, 3, 2)])
def test_a_policy_that_makes_no_sense_is_refused(policy: tuple[int, float, float]) -> None:
    with pytest.raises(ValueError, match="retry policy"):
        RetryPolicy(*policy)


# --- the circuit ------------------------------------------------------------------------------------------------
def fail() -> None:
    raise DrsUnavailable("no answer")


def test_a_circuit_opens_after_failures_in_a_row_lets_one_call_through_and_closes(frozen: Time, limits: None) -> None:
    for _ in range(5):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    with pytest.raises(CircuitOpen):
        circuit_breaker.call_through_circuit(WEST, lambda: "never asked")
    assert circuit_breaker.call_through_circuit(EAST, lambda: "another Region goes on") == "another Region goes on"

    frozen.pass_(61)
    inner: list[str] = []

    def probe() -> str:
        with pytest.raises(CircuitOpen):
            circuit_breaker.call_through_circuit(WEST, lambda: inner.append("a second call came through"))
        return "alive"

    assert circuit_breaker.call_through_circuit(WEST, probe) == "alive"
    assert inner == []
    assert circuit_breaker.call_through_circuit(WEST, lambda: "closed again") == "closed again"


def test_a_call_let_through_that_fails_opens_the_circuit_again(frozen: Time, limits: None) -> None:
    for _ in range(5):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    frozen.pass_(61)
    with pytest.raises(DrsUnavailable):
        circuit_breaker.call_through_circuit(WEST, fail)
    with pytest.raises(CircuitOpen):
        circuit_breaker.call_through_circuit(WEST, lambda: "never asked")
    frozen.pass_(61)
    assert circuit_breaker.call_through_circuit(WEST, lambda: "alive") == "alive"


def test_a_call_let_through_that_never_comes_back_does_not_keep_the_circuit_open(frozen: Time, limits: None) -> None:
    for _ in range(5):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    frozen.pass_(61)
    with pytest.raises(SystemExit):
        circuit_breaker.call_through_circuit(WEST, _die)
    frozen.pass_(TRIAL_SECONDS + 61)
    assert circuit_breaker.call_through_circuit(WEST, lambda: "alive") == "alive"


def test_a_call_that_read_the_circuit_before_it_closed_does_not_open_it_again(frozen: Time, limits: None) -> None:
    for _ in range(5):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    frozen.pass_(61)
    late = circuit_breaker._Circuit.read(WEST)
    assert circuit_breaker.call_through_circuit(WEST, lambda: "alive") == "alive"
    assert not late.claim_trial()
    late.record_failure("no answer")
    assert circuit_breaker.call_through_circuit(WEST, lambda: "still closed") == "still closed"


def _die() -> None:
    raise SystemExit


def test_a_slow_call_without_an_answer_neither_opens_nor_closes_a_circuit(frozen: Time, limits: None) -> None:
    def slow() -> None:
        raise DrsUnavailable("no answer in time", slow=True)

    for _ in range(20):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, slow)
    for _ in range(4):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    with pytest.raises(DrsUnavailable):
        circuit_breaker.call_through_circuit(WEST, slow)
    with pytest.raises(DrsUnavailable):  # the fifth failure, since the slow call did not end the row
        circuit_breaker.call_through_circuit(WEST, fail)
    with pytest.raises(CircuitOpen):
        circuit_breaker.call_through_circuit(WEST, lambda: "never asked")
    frozen.pass_(61)
    with pytest.raises(DrsUnavailable):
        circuit_breaker.call_through_circuit(WEST, slow)
    with pytest.raises(CircuitOpen):
        circuit_breaker.call_through_circuit(WEST, lambda: "the trial may still be at work")
    frozen.pass_(TRIAL_SECONDS + 1)
    assert circuit_breaker.call_through_circuit(WEST, lambda: "alive") == "alive"


def test_an_answer_of_any_kind_shows_that_a_region_lives(frozen: Time, limits: None) -> None:
    for _ in range(4):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    with pytest.raises(DrsRefused):
        circuit_breaker.call_through_circuit(WEST, _refuse)
    for _ in range(4):
        with pytest.raises(DrsUnavailable):
            circuit_breaker.call_through_circuit(WEST, fail)
    assert circuit_breaker.call_through_circuit(WEST, lambda: "still closed") == "still closed"


def _refuse() -> None:
    raise DrsRefused("validation")
