"""The events of a run. They are only ever added to, so that only the last page is read again."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli.api_client import ApiClient
from recovery.free_text import flatten
from recovery.wording import plural
from report.run_record import UNFINISHED, Record

PAGE = 200
# A run that has ended is still written about: its servers are checked again, its instances terminated. In seconds.
MAX_AGE_OF_ENDED = 30.0


class EventLog:
    """The events of one run, oldest first. Any thread may ask."""

    def __init__(self, run_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = f"/executions/{run_id}/events", clock
        self._guard = threading.Lock()
        self._pages: list[Sequence[dict[str, Any]]] = []
        # For each page the token that asks for it. The last one may grow.
        self._tokens: list[str | None] = [None]
        self._read_at = float("-inf")
        # What the record of an ended run was when its events were last read.
        self._ended_as: Record | None = None

    def read(self, api: ApiClient, record: Record, max_age: float) -> list[dict[str, Any]]:
        """Every event, at most `max_age` seconds old. Raise ApiRefused, ApiUnreachable, CredentialsExpired."""
        with self._guard:
            if record == self._ended_as:
                max_age = max(max_age, MAX_AGE_OF_ENDED)
            if self._clock() - self._read_at >= max_age:
                self._read_on(api)
                self._read_at = self._clock()
                self._ended_as = None if record["status"] in UNFINISHED else record
            return [event for page in self._pages for event in page]

    def _read_on(self, api: ApiClient) -> None:
        while True:
            token = self._tokens[-1]
            answer = api.get(self._path, limit=str(PAGE), **({} if token is None else {"nextToken": token}))
            self._pages[len(self._tokens) - 1 :] = [answer["events"]]
            if not answer["nextToken"]:
                return
            self._tokens.append(answer["nextToken"])


def describe_cleanup(cleanup: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The beginning and the end of a drill's clean-up as events, as far as there are any; it has no others."""
    if not cleanup or not cleanup["askedAt"]:
        return []
    by = cleanup["askedBy"] or "the plan"
    found = [{"at": cleanup["askedAt"], "event": "cleanup", "wave": None, "text": f"Clean-up begun by {by}"}]
    if cleanup["endedAt"]:
        text = f"Clean-up ended {cleanup['status']}: {count_terminated(cleanup)}"
        found.append({**found[0], "at": cleanup["endedAt"], "text": text})
    return found


def count_terminated(cleanup: Mapping[str, Any]) -> str:
    """`12 of 14 instances terminated, 2 failed`."""
    counts = cleanup["instances"]
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    return f"{counts['terminated']} of {plural(counts['total'], 'instance')} terminated{failed}"


def find_events(events: Sequence[Mapping[str, Any]], wave: str, text: str) -> list[Mapping[str, Any]]:
    """The events of this wave that have this text in their kind, wave or words; empty ones select all."""
    wanted = flatten(text).casefold()
    return [
        event
        for event in events
        if (not wave or flatten(event["wave"] or "") == wave)
        and wanted in flatten(f"{event['event']} {event['wave'] or ''} {event['text']}").casefold()
    ]
