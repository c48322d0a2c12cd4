"""Simulated time: seconds since the epoch, running `speed` times as fast as real time.

simulated = anchor_simulated + (real - anchor_real) * speed. Both anchors start at the origin, so another process
that knows origin and speed computes the same time. A change of speed moves the anchors, not the simulated time.
"""

import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Anchor:
    real: float
    simulated: float
    speed: float


class Clock:
    """A clock that never goes backwards, even if the machine's clock does. At speed 0, only `advance` moves it."""

    def __init__(self, speed: float, origin: float | None = None) -> None:
        self.origin = time.time() if origin is None else origin
        self.anchor = Anchor(self.origin, self.origin, speed)
        self._latest = self.origin
        self._lock = threading.Lock()

    @property
    def speed(self) -> float:
        return self.anchor.speed

    def now(self) -> float:
        with self._lock:
            return self._now(time.time())

    def set_speed(self, speed: float) -> None:
        with self._lock:
            real = time.time()
            self.anchor = Anchor(real, self._now(real), speed)

    def advance(self, seconds: float) -> float:
        """Jump ahead by simulated seconds, and return the new time."""
        with self._lock:
            real = time.time()
            self.anchor = Anchor(real, self._now(real) + seconds, self.anchor.speed)
            return self._now(real)

    def resume(self, simulated: float, speed: float) -> None:
        """Continue from a time that another clock had reached. Recompute the origin.

        At speed 1 the origin stays: every origin gives the same time then.
        """
        with self._lock:
            real = time.time()
            self.anchor = Anchor(real, simulated, speed)
            self._latest = simulated
            if speed != 1:
                self.origin = (simulated - real * speed) / (1 - speed)

    def _now(self, real: float) -> float:
        anchor = self.anchor
        self._latest = max(self._latest, anchor.simulated + (real - anchor.real) * anchor.speed)
        return (
            math.floor(self._latest * 1000) / 1000
        )  # the API's precision, so that a time read from it can be used as a filter


def iso(moment: float) -> str:
    """Format a time as the service does: 2026-01-31T12:00:00.123Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> float:
    """Parse an ISO 8601 time. Raise ValueError if the date does not exist."""
    return datetime.fromisoformat(text).timestamp()
