"""The capacity that DRS's quotas leave in the accounts and Regions of a run."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from recovery.clock import parse_iso
from recovery.free_text import flatten
from report.run_record import Record
from report.words import format_duration

Target = tuple[str, str]
"""An account id and a Region."""

# Each read of the capacity calls DRS, whose rate limits the run needs for itself. The sandbox simulates minutes in
# seconds, and is asked more often.
SECONDS_BETWEEN_READS, SANDBOX_SECONDS_BETWEEN_READS = 60.0, 5.0
# A capacity that could not be read again for so many reads says nothing of now.
MAX_READS_MISSED = 3


class KnownCapacity(NamedTuple):
    """The answer of `GET /capacity/{accountId}/{region}`, and how many seconds of the run's clock ago it was given."""

    entry: Mapping[str, Any]
    age_seconds: float


Capacity = Mapping[Target, KnownCapacity]


class CapacityPoller:
    """Reads the capacity of a run's targets now and then, in a thread of its own. It never blocks the view."""

    def __init__(
        self,
        read: Callable[[str, str], Mapping[str, Any]],
        speed: float | None = None,
        every: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`read` may raise; the last capacity that was read then stays for a while. `speed` is that of a sandbox."""
        self._read, self._speed, self._now = read, speed or 1.0, now
        self._every = every or (SANDBOX_SECONDS_BETWEEN_READS if speed else SECONDS_BETWEEN_READS)
        self._known: dict[Target, tuple[Mapping[str, Any], float]] = {}
        self._read_at: float | None = None

    def __call__(self, record: Record) -> Capacity:
        """The capacity, as far as it is known now, of the targets where batches have not ended.

        Starts a new read if the last one is old.
        """
        targets = sorted(
            {(batch["accountId"], batch["region"]) for batch in record["batches"] if batch.get("endedAt") is None}
        )
        now = self._now()
        if targets and (self._read_at is None or now - self._read_at >= self._every):
            self._read_at = now
            threading.Thread(target=self._read_all, args=(targets,), daemon=True).start()
        oldest = now - MAX_READS_MISSED * self._every
        known = dict(self._known)
        return {
            target: KnownCapacity(known[target][0], (now - known[target][1]) * self._speed)
            for target in targets
            if target in known and known[target][1] >= oldest
        }

    def _read_all(self, targets: list[Target]) -> None:
        for target in targets:
            try:
                self._known[target] = self._read(*target), self._now()
            except Exception:  # noqa: BLE001, S112  # the view continues without this figure
                continue


# What an answer says of a moment that has passed by now, such as that of the next attempt.
_NEXT_ATTEMPT = re.compile(r"; the next attempt is at ([0-9T:.-]+Z)")


def describe_capacity(capacity: Capacity, now: float | None = None) -> Iterator[str]:
    """A line for each account and Region whose capacity is known, with its age.

    `now` is the run's time in epoch seconds. A next attempt that is over by then is left out.
    """
    for (account_id, region), (entry, age) in sorted(capacity.items()):
        target = f"{account_id}/{region}"
        if entry.get("jobs"):
            jobs, servers = entry["jobs"], entry["serversInJobs"]
            text = f"{jobs['used']}/{jobs['quota']} jobs, {servers['used']}/{servers['quota']} servers in jobs"
        else:
            text = flatten(entry.get("message") or entry.get("status") or "unknown")
            text = text.removeprefix(target).lstrip(" :")
            next_attempt = _NEXT_ATTEMPT.search(text)
            if next_attempt and now is not None and parse_iso(next_attempt[1]) < now:
                text = text.replace(next_attempt[0], "")
        yield f"{target}  {text}  (as of {format_duration(age)} ago)"
