"""Faults on demand, each with its kind, its scope and its frequency.

CALL_FAULTS strike a request. The others strike when a job starts: LAUNCH_FAULTS a server of a launch job,
TERMINATION_FAULTS a server of a terminate job, and JOB_STAYS_PENDING the whole job. A fault with a probability draws
from the seed, the fault's id and the number of its tries, so the same run has the same faults.
"""

import math
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from drs_emulator.ids import digest
from drs_emulator.protocol.service_model import drs_model, service_model
from drs_emulator.settings import BadControlInput, camel_case, camel_case_keys, known_operations
from drs_emulator.target_key import TargetKey


class FaultKind(StrEnum):
    THROTTLING = "THROTTLING"
    SERVER_ERROR = "SERVER_ERROR"
    LATENCY = "LATENCY"
    CUT_BEFORE = "CUT_BEFORE"
    CUT_AFTER = "CUT_AFTER"
    REGION_DOWN = "REGION_DOWN"
    REGION_NOT_ENABLED = "REGION_NOT_ENABLED"
    SLOW_ANSWER = "SLOW_ANSWER"
    ACCESS_DENIED = "ACCESS_DENIED"
    SNAPSHOT_FAILS = "SNAPSHOT_FAILS"
    CONVERSION_FAILS = "CONVERSION_FAILS"
    LAUNCH_FAILS = "LAUNCH_FAILS"
    MISSING_PERMISSION = "MISSING_PERMISSION"
    VCPU_LIMIT = "VCPU_LIMIT"
    NO_CAPACITY = "NO_CAPACITY"
    NO_LAUNCH_TEMPLATE = "NO_LAUNCH_TEMPLATE"
    PREVIOUS_SNAPSHOT = "PREVIOUS_SNAPSHOT"
    LAUNCH_ACTION_FAILS = "LAUNCH_ACTION_FAILS"
    LAUNCH_ACTION_HANGS = "LAUNCH_ACTION_HANGS"
    TERMINATION_FAILS = "TERMINATION_FAILS"
    JOB_STAYS_PENDING = "JOB_STAYS_PENDING"


