"""Event buses of a target."""

import json
from collections.abc import Mapping
from typing import Any

from recovery.domain.target import Target
from recovery.errors import AwsUnavailable
from recovery.target_errors import TargetRefused
from recovery.target_services import calls, lookups
from recovery.target_services.permissions import Permission

# Of an entry of PutEvents, at most 256 KB count in every Region (EventBridge's guide).
MAX_DETAIL = 200_000

# Codes of a failed entry after which the same entry may succeed (EventBridge's API reference).
_TRANSIENT_CODES = frozenset(("InternalFailure", "InternalException", "ThrottlingException"))


def put(target: Target, bus: str, source: str, detail_type: str, detail: Mapping[str, Any]) -> str:
    """Put an event on a bus, by name or ARN; return the id of the event.

    EventBridge accepts an event for a bus that does not exist and drops it (github.com/aws/aws-sdk/issues/186), so the
    bus is looked up first. Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient:
    AwsUnavailable with `sent` True means that the event may be on the bus; it can come twice.
    """
    text = json.dumps(detail)
    if len(text) > MAX_DETAIL:
        raise TargetRefused(
            f"PutEvents in {target.key}: the detail has more than {MAX_DETAIL} characters", code="TooLarge"
        )
    lookups.find_event_bus(target, bus)
    entry = {"EventBusName": bus, "Source": source, "DetailType": detail_type, "Detail": text}
    answer = calls.change(target, "events", "put_events", permission=Permission.EVENT_BUSES, Entries=[entry])
    return _read_entry(target, answer)


def _read_entry(target: Target, answer: Mapping[str, Any]) -> str:
    """The id of the only event. A call can succeed although its entry has failed."""
    (entry,) = answer["Entries"]
    if not answer.get("FailedEntryCount") and entry.get("EventId"):
        return str(entry["EventId"])
    code = entry.get("ErrorCode", "")
    message = f"PutEvents in {target.key}: {code}: {calls.shorten(entry.get('ErrorMessage'))}"
    if code in _TRANSIENT_CODES:
        raise AwsUnavailable(message, sent=False)
    raise TargetRefused(message, code=code)
