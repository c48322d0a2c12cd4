"""The one clock of drs-waves.

On AWS it is the clock on the wall. The sandbox runs hours in minutes: it sets DRS_WAVES_CLOCK to
"<speed>@<origin>" (say "60@1790000000") in the engine's environment, and then every timestamp, age and lease in
the product is on that simulated clock, the same one the DRS emulator keeps.
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


def wall_seconds(seconds: float) -> float:
    """How long so many seconds of the product's clock last on the wall: for timeouts, which no sandbox speeds up."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    return seconds / (_speed_and_origin(spec)[0] if spec else 1.0)


def sleep(seconds: float) -> None:
    """Sleep so long on the product's clock. Only for short waits: long ones belong in the state machine."""
    time.sleep(wall_seconds(max(seconds, 0)))


def wall(moment: float) -> float:
    """When a moment of the product's clock comes on the wall, for what AWS itself is to wake us by; epoch seconds."""
    spec = os.environ.get("DRS_WAVES_CLOCK")
    if not spec:
        return moment
    speed, origin = _speed_and_origin(spec)
    return origin + (moment - origin) / speed


def iso(seconds: float | None = None) -> str:
    """`2026-11-22T08:15:30.123Z` for the moment given, or for now. Sorts as text."""
    moment = datetime.fromtimestamp(now() if seconds is None else seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_iso(text: str) -> float:
    """Epoch seconds of an ISO 8601 time as DRS and we write them; the inverse of `iso`."""
    return datetime.fromisoformat(text).timestamp()
