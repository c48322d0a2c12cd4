"""The rate limit of calls: a token bucket per process, and a budget per target that all functions share.

AWS publishes no rate limit for DRS and asks callers to back off. drs-waves limits itself to `calls_per_second` per
target (10 by default), so that its functions do not cause throttling for each other. `recovery.call_shares` says how
much of that each kind of caller may use.
"""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from recovery import clock
from recovery.aws import dynamodb
from recovery.call_shares import CallShare, current_share
from recovery.domain.target import Target
from recovery.errors import RateBudgetExhausted
from recovery.settings import settings

# The budgets of a target: AWS limits each service apart from the others.
DRS_CALLS, EC2_CALLS, SSM_CALLS, ELB_CALLS = "CALLS", "EC2_CALLS", "SSM_CALLS", "ELB_CALLS"
LAMBDA_CALLS, STATES_CALLS, EVENTS_CALLS = "LAMBDA_CALLS", "STATES_CALLS", "EVENTS_CALLS"
IAM_CALLS, QUOTAS_CALLS = "IAM_CALLS", "QUOTAS_CALLS"

# Which part of `calls_per_second` a budget has, in percent; all of it unless it is named. EC2 refills 20 calls a second
# for each operation that only reads (guide "Request throttling for the Amazon EC2 API"). AWS publishes no rates for Run
# Command, Automation and DescribeTargetHealth. A check asks load balancers once for a group, and an action calls the
# last three services once or twice; they belong to others in the account, and half leaves room for these.
BUDGET_PERCENT = {ELB_CALLS: 50, LAMBDA_CALLS: 50, STATES_CALLS: 50, EVENTS_CALLS: 50, IAM_CALLS: 50, QUOTAS_CALLS: 50}

# A call of a run may be moved to one of the next seconds. A longer wait is a state of the machine.
MAX_SECONDS_AHEAD = 2

# How long a call of another share waits for a free place. A request must be answered within 29 s and may make several
# calls; tasks have 120 s.
MAX_SECONDS_WAITED = {CallShare.READING: 10, CallShare.BACKGROUND: 10, CallShare.REQUEST: 3}

# Callers that wait for the same second ask for it within this time, one after the other.
MAX_DELAY_SECONDS = 0.2

# Real seconds in which calls that were reserved together are made.
BLOCK_SECONDS = 2

# The row of a second is useless once the second has passed. DynamoDB deletes it some time after this.
ROW_LIFETIME_SECONDS = 3_600


class TokenBucket:
    """A bucket that gains `rate` tokens a second up to `capacity`. Thread-safe; it uses the product's clock."""

    def __init__(self, rate: float, capacity: float) -> None:
        """Start full. Raise ValueError unless both numbers are above zero."""
        if rate <= 0 or capacity <= 0:
            raise ValueError(f"rate and capacity must be above zero, not {rate} and {capacity}")
        self._rate, self._capacity = rate, capacity
        self._tokens, self._at = capacity, clock.now()
        self._lock = threading.Lock()

    @property
    def available_tokens(self) -> float:
        """From 0 to the capacity."""
        with self._lock:
            return self._refilled()

    def try_acquire(self, tokens: float = 1) -> bool:
        """Take the tokens if there are enough; False if not."""
        with self._lock:
            if self._refilled() < tokens:
                return False
            self._tokens -= tokens
            return True

    def acquire(self, timeout: float, tokens: float = 1) -> bool:
        """Take the tokens, waiting up to `timeout` seconds for them; False when that is not enough."""
        deadline = clock.now() + timeout
        while not self.try_acquire(tokens):
            missing = tokens - self.available_tokens
            wait = max(missing / self._rate, 0.001)
            if tokens > self._capacity or clock.now() + wait > deadline:
                return False
            clock.sleep(wait)
        return True

    def _refilled(self) -> float:
        now = clock.now()
        gained = max(now - self._at, 0) * self._rate
        self._tokens, self._at = min(self._capacity, self._tokens + gained), now
        return self._tokens


@lru_cache(maxsize=256)
def get_bucket(target: Target, budget: str, share: CallShare) -> TokenBucket:
    """The bucket of the target's budget and share in this process."""
    part = share.percent / 100
    most = budget_per_second(budget)
    return TokenBucket(most * part, max(settings().calls_burst * BUDGET_PERCENT.get(budget, 100) / 100 * part, 1))


