"""The clock of drs-waves. Every timestamp, age and lease comes from it.

On AWS it is the real clock. The sandbox runs hours in minutes: it sets DRS_WAVES_CLOCK to "<speed>@<origin>", such as
"60@1790000000", and the product then uses the same simulated clock as the DRS emulator.
"""

import os
import time
from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=4)
def _speed_and_origin(spec: str) -> tuple[float, float]:
    speed, _, origin = spec.partition("@")
    return float(speed), float(origin)


def now() -> float:
    """Seconds since the epoch."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    if not spec:
        return time.time()
    speed, origin = _speed_and_origin(spec)
    return origin + (time.time() - origin) * speed


def speed() -> float | None:
    """Simulated seconds in a real second; None for the real clock."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    return _speed_and_origin(spec)[0] if spec else None


def wall_seconds(seconds: float) -> float:
    """Convert seconds of the product's clock to real seconds, for timeouts that the sandbox does not speed up."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    return seconds / (_speed_and_origin(spec)[0] if spec else 1.0)


def sleep(seconds: float) -> None:
    """Sleep on the product's clock. For short waits only; a long wait is a state of the machine."""
    time.sleep(wall_seconds(max(seconds, 0)))


def wall(moment: float) -> float:
    """Convert a time of the product's clock to real time, for schedules that AWS runs; epoch seconds."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    if not spec:
        return moment
    speed, origin = _speed_and_origin(spec)
    return origin + (moment - origin) / speed


def iso(seconds: float | None = None) -> str:
    """ISO 8601 for the given time or now: `2026-11-22T08:15:30.123Z`. Sorts as text."""
    moment = datetime.fromtimestamp(now() if seconds is None else seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 time, as DRS and `iso` write it."""
    return datetime.fromisoformat(text).timestamp()
