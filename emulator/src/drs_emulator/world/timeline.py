"""The events to come, in order of simulated time.

Events are data, not closures, so they can be saved with the rest of the state.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from drs_emulator.target_key import TargetKey


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a job, of an execution of a recovery plan, and so on. `subject` is its id or its ARN.

    `server_id` is set if the step concerns a single server.
    """

    target: TargetKey
    subject: str
    step: str
    server_id: str = ""
    detail: str = ""


class Timeline:
    """Not thread-safe; the world's lock guards it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Event]] = []
        self._order = count()

    def add(self, due: float, event: Event) -> None:
        heapq.heappush(self._heap, (due, next(self._order), event))

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Iterator[tuple[float, Event]]:
        """Remove and yield the due events in order of time, and of addition within the same time."""
        while self._heap and self._heap[0][0] <= now:
            due, _, event = heapq.heappop(self._heap)
            yield due, event

    def pending(self) -> list[tuple[float, Event]]:
        """Return the events in order, without removing them."""
        return [(due, event) for due, _, event in sorted(self._heap, key=lambda entry: entry[:2])]

    def clear(self) -> None:
        self._heap.clear()