CALL_FAULTS = {
    FaultKind.THROTTLING,
    FaultKind.SERVER_ERROR,
    FaultKind.LATENCY,
    FaultKind.CUT_BEFORE,
    FaultKind.CUT_AFTER,
    FaultKind.REGION_DOWN,
    FaultKind.REGION_NOT_ENABLED,
    FaultKind.SLOW_ANSWER,
    FaultKind.ACCESS_DENIED,
}
REGION_FAULTS = {FaultKind.REGION_DOWN, FaultKind.REGION_NOT_ENABLED}
LAUNCH_ERROR_FAULTS = {  # the launch fails with a text of EC2 or KMS
    FaultKind.LAUNCH_FAILS,
    FaultKind.MISSING_PERMISSION,
    FaultKind.VCPU_LIMIT,
    FaultKind.NO_CAPACITY,
    FaultKind.NO_LAUNCH_TEMPLATE,
}
ACTION_FAULTS = {FaultKind.LAUNCH_ACTION_FAILS, FaultKind.LAUNCH_ACTION_HANGS}
LAUNCH_FAULTS = (
    LAUNCH_ERROR_FAULTS
    | ACTION_FAULTS
    | {FaultKind.SNAPSHOT_FAILS, FaultKind.PREVIOUS_SNAPSHOT, FaultKind.CONVERSION_FAILS}
)
TERMINATION_FAULTS = {FaultKind.TERMINATION_FAILS}
# The fields that only some kinds have
KIND_FIELDS = {
    "milliseconds": {FaultKind.LATENCY, FaultKind.SLOW_ANSWER},
    "action": {FaultKind.MISSING_PERMISSION},
    "raw_error": {FaultKind.LAUNCH_FAILS},
    "status": {FaultKind.SERVER_ERROR},
    "retry_after_seconds": {FaultKind.THROTTLING},
    "hold_seconds": {FaultKind.JOB_STAYS_PENDING},
    "operation": CALL_FAULTS - REGION_FAULTS | {FaultKind.JOB_STAYS_PENDING},
    "service": CALL_FAULTS,
    "contains": CALL_FAULTS - REGION_FAULTS,
    "action_name": ACTION_FAULTS,
}
SERVICES = ("drs", "ssm", "ec2", "elbv2", "iam", "service-quotas", "all")
TEXT_FIELDS = {
    "account_id": (re.compile(r"\d{12}"), "12 digits"),
    "region": (re.compile(r"[a-z]{2,4}(-[a-z]+)+-\d"), "a Region"),
    "source_server_id": (re.compile(r"s-[0-9a-zA-Z]{17}"), "a source server id"),
    "action": (re.compile(r"[a-z0-9-]+:[A-Za-z]+"), "an action such as ec2:RunInstances"),
    "action_name": (re.compile(r"[A-Za-z0-9][A-Za-z0-9 /_-]{0,255}"), "the name of a launch action"),
    "contains": (re.compile(r".{1,2000}", re.DOTALL), "a text of at most 2,000 characters"),
    "raw_error": (re.compile(r".{1,2000}", re.DOTALL), "a text of at most 2,000 characters"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. A scope of None matches everything. It strikes at most `count` times, and ends by itself at `until`.

    `duration_seconds`, `hold_seconds` and `retry_after_seconds` are simulated. `milliseconds` are real, because the
    time-outs of an SDK are. `service` is one of SERVICES. `contains` is a part of the body of a call.
    `action_name` is the one launch action that it strikes.
    """

    id: str
    kind: FaultKind
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
    action: str | None = None
    raw_error: str | None = None
    service: str = "drs"
    action_name: str | None = None
    contains: str | None = None
    until: float | None = None


@dataclass(slots=True)
class FaultEntry:
    """A fault with the number of its tries and of its strikes."""

    fault: Fault
    tried: int = 0
    struck: int = 0


@dataclass(slots=True)
class Faults:
    """All faults, in order of creation. They are tried in that order."""

    made: int = 0
    entries: dict[str, FaultEntry] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, body: dict[str, Any], now: float) -> str:
        """Raise BadControlInput."""
        fault = parse_fault(body, f"fault-{self.made + 1}", now)
        with self._lock:
            self.made += 1
            self.entries[fault.id] = FaultEntry(fault)
        return fault.id

    def remove(self, fault_id: str | None) -> list[str]:
        """Remove a fault, or all of them, and return the removed ids. Raise BadControlInput."""
        with self._lock:
            removed = list(self.entries) if fault_id is None else [fault_id]
            for removed_id in removed:
                if self.entries.pop(removed_id, None) is None:
                    raise BadControlInput(f"id: there is no fault {removed_id}")
            return removed

    def describe(self, now: float) -> list[dict[str, Any]]:
        with self._lock:
            entries = list(self.entries.values())
        return [_describe_entry(entry, now) for entry in entries]

    def strike(
        self,
        kinds: set[FaultKind],
        key: TargetKey,
        operation: str,
        servers: str,
        seed: int,
        now: float,
        service: str = "drs",
    ) -> Iterator[Fault]:
        """Yield the faults that strike. Each is counted when it is yielded, so a caller can stop before the rest.

        `servers` is a text, such as the body of a request, in which the ids of the affected servers are found.
        """
        if not self.entries:
            return
        with self._lock:
            found = (entry for entry in self.entries.values() if entry.fault.kind in kinds)
            candidates = [entry for entry in found if entry.fault.service in (service, "all")]
        for entry in candidates:
            with self._lock:
                strikes = _matches(entry, key, operation, servers, now) and _draw(entry, seed)
                entry.struck += strikes
            if strikes:
                yield entry.fault


def _matches(entry: FaultEntry, key: TargetKey, operation: str, servers: str, now: float) -> bool:
    fault = entry.fault
    return (
        (fault.count is None or entry.struck < fault.count)
        and (fault.until is None or now < fault.until)
        and fault.account_id in (None, key.account)
        and fault.region in (None, key.region)
        and fault.operation in (None, operation)
        and (fault.source_server_id is None or fault.source_server_id in servers)
        and (fault.contains is None or fault.contains in servers)
    )


def _draw(entry: FaultEntry, seed: int) -> bool:
    entry.tried += 1
    if entry.fault.probability >= 1:
        return True
    return int(digest(seed, entry.fault.id, entry.tried)[:13], 16) / 16**13 < entry.fault.probability


def _describe_entry(entry: FaultEntry, now: float) -> dict[str, Any]:
    fault = entry.fault
    used_up = fault.count is not None and entry.struck >= fault.count
    expired = fault.until is not None and now >= fault.until
    fields = {name: value for name, value in asdict(fault).items() if value is not None and name != "until"}
    for name, kinds in KIND_FIELDS.items():
        if fault.kind not in kinds:
            fields.pop(name, None)
    return camel_case_keys(fields) | {"struck": entry.struck, "active": not (used_up or expired)}


def parse_fault(body: dict[str, Any], fault_id: str, now: float) -> Fault:
    """Parse a fault. Raise BadControlInput, which names the field."""
    names = {camel_case(name): name for name in Fault.__dataclass_fields__}
    sent = {}
    for name, value in body.items():
        if name not in names or name in ("id", "until"):
            raise BadControlInput(
                f"{name}: is unknown; the members are {', '.join(sorted(names.keys() - {'id', 'until'}))}"
            )
        sent[names[name]] = value
    if sent.get("kind") not in FaultKind.__members__:
        raise BadControlInput(f"kind: must be one of {', '.join(FaultKind)}")
    kind = FaultKind(sent.pop("kind"))
    for name, value in sent.items():
        if kind not in KIND_FIELDS.get(name, {kind}):
            raise BadControlInput(f"{camel_case(name)}: not allowed for {kind}")
        _check_field(name, value)
    if "service" not in sent and (operation := sent.get("operation")) is not None:
        sent["service"] = _service_of(operation)
    if kind in REGION_FAULTS and "region" not in sent:
        raise BadControlInput(f"region: {kind} requires it")
    fault = Fault(fault_id, kind, **sent)
    return replace(fault, until=now + fault.duration_seconds if fault.duration_seconds is not None else None)


def _service_of(operation: str) -> str:
    if operation in drs_model().operations:
        return "drs"
    if operation in service_model("ssm").operations:
        return "ssm"
    if operation == "DescribeTargetHealth":
        return "elbv2"
    if operation == "GetInstanceProfile":
        return "iam"
    return "service-quotas" if operation in service_model("service-quotas").operations else "ec2"


def _check_field(name: str, value: Any) -> None:
    if name in TEXT_FIELDS:
        pattern, requirement = TEXT_FIELDS[name]
        is_valid = isinstance(value, str) and pattern.fullmatch(value) is not None
    elif name == "operation":
        requirement, is_valid = "an operation", value in known_operations([value])
    elif name == "service":
        requirement, is_valid = f"one of {', '.join(SERVICES)}", value in SERVICES
    elif name in ("count", "retry_after_seconds"):
        requirement, is_valid = "a whole number, 1 or more", _is_number(value, int) and value >= 1
    elif name == "status":
        requirement, is_valid = "500, 502, 503 or 504", value in (500, 502, 503, 504)
    elif name == "probability":
        requirement, is_valid = "above 0 and at most 1", _is_number(value, int, float) and 0 < value <= 1
    else:
        requirement, is_valid = "a number, 0 or more", _is_number(value, int, float) and 0 <= value < math.inf
    if not is_valid:
        raise BadControlInput(f"{camel_case(name)}: must be {requirement}")


def _is_number(value: Any, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
