"""The servers of a run, read page by page in the background, and read again as far as the run has changed.

A run of ten thousand servers is ten requests, so pages ask this index and not the API.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from cli.api_client import ApiClient, ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from cli.run_client import walk_servers
from console.reading.servers.rows import Query, ServerRow, count_values, make_row, select
from report.run_record import UNFINISHED, Record

# The largest page of the API.
PAGE = 1_000
# Seconds between the end of a read and the next one, and how many times as long as the read took.
MIN_PAUSE, PAUSE_OF_READS = 2.0, 3.0
# After so many seconds a wave that is on is read again, because outputs of checks change without a count.
MAX_AGE = 60.0
# Selections that are kept, so that scrolling does not filter and sort again.
MAX_SELECTIONS = 8

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """The servers as far as they have been read.

    `total` is how many the record counts. `is_complete` says whether every server has been read once, and `is_current`
    whether nothing has changed since. `trouble` says why they could not be read; None if nothing is wrong.
    """

    rows: Sequence[ServerRow]
    values: Mapping[str, Mapping[str, int]]
    total: int
    version: int
    is_complete: bool
    is_current: bool
    trouble: str | None


class ServerIndex:
    """The servers of one run. A thread reads them; any thread may ask."""

    def __init__(self, run_id: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._run_id, self._clock = run_id, clock
        self._guard = threading.Lock()
        self._rows: dict[Key, ServerRow] = {}
        self._shown: tuple[Sequence[ServerRow], Mapping[str, Mapping[str, int]], int] = ((), count_values(()), 0)
        self._selections: OrderedDict[tuple[int, Query], Sequence[ServerRow]] = OrderedDict()
        # Of each wave: what the record said when its servers were last read, and when that was.
        self._read_as: dict[str, tuple[str, float]] = {}
        self._marked: tuple[Record, Mapping[str, str]] | None = None
        self._is_complete = False
        self._trouble: str | None = None
        self._thread: threading.Thread | None = None
        self._not_before = float("-inf")

    def ask(self, api: ApiClient, record: Record, wait: float = 0.0) -> View:
        """The servers as they are known. Begin to read what this record says is not current.

        Wait so many seconds for the first read.
        """
        with self._guard:
            marks = self._mark(record)
            stale = self._find_stale(record, marks)
            if stale and self._thread is None and self._clock() >= self._not_before:
                self._thread = threading.Thread(target=self._read, args=(api, record, marks, stale), daemon=True)
                self._thread.start()
            thread = self._thread
        if thread is not None and not self._is_complete:
            thread.join(wait)
        with self._guard:
            rows, values, version = self._shown
            is_current = self._is_complete and self._thread is None and not self._find_stale(record, marks)
            total = max(sum(wave["servers"]["total"] for wave in record["waves"]), len(rows))
            return View(rows, values, total, version, self._is_complete, is_current, self._trouble)

    def select(self, view: View, query: Query) -> Sequence[ServerRow]:
        """The rows of the view that the query wants, in its order."""
        key = view.version, query
        with self._guard:
            if (kept := self._selections.get(key)) is not None:
                self._selections.move_to_end(key)
                return kept
        found = select(view.rows, query)
        with self._guard:
            self._selections[key] = found
            if len(self._selections) > MAX_SELECTIONS:
                self._selections.popitem(last=False)
        return found

    def _mark(self, record: Record) -> Mapping[str, str]:
        """The marks of this record's waves. Pages ask many times about one record."""
        if self._marked is None or self._marked[0] is not record:
            self._marked = record, mark_waves(record)
        return self._marked[1]

    def _find_stale(self, record: Record, marks: Mapping[str, str]) -> list[str]:
        """The names of the waves whose servers are not known as this record has them."""
        now = self._clock()
        is_open = record["status"] in UNFINISHED
        return [
            wave["name"]
            for wave in record["waves"]
            if (known := self._read_as.get(wave["name"])) is None
            or known[0] != marks[wave["name"]]
            or (is_open and wave["startedAt"] and not wave["endedAt"] and now - known[1] > MAX_AGE)
        ]

    # --- in the thread that reads ----------------------------------------------------------------------------------
    def _read(self, api: ApiClient, record: Record, marks: Mapping[str, str], stale: Sequence[str]) -> None:
        began, trouble = self._clock(), None
        order = {wave["name"]: place for place, wave in enumerate(record["waves"])}
        try:
            if self._is_complete and _count_pages(record, stale) < _count_pages(record):
                for wave in stale:
                    self._read_wave(api, wave, marks[wave], order)
            else:
                self._read_all(api, marks, order)
        except (ApiRefused, ApiUnreachable, CredentialsExpired) as error:
            trouble = str(error)
        except Exception:
            trouble = "The console has failed; its terminal says why."
            raise
        finally:
            with self._guard:
                now = self._clock()
                self._trouble, self._thread = trouble, None
                self._not_before = now + max(MIN_PAUSE, PAUSE_OF_READS * (now - began))

    def _read_all(self, api: ApiClient, marks: Mapping[str, str], order: Mapping[str, int]) -> None:
        found: dict[Key, ServerRow] = {}
        servers = walk_servers(api, self._run_id)
        while page := list(islice(servers, PAGE)):
            found.update(_make_rows(page, order))
            if not self._is_complete:
                self._publish(dict(found))
        self._publish(found, marks)

    def _read_wave(self, api: ApiClient, wave: str, mark: str, order: Mapping[str, int]) -> None:
        found = dict(_make_rows(walk_servers(api, self._run_id, wave), order))
        others = {key: row for key, row in self._rows.items() if key[0] != wave}
        self._publish({**others, **found}, {wave: mark})

    def _publish(self, rows: dict[Key, ServerRow], marks: Mapping[str, str] | None = None) -> None:
        """Let pages see these rows. `marks` are those of waves that have been read to their ends."""
        ordered = sorted(rows.values(), key=lambda row: row.order)
        shown = ordered, count_values(ordered)
        with self._guard:
            self._rows, self._shown = rows, (*shown, self._shown[2] + 1)
            self._selections.clear()
            if marks is not None:
                self._is_complete = True
                self._read_as.update({wave: (mark, self._clock()) for wave, mark in marks.items()})


def _make_rows(servers: Iterable[Mapping[str, Any]], order: Mapping[str, int]) -> Iterator[tuple[Key, ServerRow]]:
    return (((each["wave"], each["sourceServerId"]), make_row(each, order)) for each in servers)


def _count_pages(record: Record, waves: Sequence[str] | None = None) -> int:
    """How many requests the servers of these waves are, each wave by itself; without `waves`, those of all together."""
    counts = [wave["servers"]["total"] for wave in record["waves"] if waves is None or wave["name"] in waves]
    return -(-sum(counts) // PAGE) if waves is None else sum(max(-(-count // PAGE), 1) for count in counts)


def mark_waves(record: Record) -> dict[str, str]:
    """For each wave a text that changes when the record shows that one of its servers may have changed."""
    batches: dict[str, list[Any]] = {}
    for batch in record["batches"]:
        facts = (batch["status"], batch["jobId"], batch["attempt"], batch["endedAt"], batch.get("verified"))
        batches.setdefault(batch["wave"], []).append([*facts, batch.get("unverified"), batch["servers"]])
    return {
        wave["name"]: json.dumps(
            [
                record["endedAt"],
                *(wave[name] for name in ("status", "startedAt", "endedAt", "round", "servers", "checks")),
                batches.get(wave["name"]),
            ],
            sort_keys=True,
        )
        for wave in record["waves"]
    }