def budget_per_second(budget: str) -> int:
    """The calls a second that all functions together may make of a target's budget; at least one."""
    return max(settings().calls_per_second * BUDGET_PERCENT.get(budget, 100) // 100, 1)


def reserve_call(target: Target, budget: str = DRS_CALLS) -> None:
    """Reserve one call of the budget within the caller's share, and wait until the second that it is reserved in.

    A run may reserve one of the next two seconds. Other callers, and a run that reads server by server, get a call of
    the second that is on, or wait: they hold no place in a later second, which a run would then lack. Raise
    RateBudgetExhausted if no call is free in that time.

    A reservation is one conditional write to the row of a second, which counts the calls of all functions, so they need
    no coordination. An unused reservation only wastes that call.
    """
    block = _block.get()
    if block and (block.target, budget) == (target, DRS_CALLS):
        block.take()
    else:
        _reserve(target, budget, 1)


@contextmanager
def reserve_in_blocks(target: Target) -> Iterator[None]:
    """Reserve the DRS calls of the block of code half a second's at a time, each with one write.

    For code that makes many calls in a row, and not as a run's urgent ones: those are few, and reserved ahead.
    """
    token = _block.set(_CallBlock(target))
    try:
        yield
    finally:
        _block.reset(token)


class _CallBlock:
    """Calls that were reserved together. Those that are left over after a while are lost: DRS would get them beside the
    calls of a later second.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._left, self._until = 0, 0.0

    def take(self) -> None:
        """Take one of the calls, or reserve further ones. Raise RateBudgetExhausted."""
        if not self._left or time.monotonic() >= self._until:
            self._left = _reserve(self.target, DRS_CALLS, _calls_of_block(current_share(), int(clock.now())))
            self._until = time.monotonic() + BLOCK_SECONDS
        self._left -= 1


def _calls_of_block(share: CallShare, second: int) -> int:
    """Half of the share's calls in the second, so that another function gets some of it, and at most a burst."""
    burst = settings().calls_burst * share.percent // 100
    return max(min(share.calls_in_second(settings().calls_per_second, second) // 2, burst), 1)


_block: ContextVar[_CallBlock | None] = ContextVar("call_block", default=None)


def _reserve(target: Target, budget: str, wanted: int) -> int:
    """Reserve so many calls, or one if there is no room for more; return how many. Raise RateBudgetExhausted."""
    share = current_share()
    patience = MAX_SECONDS_WAITED.get(share, MAX_SECONDS_AHEAD)
    if not get_bucket(target, budget, share).acquire(timeout=patience, tokens=wanted):
        raise RateBudgetExhausted(f"{target.key}: this function has used its calls for the next seconds")
    if share is CallShare.RUN:
        reserved = int(_reserve_ahead(target, budget))
    else:
        reserved = _wait_for_calls(target, budget, share, wanted)
    if not reserved:
        raise RateBudgetExhausted(
            f"{target.key}: the calls of this kind, {share.percent} % of {budget_per_second(budget)} a second, are "
            f"taken for {patience} s"
        )
    return reserved


def _reserve_ahead(target: Target, budget: str) -> bool:
    """Reserve a call of this second or of one of the next two; then wait for it."""
    now = clock.now()
    for ahead in range(MAX_SECONDS_AHEAD + 1):
        second = int(now) + ahead
        if _reserve_second(target, budget, CallShare.RUN, second):
            clock.sleep(max(second - clock.now(), 0))
            return True
    return False


def _wait_for_calls(target: Target, budget: str, share: CallShare, wanted: int) -> int:
    """Reserve calls of the second that is on, as soon as one has a free call for this share; return how many."""
    deadline = clock.now() + MAX_SECONDS_WAITED[share]
    while True:
        second = int(clock.now())
        for count in sorted({wanted, 1}, reverse=True):
            if _reserve_second(target, budget, share, second, count):
                return count
        if second + 1 > deadline:
            return 0
        clock.sleep(second + 1 + random.uniform(0, MAX_DELAY_SECONDS) - clock.now())


def _reserve_second(target: Target, budget: str, share: CallShare, second: int, count: int = 1) -> bool:
    """Count calls into the second's row, for their share and for each more important one, if all of them have room."""
    counters = {of: name for of, name in _COUNTERS.items() if share.percent <= of.percent}
    limits = {of: of.calls_in_second(budget_per_second(budget), second) for of in counters}
    if min(limits.values()) < count:
        return False
    return dynamodb.update_if(
        settings().limits_table,
        {"target": target.key, "item": f"{budget}#{second}"},
        {"expiresAt": second + ROW_LIFETIME_SECONDS},
        add=dict.fromkeys(counters.values(), count),
        condition=" AND ".join(
            f"(attribute_not_exists(#{name}) OR #{name} <= :{name}Most)" for name in counters.values()
        ),
        given={f"{name}Most": limits[of] - count for of, name in counters.items()},
    )


# The attributes of a second's row: all calls, those that are not of runs, those of requests. READING is in the first.
_COUNTERS = {CallShare.RUN: "calls", CallShare.BACKGROUND: "deferrable", CallShare.REQUEST: "requests"}
