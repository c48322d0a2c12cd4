"""How often DRS is called: a token bucket within one invocation, and a budget that all functions share.

AWS publishes no rate limit for DRS and asks callers to back off. drs-waves keeps to a budget of calls a second and
target (10 by default), so that its many functions do not bring each other into throttling.
"""

import threading
from functools import lru_cache

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.target import Target
from recovery.errors import RateBudgetExhausted
from recovery.settings import settings

# A call may be put off to one of the next seconds; what would wait longer is left to the state machine.
MAX_SECONDS_AHEAD = 2


# A second's row is of no use once it has passed; DynamoDB removes it some time after this.
ROW_LIFETIME_SECONDS = 3_600


class TokenBucket:
    """`rate` tokens a second, up to `capacity` at a time. Thread-safe; times are the product's clock."""

    def __init__(self, rate: float, capacity: float) -> None:
        """Raise ValueError unless both are above zero. The bucket is full at first."""
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
        """Take the tokens if they are there."""
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


def reserve_call(target: Target, what: str = "CALLS") -> None:
    """Wait for this call's turn, 2 s at the most; raise RateBudgetExhausted when it would come later.

    `what` names the budget: DRS's own, or that of another service, each of `calls_per_second`.

    One conditional write takes a call out of this second's row, or out of one of the next two. The row counts what
    every function took, so nobody has to agree with anybody. A reserved call that is never made is lost, no more.
    """
    if not get_bucket(target).acquire(timeout=MAX_SECONDS_AHEAD):
        raise RateBudgetExhausted(f"{target.key}: this function has used up its calls for the next seconds")
    now = clock.now()
    for ahead in range(MAX_SECONDS_AHEAD + 1):
        second = int(now) + ahead
        if _reserve_second(target, what, second):
            clock.sleep(max(second - clock.now(), 0))
            return
    raise RateBudgetExhausted(
        f"{target.key}: all {settings().calls_per_second} calls a second are taken for the next {MAX_SECONDS_AHEAD} s"
    )


def _reserve_second(target: Target, what: str, second: int) -> bool:
    return dynamodb.update_if(
        settings().limits_table,
        {"target": target.key, "what": f"{what}#{second}"},
        {"expiresAt": second + ROW_LIFETIME_SECONDS},
        add={"calls": 1},
        condition="attribute_not_exists(#calls) OR #calls < :limit",
        given={"limit": settings().calls_per_second},
    )
