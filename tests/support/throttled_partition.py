"""Refuses what exceeds the throughput of one partition key, as DynamoDB does.

A partition takes 1,000 write units and 3,000 read units a second, on tables of either billing mode (DynamoDB developer
guide, "burst and adaptive capacity"). DynamoDB refuses more with HTTP 400. Users of on-demand tables report the code
ThrottlingException and the code ProvisionedThroughputExceededException, so refusals take turns. A transaction is
cancelled instead: the reason of each action on the partition is ThrottlingError or ProvisionedThroughputExceeded, and
that of the others None (API reference, TransactionCanceledException). A BatchGetItem that can read no row is refused
like any other read.

DynamoDB also lends up to five minutes of unused units. Here there are none to borrow.
"""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, get_ident
from types import SimpleNamespace
from typing import Any
from unittest import mock

import botocore.endpoint
from moto.dynamodb.exceptions import DynamodbException, TransactionCanceledException
from moto.dynamodb.responses import DynamoHandler

PREFIX = "com.amazonaws.dynamodb.v20120810#"
HOT_KEY = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or "
    "index so please try again shortly. If exceptions persist, check if you have a hot key."
)
PROVISIONED = "The level of configured provisioned throughput for the table was exceeded."
REFUSALS = (
    ("ThrottlingException", "ThrottlingError", HOT_KEY),
    ("ProvisionedThroughputExceededException", "ProvisionedThroughputExceeded", PROVISIONED),
)

WRITES = ("put_item", "update_item", "delete_item", "transact_write_items")
READS = ("get_item", "query", "batch_get_item")
PLENTY = 1e9
"""Units a second that no test uses up."""
Row = Mapping[str, Any]


def size_of_row(row: Row) -> int:
    """Bytes of a row of DynamoDB's JSON, as its capacity counts them ("item sizes and formats")."""
    return sum(len(name.encode()) + _size_of_value(value) for name, value in row.items())


def _size_of_value(value: Row) -> int:
    ((kind, plain),) = value.items()
    if kind == "S":
        return len(plain.encode())
    if kind == "N":  # a byte for two significant digits, and one more
        return (len(plain.strip("-").replace(".", "").strip("0")) + 1) // 2 + 1
    if kind == "B":
        return len(plain) * 3 // 4 - str(plain).count("=")
    if kind == "M":
        return 3 + len(plain) + size_of_row(plain)
    if kind == "L":
        return 3 + len(plain) + sum(map(_size_of_value, plain))
    return sum(map(len, plain)) if kind in ("SS", "NS", "BS") else 1


def write_units(before: Row, after: Row) -> int:
    """One for each begun KB of the larger of the two states of the row, and one at least."""
    return max(1, math.ceil(max(size_of_row(before), size_of_row(after)) / 1024))


@dataclass(slots=True)
class Units:
    """Units that come at a rate. A request needs a unit to begin, and may then take more than there are."""

    per_second: float
    clock: Callable[[], float]
    taken: float = 0
    _closed_until: float = 0
    _left: float = 0
    _at: float = 0
    _lock: Any = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._left, self._at = self.per_second, self.clock()

    def limit(self, per_second: float) -> None:
        """Let so many come from now on."""
        with self._lock:
            self.per_second = self._left = per_second
            self._at = self.clock()

    def close(self, seconds: float) -> None:
        """Let no request begin for so long."""
        self._closed_until = self.clock() + seconds

    def may_begin(self) -> bool:
        with self._lock:
            now = self.clock()
            self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
            self._at = now
            return self._left > 0 and now >= self._closed_until

    def take(self, units: float) -> None:
        with self._lock:
            self._left -= units
            self.taken += units


