"""The capacity that DRS's quotas leave in the accounts and Regions of a run."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cli.run_record import Record
from cli.text import clean

Capacity = Mapping[tuple[str, str], Mapping[str, Any]]

# Each read of the capacity calls DRS, whose rate limits the run needs for itself.
SECONDS_BETWEEN_READS = 60.0


class CapacityPoller:
    """Reads the capacity of a run's targets once a minute, in a thread of its own. It never blocks the view."""

    def __init__(self, read: Callable[[str, str], Mapping[str, Any]], every: float = SECONDS_BETWEEN_READS) -> None:
        """`read` may raise; the last capacity that was read then stays."""
        self._read, self._every = read, every
        self._known: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._read_at: float | None = None

    def __call__(self, record: Record) -> Capacity:
        """The capacity that is known now. Starts a new read if the last one is old."""
        targets = sorted({(batch["accountId"], batch["region"]) for batch in record["batches"]})
        is_due = self._read_at is None or time.monotonic() - self._read_at >= self._every
        if targets and is_due:
            self._read_at = time.monotonic()
            threading.Thread(target=self._read_all, args=(targets,), daemon=True).start()
        return dict(self._known)

    def _read_all(self, targets: list[tuple[str, str]]) -> None:
        for target in targets:
            try:
                self._known[target] = self._read(*target)
            except Exception:  # noqa: BLE001, S112  # the view continues without this figure
                continue


def describe_capacity(capacity: Capacity) -> Iterator[str]:
    """A line for each account and Region whose capacity is known."""
    for (account_id, region), entry in sorted(capacity.items()):
        if entry.get("jobs"):
            jobs, servers = entry["jobs"], entry["serversInJobs"]
            usage = f"{jobs['used']}/{jobs['quota']} jobs, {servers['used']}/{servers['quota']} servers in jobs"
            yield f"{account_id}/{region}  {usage}"
        else:
            yield f"{account_id}/{region}  {clean(entry.get('message') or entry.get('status') or 'unknown')}"
