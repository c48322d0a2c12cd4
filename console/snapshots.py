"""What the console has read of the API, shared by all pages and tabs, so that many readers cost as much as one."""

import hashlib
import json
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from cli.api_client import ApiUnreachable, CredentialsExpired
from cli.refusal import ApiRefused
from console.kept import Kept

# Why something that the request at hand shows could not be read anew. It is shared with the threads of the request.
troubles: ContextVar[list[str] | None] = ContextVar("troubles", default=None)
# Snapshots that are kept, unless it is said otherwise. The oldest ones are forgotten.
MAX_KEPT = 200


class WakefulClock:
    """Seconds that never go back, and go on while the machine sleeps, as most monotonic clocks do not.

    A jump of the machine's clock forward counts as sleep: what was read before is read again.
    """

    # Clocks that are read one after the other differ a little, and NTP moves one of them slowly.
    _LEAST_SLEEP = 2.0

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, machine: Callable[[], float] = time.time
    ) -> None:
        self._monotonic, self._machine = monotonic, machine
        self._guard = threading.Lock()
        self._seen, self._slept = (monotonic(), machine()), 0.0

    def __call__(self) -> float:
        with self._guard:
            now = self._monotonic(), self._machine()
            slept = (now[1] - self._seen[1]) - (now[0] - self._seen[0])
            if slept >= self._LEAST_SLEEP:
                self._slept += slept
            self._seen = now
            return now[0] + self._slept


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An answer of the API. `read_at` is when it was read, in seconds of the clock of `Snapshots`.

    `version` changes when the answer does. `trouble` says why it could not be read anew; None if it is fresh.
    """

    value: Any
    version: str
    read_at: float
    trouble: str | None = None

    def age(self, now: float) -> float:
        """How old it is, in real seconds."""
        return max(now - self.read_at, 0.0)


@dataclass(slots=True)
class _Slot:
    reading: threading.Lock = field(default_factory=threading.Lock)
    latest: Snapshot | None = None
    tried_at: float = float("-inf")
    forgotten: int = 0
    error: Exception | None = None


class Snapshots:
    """Reads each thing once at a time, and keeps what was read last for when the API does not answer."""

    def __init__(self, clock: Callable[[], float] | None = None, max_kept: int = MAX_KEPT) -> None:
        self.clock, self._slots = clock or WakefulClock(), Kept(max_kept)

    def get(self, key: str, read: Callable[[], Any], max_age: float) -> Snapshot:
        """What `read` returned at most `max_age` seconds ago, or returns now.

        If the API does not answer, the last answer has `trouble`. While another thread reads, the last answer is
        returned as it is. Raise ApiUnreachable and CredentialsExpired if there is no last answer, and ApiRefused.
        """
        slot = self._slot(key)
        if not slot.reading.acquire(blocking=slot.latest is None):
            return self._answer(slot)
        try:
            if self.clock() - slot.tried_at >= max_age:
                self._read(slot, read)
            return self._answer(slot)
        finally:
            slot.reading.release()

    def peek(self, key: str) -> Snapshot | None:
        """The last answer, however old it is; None if there is none."""
        slot = self._slots.find(_Slot, key)
        return None if slot is None else slot.latest

    def forget(self, key: str) -> None:
        """Let the next reader read anew, because something was changed. The last answer stays until then."""
        slot = self._slot(key)
        slot.forgotten += 1  # also for a read that goes on now, and may have read what was before the change
        slot.tried_at = float("-inf")

    def _slot(self, key: str) -> _Slot:
        return self._slots.get(_Slot, key, _Slot)

    def _read(self, slot: _Slot, read: Callable[[], Any]) -> None:
        forgotten = slot.forgotten
        try:
            value = read()
        except (ApiUnreachable, CredentialsExpired) as error:
            slot.error = error
        except ApiRefused as error:
            slot.error = error
            if error.reply.status < 500 and error.reply.status != 429:  # it is not there, or not for this caller
                slot.latest = None
        else:
            slot.error, slot.latest = None, Snapshot(value, make_version(value), self.clock())
        if slot.forgotten == forgotten:
            slot.tried_at = self.clock()

    def _answer(self, slot: _Slot) -> Snapshot:
        latest, error = slot.latest, slot.error
        if latest is None:
            raise error or ApiUnreachable("The API has not answered yet.")
        if error is None:
            return latest
        if (noted := troubles.get()) is not None:
            noted.append(str(error))
        return replace(latest, trouble=str(error))


def make_version(value: Any) -> str:
    """A digest of an answer, which is JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
