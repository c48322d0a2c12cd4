"""The time axis that the drawings of a report share."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.clock import parse_iso
from report.words import format_duration

# In SVG user units; the drawing is as wide as the page.
WIDTH, LEFT, RIGHT = 960, 150, 24
MAX_TICKS = 9

_TICK_SECONDS = (1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, with the time since the request."""

    x: float
    label: str


class TimeScale:
    """Maps the times of a run to places on the page."""

    def __init__(self, report: Mapping[str, Any]) -> None:
        self._begin = parse_iso(report["requestedAt"])
        ends = [report["asOf"], *(job["endedAt"] for job in report["jobs"] if job["endedAt"])]
        self._length = max(max(map(parse_iso, ends)) - self._begin, 1.0)

    def x(self, time: str) -> float:
        """The place of a time, within the drawing."""
        share = min(max(self.since_request(time) / self._length, 0.0), 1.0)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def since_request(self, time: str) -> float:
        """Seconds from the request to this time."""
        return parse_iso(time) - self._begin

    def ticks(self) -> tuple[Tick, ...]:
        """Ticks at round times, as many as there is room for."""
        min_step = self._length / MAX_TICKS
        step = next((each for each in _TICK_SECONDS if each >= min_step), 86_400 * math.ceil(min_step / 86_400))
        count = int(self._length // step) + 1
        width = (WIDTH - LEFT - RIGHT) / self._length
        return tuple(Tick(round(LEFT + n * step * width, 1), format_duration(n * step)) for n in range(count))
