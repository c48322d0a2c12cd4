"""The rate limit of calls to DRS: a token bucket per process, and a budget per target that all functions share.

AWS publishes no rate limit for DRS and asks callers to back off. drs-waves limits itself to `calls_per_second` per
target (10 by default), so that its functions do not cause throttling for each other.
"""

import threading
from functools import lru_cache

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.errors import RateBudgetExhausted
from recovery.settings import settings

# A call may be moved to one of the next seconds. A longer wait is a state of the machine.
MAX_SECONDS_AHEAD = 2

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


@lru_cache(maxsize=64)
def get_bucket(target: Target) -> TokenBucket:
    """The target's bucket in this process."""
    return TokenBucket(settings().calls_per_second, settings().calls_burst)


def reserve_call(target: Target, budget: str = "CALLS") -> None:
    """Reserve one call in this second or one of the next two, and wait until that second begins.

    Raise RateBudgetExhausted if all three are full.

    `budget` names the budget: DRS has one, and EC2 another, each of `calls_per_second`.

    A reservation is one conditional write to the row of a second, which counts the calls of all functions, so they need
    no coordination. An unused reservation only wastes that call.
    """
    if not get_bucket(target).acquire(timeout=MAX_SECONDS_AHEAD):
        raise RateBudgetExhausted(f"{target.key}: this function has used its calls for the next seconds")
    now = clock.now()
    for ahead in range(MAX_SECONDS_AHEAD + 1):
        second = int(now) + ahead
        if _reserve_second(target, budget, second):
            clock.sleep(max(second - clock.now(), 0))
            return
    raise RateBudgetExhausted(
        f"{target.key}: all {settings().calls_per_second} calls a second are taken for the next {MAX_SECONDS_AHEAD} s"
    )


def _reserve_second(target: Target, budget: str, second: int) -> bool:
    return dynamodb.update_if(
        settings().limits_table,
        {"target": target.key, "item": f"{budget}#{second}"},
        {"expiresAt": second + ROW_LIFETIME_SECONDS},
        add={"calls": 1},
        condition="attribute_not_exists(#calls) OR #calls < :limit",
        given={"limit": settings().calls_per_second},
    )
