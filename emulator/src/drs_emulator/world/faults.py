"""Faults on demand: what goes wrong, where, for whom, how often.

A fault of CALLS strikes a request; one of SERVERS strikes a server of a job that launches, one of TERMINATIONS a server
of a job that terminates, JOB_STAYS_PENDING a whole job, when it starts. Whether one with a probability strikes is drawn
from the seed, the fault's id and how often it was tried.
"""

import math
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from drs_emulator.ids import digest
from drs_emulator.protocol.service_model import drs_model
from drs_emulator.settings import BadControlInput, camel, camel_keys
from drs_emulator.target_key import TargetKey


class Kind(StrEnum):
    THROTTLING = "THROTTLING"
    SERVER_ERROR = "SERVER_ERROR"
    LATENCY = "LATENCY"
    CUT_BEFORE = "CUT_BEFORE"
    CUT_AFTER = "CUT_AFTER"
    REGION_DOWN = "REGION_DOWN"
    SNAPSHOT_FAILS = "SNAPSHOT_FAILS"
    CONVERSION_FAILS = "CONVERSION_FAILS"
    LAUNCH_FAILS = "LAUNCH_FAILS"
    LAUNCH_ACTION_FAILS = "LAUNCH_ACTION_FAILS"
    TERMINATION_FAILS = "TERMINATION_FAILS"
    JOB_STAYS_PENDING = "JOB_STAYS_PENDING"


