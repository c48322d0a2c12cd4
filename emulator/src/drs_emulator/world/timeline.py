"""What will happen, in order of simulated time.

Events are data, not closures: what is to come can be listed, and saved with the rest of the state.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from drs_emulator.target_key import TargetKey


@dataclass(frozen=True, slots=True)
class Event:
    """One step of a job, or of the execution of a recovery plan: `subject` is its id, `step` names the step.

    `server_id` is set where it concerns one server only.
    """

    target: TargetKey
    subject: str
    step: str
    server_id: str = ""
    detail: str = ""


class Timeline:
    """Not thread-safe: the state's lock guards it."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Event]] = []
        self._order = count()

    def add(self, due: float, event: Event) -> None:
        heapq.heappush(self._heap, (due, next(self._order), event))

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[tuple[float, Event]]:
        """Takes the events out one by one, those of one moment in the order they were added."""
        while self._heap and self._heap[0][0] <= now:
            due, _, event = heapq.heappop(self._heap)
            yield due, event

    def pending(self) -> list[tuple[float, Event]]:
        """In the order they will happen."""
        return [(due, event) for due, _, event in sorted(self._heap, key=lambda entry: entry[:2])]

    def clear(self) -> None:
        self._heap.clear()