@dataclass(slots=True)
class ThrottledPartition:
    """The throughput of one partition key, and how many requests were refused, by operation."""

    key: str | None
    """None for the rows of all tables."""
    writes: Units
    reads: Units
    thread: int | None = None
    """The only thread whose requests count, None for all."""
    refused: Counter[str] = field(default_factory=Counter)
    _turns: Iterator[tuple[str, str, str]] = field(default_factory=lambda: itertools.cycle(REFUSALS))

    def answer(self, handler: Any, operation: str, original: Callable[[Any], Any]) -> Any:
        """Refuse the request, or let moto answer it and take its units."""
        touched = [self._is_mine(handler, each) for each in _actions(operation, handler.body)]
        if not any(touched) or self.thread not in (None, get_ident()):
            return original(handler)
        units = self.writes if operation in WRITES else self.reads
        if not units.may_begin():
            self.refused[operation] += 1
            raise self._refusal(operation, touched)
        if operation in READS:
            answer = original(handler)
            units.take(_read_units(handler.body, answer.result))
            return answer
        before = self._rows(handler, operation)
        try:
            return original(handler)
        finally:  # a write whose condition fails takes units as well
            after = self._rows(handler, operation)
            factor = 2 if operation == "transact_write_items" else 1
            units.take(factor * sum(write_units(*states) for states in zip(before, after, strict=True)))

    def _refusal(self, operation: str, touched: list[bool]) -> DynamodbException:
        code, reason, message = next(self._turns)
        if operation == "transact_write_items":
            return TransactionCanceledException([(reason if mine else None, message, None) for mine in touched])
        return DynamodbException(PREFIX + code, message)

    def _is_mine(self, handler: Any, action: Row) -> bool:
        return self.key is None or {"S": self.key} in (
            *action.get("Key", {}).values(),
            *action.get("Item", {}).values(),
            *(action.get("ExpressionAttributeValues", {}).values() if "KeyConditionExpression" in action else ()),
        )

    def _rows(self, handler: Any, operation: str) -> list[Row]:
        """The rows of the partition that the request writes, as they are now."""
        rows = []
        for action in _actions(operation, handler.body):
            if not self._is_mine(handler, action):
                continue
            table = handler.dynamodb_backend.get_table(action["TableName"])
            names = filter(None, (table.hash_key_attr, table.range_key_attr))
            key = action.get("Key") or {name: action["Item"][name] for name in names}
            found = handler.dynamodb_backend.get_item(action["TableName"], dict(key))
            rows.append(found.to_json()["Attributes"] if found else {})
        return rows


def _actions(operation: str, body: Row) -> list[Row]:
    if operation == "transact_write_items":
        return [action for item in body["TransactItems"] for action in item.values()]
    if operation == "batch_get_item":
        return [{"Key": key} for asked in body["RequestItems"].values() for key in asked["Keys"]]
    return [body] if "IndexName" not in body else []


def _read_units(body: Row, result: Row) -> float:
    """One for each begun 4 KB that was read; half of that without ConsistentRead."""
    batches = result.get("Responses", {})
    rows = [*filter(None, [result.get("Item")]), *result.get("Items", ()), *itertools.chain(*batches.values())]
    consistent = body.get("ConsistentRead") or any(
        each.get("ConsistentRead") for each in body.get("RequestItems", {}).values()
    )
    return max(1, math.ceil(sum(map(size_of_row, rows)) / 4096)) * (1 if consistent else 0.5)


@contextmanager
def throttled_partition(
    key: str | None,
    *,
    writes: float = PLENTY,
    reads: float = PLENTY,
    speed: float = 1,
    only_this_thread: bool = False,
) -> Iterator[ThrottledPartition]:
    """Refuse what exceeds so many units in a simulated second. boto3's pauses between attempts are simulated too.

    With `only_this_thread`, what the tasks of a run read and write at the same time neither counts nor is refused.
    """

    def clock() -> float:
        return time.monotonic() * speed

    thread = get_ident() if only_this_thread else None
    partition = ThrottledPartition(key, Units(writes, clock), Units(reads, clock), thread)
    pauses = SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / speed))
    operations = {name: _throttled(partition, name) for name in (*WRITES, *READS)}
    with mock.patch.object(botocore.endpoint, "time", pauses), mock.patch.multiple(DynamoHandler, **operations):
        yield partition


def _throttled(partition: ThrottledPartition, operation: str) -> Callable[[Any], Any]:
    original: Callable[[Any], Any] = getattr(DynamoHandler, operation)
    return lambda handler: partition.answer(handler, operation, original)
