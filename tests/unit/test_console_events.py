"""The log of a run's events in the console: it reads on from where it stopped, and misses none."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from console.reading.events import MAX_AGE_OF_ENDED, PAGE, EventLog, find_events

OPEN, ENDED = {"status": "POLLING"}, {"status": "COMPLETED"}


class Events:
    """Answers for the API: pages of events, whose token is where they begin."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[str | None] = []

    def add(self, count: int) -> None:
        self.events += [{"text": str(len(self.events) + number)} for number in range(count)]

    def get(self, _path: str, limit: str, **query: str) -> dict[str, Any]:
        self.asked.append(query.get("nextToken"))
        begin = int(query.get("nextToken", "0"))
        end = begin + int(limit)
        return {"events": self.events[begin:end], "nextToken": str(end) if end < len(self.events) else None}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3 * PAGE), min_size=1, max_size=5))
def test_every_event_is_there_once_however_they_come(counts: list[int]) -> None:
    api, log = Events(), EventLog("run")
    for count in counts:
        api.add(count)
        assert log.read(api, OPEN, 0.0) == api.events  # type: ignore[arg-type]


def test_only_the_last_page_is_read_again_and_none_after_the_end() -> None:
    api, log = Events(), EventLog("run")
    api.add(2 * PAGE + 1)
    log.read(api, OPEN, 0.0)  # type: ignore[arg-type]
    api.asked.clear()
    api.add(1)
    assert len(log.read(api, ENDED, 0.0)) == 2 * PAGE + 2  # type: ignore[arg-type]
    assert api.asked == [str(2 * PAGE)]
    log.read(api, ENDED, 0.0)  # type: ignore[arg-type]
    assert api.asked == [str(2 * PAGE)]


def test_what_is_written_about_a_run_that_has_ended_is_there_too() -> None:
    now = [0.0]
    api, log = Events(), EventLog("run", lambda: now[0])
    api.add(1)
    log.read(api, ENDED, 0.0)  # type: ignore[arg-type]
    api.add(1)
    verified = {**ENDED, "servers": {"verified": 1}}
    assert log.read(api, verified, 0.0) == api.events  # type: ignore[arg-type]
    api.add(1)  # by a clean-up, of which the record says nothing
    now[0] += MAX_AGE_OF_ENDED
    assert log.read(api, verified, 0.0) == api.events  # type: ignore[arg-type]


def test_events_are_found_by_wave_and_by_text_in_any_case() -> None:
    events: list[dict[str, Any]] = [
        {"event": "WAVE_STARTED", "wave": "web", "text": "Wave  web started"},
        {"event": "WAVE_STARTED", "wave": "app", "text": "wave app started"},
        {"event": "CANCELLED", "wave": None, "text": "by ana"},
    ]
    assert find_events(events, "web", "") == events[:1]
    assert find_events(events, "", "wave WEB") == events[:1]
    assert find_events(events, "", "cancelled") == events[2:]
    assert find_events(events, "web", "ana") == []
    assert find_events(events, "", "") == events