CALLS = {
    Kind.THROTTLING,
    Kind.SERVER_ERROR,
    Kind.LATENCY,
    Kind.CUT_BEFORE,
    Kind.CUT_AFTER,
    Kind.REGION_DOWN,
}
SERVERS = {Kind.SNAPSHOT_FAILS, Kind.CONVERSION_FAILS, Kind.LAUNCH_FAILS, Kind.LAUNCH_ACTION_FAILS}
TERMINATIONS = {Kind.TERMINATION_FAILS}
# What only some kinds have, beside what all have
OWN_FIELDS = {
    "milliseconds": {Kind.LATENCY},
    "status": {Kind.SERVER_ERROR},
    "retry_after_seconds": {Kind.THROTTLING},
    "hold_seconds": {Kind.JOB_STAYS_PENDING},
    "operation": CALLS - {Kind.REGION_DOWN} | {Kind.JOB_STAYS_PENDING},
}
TEXTS = {
    "account_id": (re.compile(r"\d{12}"), "12 digits"),
    "region": (re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d"), "a Region"),
    "source_server_id": (re.compile(r"s-[0-9a-zA-Z]{17}"), "a source server's id"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is None or left out does not narrow. `count` strikes are made at most.

    `duration_seconds`, `hold_seconds` and `retry_after_seconds` are simulated; `milliseconds` are real, because the
    time-outs of an SDK are. `until` is when it ends by itself.
    """

    id: str
    kind: Kind
    operation: str | None = None
    account_id: str | None = None
    region: str | None = None
    source_server_id: str | None = None
    count: int | None = None
    probability: float = 1
    duration_seconds: float | None = None
    milliseconds: float = 1000
    status: int = 500
    retry_after_seconds: int = 1
    hold_seconds: float | None = None
    until: float | None = None


@dataclass(slots=True)
class Entry:
    fault: Fault
    tried: int = 0
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """All of them, in the order they were made, which is the order they are tried in."""

    made: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, body: dict[str, Any], now: float) -> str:
        """Raises BadControlInput."""
        fault = fault_from_json(body, f"fault-{self.made + 1}", now)
        with self._lock:
            self.made += 1
            self.entries[fault.id] = Entry(fault)
        return fault.id

    def remove(self, fault_id: str | None) -> list[str]:
        """The ids of those that are gone; all of them without an id. Raises BadControlInput."""
        with self._lock:
            gone = list(self.entries) if fault_id is None else [fault_id]
            for one in gone:
                if self.entries.pop(one, None) is None:
                    raise BadControlInput(f"id: there is no fault {one}")
            return gone

    def describe(self, now: float) -> list[dict[str, Any]]:
        with self._lock:
            entries = list(self.entries.values())
        return [_shown(entry, now) for entry in entries]

    def striking(
        self, kinds: set[Kind], key: TargetKey, operation: str, servers: str, seed: int, now: float
    ) -> Iterator[Fault]:
        """Those that strike here and now, one by one: a caller that stops has not used up the rest.

        `servers` is any text that holds the ids of the servers concerned.
        """
        if not self.entries:
            return
        with self._lock:
            candidates = [entry for entry in self.entries.values() if entry.fault.kind in kinds]
        for entry in candidates:
            with self._lock:
                strikes = _matches(entry, key, operation, servers, now) and _by_chance(entry, seed)
                entry.struck += strikes
            if strikes:
                yield entry.fault


def _matches(entry: Entry, key: TargetKey, operation: str, servers: str, now: float) -> bool:
    fault = entry.fault
    return (
        (fault.count is None or entry.struck < fault.count)
        and (fault.until is None or now < fault.until)
        and fault.account_id in (None, key.account)
        and fault.region in (None, key.region)
        and fault.operation in (None, operation)
        and (fault.source_server_id is None or fault.source_server_id in servers)
    )


def _by_chance(entry: Entry, seed: int) -> bool:
    entry.tried += 1
    if entry.fault.probability >= 1:
        return True
    return int(digest(seed, entry.fault.id, entry.tried)[:13], 16) / 16**13 < entry.fault.probability


def _shown(entry: Entry, now: float) -> dict[str, Any]:
    fault = entry.fault
    used_up = fault.count is not None and entry.struck >= fault.count
    over = fault.until is not None and now >= fault.until
    given = {name: value for name, value in asdict(fault).items() if value is not None and name != "until"}
    for name, kinds in OWN_FIELDS.items():
        if fault.kind not in kinds:
            given.pop(name, None)
    return camel_keys(given) | {"struck": entry.struck, "active": not (used_up or over)}


def fault_from_json(body: dict[str, Any], fault_id: str, now: float) -> Fault:
    """Raises BadControlInput, which names the field."""
    names = {camel(name): name for name in Fault.__dataclass_fields__}
    sent = {}
    for name, value in body.items():
        if name not in names or name in ("id", "until"):
            raise BadControlInput(
                f"{name}: is not known; known are {', '.join(sorted(names.keys() - {'id', 'until'}))}"
            )
        sent[names[name]] = value
    if sent.get("kind") not in Kind.__members__:
        raise BadControlInput(f"kind: must be one of {', '.join(Kind)}")
    kind = Kind(sent.pop("kind"))
    for name, value in sent.items():
        if kind not in OWN_FIELDS.get(name, {kind}):
            raise BadControlInput(f"{camel(name)}: {kind} has none")
        _check(name, value)
    if kind is Kind.REGION_DOWN and "region" not in sent:
        raise BadControlInput("region: REGION_DOWN needs one")
    fault = Fault(fault_id, kind, **sent)
    return replace(fault, until=now + fault.duration_seconds if fault.duration_seconds is not None else None)


def _check(name: str, value: Any) -> None:
    if name in TEXTS:
        pattern, what = TEXTS[name]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadControlInput(f"{camel(name)}: must be {what}")
    elif name == "operation":
        if value not in drs_model().operations:
            raise BadControlInput(f"operation: the service has no {value}")
    elif name in ("count", "retry_after_seconds"):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise BadControlInput(f"{camel(name)}: must be a whole number, 1 or more")
    elif name == "status":
        if value not in (500, 502, 503, 504):
            raise BadControlInput("status: must be 500, 502, 503 or 504")
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise BadControlInput(f"{camel(name)}: must be a number, 0 or more")
    elif name == "probability" and not 0 < value <= 1:
        raise BadControlInput("probability: must be above 0 and at most 1")


def _camel(name: str) -> str:
    return next(iter(camel_keys({name: 0})))
