"""Request rate limits: a token bucket per operation, account and Region, which simulated time refills."""

import math
import threading
from dataclasses import dataclass

from drs_emulator.errors import Throttled
from drs_emulator.settings import RateLimit
from drs_emulator.target_key import TargetKey


@dataclass(slots=True)
class Bucket:
    tokens: float
    filled_at: float


class RateLimiter:
    def __init__(self) -> None:
        self._buckets: dict[tuple[TargetKey, str], Bucket] = {}
        self._lock = threading.Lock()

    def take(self, target: TargetKey, operation: str, limit: RateLimit, now: float) -> None:
        """Take a token. Raise Throttled with the simulated seconds until the next token."""
        with self._lock:
            bucket = self._buckets.setdefault((target, operation), Bucket(limit.burst, now))
            elapsed = max(0.0, now - bucket.filled_at)
            bucket.tokens = min(limit.burst, bucket.tokens + elapsed * limit.per_second)
            bucket.filled_at = now
            if bucket.tokens >= 1:
                bucket.tokens -= 1
                return
            missing = 1 - bucket.tokens
        seconds = math.ceil(missing / limit.per_second) if limit.per_second else 3600
        raise Throttled(
            f"Rate exceeded for {operation}: {limit.per_second:g} calls a second, {limit.burst:g} at once",
            serviceCode="drs",
            retryAfterSeconds=str(seconds),
        )

    def clear(self) -> None:
        with self._lock:
            self._buckets.clear()
