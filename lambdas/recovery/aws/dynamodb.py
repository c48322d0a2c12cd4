"""DynamoDB tables as plain Python values: reads, conditional writes and transactions over boto3's client.

It uses the client instead of boto3's resource, which takes 100 ms longer to import at a cold start. Conditions follow
the syntax of `dynamodb_expressions`. Every function raises AwsUnavailable for a throttle, a server error or a lost
answer that boto3's own retries did not overcome.
"""

import random
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError

from recovery.aws import clients
from recovery.aws.dynamodb_answers import read_rows_directly
from recovery.aws.dynamodb_expressions import Partition, condition_parameters, from_wire, to_wire, update_parameters
from recovery.errors import AwsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

T = TypeVar("T")
R = TypeVar("R")

# Threads that read or write rows at once; botocore keeps ten connections by default.
MAX_WRITERS = 10
# How often a transaction that meets another one on the same row is sent.
MAX_CONFLICT_ATTEMPTS = 5
# Why a transaction is cancelled that may succeed later (DynamoDB API reference, TransactionCanceledException). A busy
# partition is the second or, as users of tables that are billed on demand report, the first.
TRANSIENT_REASONS = {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
# BatchGetItem reads at most 100 keys, and may leave some of them for another call (DynamoDB API reference).
MAX_KEYS_PER_GET, MAX_UNPROCESSED_ATTEMPTS = 100, 5


class ConditionFailed(Exception):
    """A conditional write was refused: the row is not in the state that the caller expected."""


@lru_cache(maxsize=1)
def client() -> "DynamoDBClient":
    """One client per process, with boto3's standard retries for throttling and lost answers."""
    created: DynamoDBClient = clients.create_client("dynamodb", Config(retries={"mode": "standard", "max_attempts": 5}))
    read_rows_directly(created)
    return created


def _call(operation: str, **parameters: Any) -> Any:
    """Make one call. Raise ConditionFailed, AwsUnavailable."""
    with clients.translate_transient_errors(f"DynamoDB {operation}"):
        try:
            return getattr(client(), operation)(**parameters)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons or clients.code_of(error) == "ConditionalCheckFailedException":
                raise ConditionFailed(str(error)) from error
            if reasons & TRANSIENT_REASONS:
                raise AwsUnavailable(f"DynamoDB {operation}: {error}") from error
            raise


# --- reads ------------------------------------------------------------------------------------------------------
def get(table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row, strongly consistent, or None."""
    item = _call("get_item", TableName=table, Key=to_wire(key), ConsistentRead=True).get("Item")
    return from_wire(item) if item else None


def query(
    table: str,
    partition: Partition,
    index: str | None = None,
    attribute: str | None = None,
    *,
    consistent: bool = True,
) -> Iterator[dict[str, Any]]:
    """Every row of the partition, or only one attribute of each.

    Reads of a table are strongly consistent; an index offers no such reads. Without `consistent` they cost half, and
    the rows may be as they were a moment ago: most often less than a second (DynamoDB developer guide).
    """
    source = {"IndexName": index} if index else {"ConsistentRead": consistent}
    projection = {"ProjectionExpression": attribute} if attribute else {}
    return _read_all("query", TableName=table, **partition.parameters(), **source, **projection)


def scan(table: str) -> Iterator[dict[str, Any]]:
    """Every row of a table, strongly consistent. Use it for the tables of the catalog only, which stay small."""
    return _read_all("scan", TableName=table, ConsistentRead=True)


def _read_all(operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    start: dict[str, Any] = {}
    while True:
        page = _call(operation, **parameters, **start)
        yield from map(from_wire, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def query_once(
    table: str,
    partition: Partition,
    limit: int,
    start: Mapping[str, Any] | None,
    index: str | None = None,
    newest_first: bool = False,
    consistent: bool = False,
) -> Any:
    """One Query of at most `limit` rows, as DynamoDB answers it; `start` is the LastEvaluatedKey of the one before.

    `consistent` reads what has been written until now, and is for tables only.
    """
    source = {"IndexName": index} if index else {"ConsistentRead": True} if consistent else {}
    order = {"ScanIndexForward": False} if newest_first else {}
    more = {"ExclusiveStartKey": start} if start else {}
    return _call("query", TableName=table, Limit=limit, **partition.parameters(), **source, **order, **more)


def scan_once(table: str, limit: int, start: Mapping[str, Any] | None) -> Any:
    """One Scan of at most `limit` rows, as DynamoDB answers it."""
    more = {"ExclusiveStartKey": start} if start else {}
    return _call("scan", TableName=table, Limit=limit, **more)


def batch_get(table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of these keys that exist, strongly consistent, in no order; one BatchGetItem per hundred keys."""
    for at in range(0, len(keys), MAX_KEYS_PER_GET):
        left: Any = {
            table: {"Keys": [to_wire(key) for key in keys[at : at + MAX_KEYS_PER_GET]], "ConsistentRead": True}
        }
        for attempt in range(1, MAX_UNPROCESSED_ATTEMPTS + 1):
            answer = _call("batch_get_item", RequestItems=left)
            yield from map(from_wire, answer["Responses"].get(table, ()))
            left = answer.get("UnprocessedKeys")
            if not left:
                break
            _back_off(attempt)
        else:
            raise AwsUnavailable(f"DynamoDB BatchGetItem: {table} leaves keys unprocessed")


# --- writes -----------------------------------------------------------------------------------------------------
def update(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> None:
    """One UpdateItem; `options` are those of `update_parameters`. Raise ConditionFailed."""
    _call("update_item", TableName=table, **update_parameters(key, values, **options))


def update_if(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> bool:
    """The same; False when the condition fails, as after a repeated task whose row has moved on."""
    try:
        update(table, key, values, **options)
    except ConditionFailed:
        return False
    return True


def add(table: str, key: Mapping[str, Any], attribute: str, amount: int) -> Any:
    """Add to a counter; return the new value."""
    change = update_parameters(key, {}, add={attribute: amount})
    answer = _call("update_item", TableName=table, ReturnValues="UPDATED_NEW", **change)
    return from_wire(answer["Attributes"])[attribute]


def exchange(table: str, key: Mapping[str, Any], attribute: str, value: Any, **options: Any) -> Any:
    """Set an attribute; return its value before, None if it had none. Raise ConditionFailed; see `update`."""
    change = update_parameters(key, {attribute: value}, **options)
    answer = _call("update_item", TableName=table, ReturnValues="UPDATED_OLD", **change)
    return from_wire(answer.get("Attributes") or {}).get(attribute)


def put(table: str, item: Mapping[str, Any]) -> None:
    """Write a row, over any row with its key."""
    _call("put_item", TableName=table, Item=to_wire(item))


def put_if(table: str, item: Mapping[str, Any], condition: str, given: Mapping[str, Any] | None = None) -> bool:
    """Write a row if the condition holds for the row with its key; False when it does not."""
    try:
        _call("put_item", TableName=table, Item=to_wire(item), **condition_parameters(condition, given))
    except ConditionFailed:
        return False
    return True


def put_new(table: str, item: Mapping[str, Any], key: str) -> bool:
    """Write a row unless one with its key exists (`key` names a key attribute); False when one does."""
    return put_if(table, item, f"attribute_not_exists(#{key})")


def put_all_new(table: str, items: Iterable[Mapping[str, Any]], key: str) -> None:
    """`put_new` for many rows, several at a time."""
    map_each(lambda item: put_new(table, item, key), items)


def map_each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call `work`, which reads or writes rows, for each item, several at a time; return the results in order."""
    client()  # created once, before the threads share it
    with ThreadPoolExecutor(MAX_WRITERS) as pool:
        return list(pool.map(work, items))


def delete(
    table: str, key: Mapping[str, Any], condition: str | None = None, given: Mapping[str, Any] | None = None
) -> None:
    """One DeleteItem. Raise ConditionFailed."""
    _call("delete_item", TableName=table, Key=to_wire(key), **condition_parameters(condition, given))


# --- transactions -----------------------------------------------------------------------------------------------
def put_action(table: str, item: Mapping[str, Any], condition: str | None = None) -> dict[str, Any]:
    """A PutItem as part of a transaction."""
    return {"Put": {"TableName": table, "Item": to_wire(item), **condition_parameters(condition)}}


def update_action(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """An UpdateItem as part of a transaction; `options` are those of `update_parameters`."""
    return {"Update": {"TableName": table, **update_parameters(key, values, **options)}}


def delete_action(
    table: str, key: Mapping[str, Any], condition: str | None = None, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A DeleteItem as part of a transaction."""
    return {"Delete": {"TableName": table, "Key": to_wire(key), **condition_parameters(condition, given)}}


def check_action(
    table: str, key: Mapping[str, Any], condition: str, given: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A condition on a row that the transaction does not change."""
    return {"ConditionCheck": {"TableName": table, "Key": to_wire(key), **condition_parameters(condition, given)}}


def transact(actions: Sequence[Mapping[str, Any]]) -> None:
    """Write at most 100 actions, all of them or none. Raise ConditionFailed when one of them is refused.

    All attempts have one token, by which DynamoDB knows that an earlier one, whose answer was lost, has written them.
    """
    token = secrets.token_hex(16)
    for attempt in range(1, MAX_CONFLICT_ATTEMPTS + 1):
        try:
            _call("transact_write_items", TransactItems=list(actions), ClientRequestToken=token)
            return
        except AwsUnavailable:
            if attempt == MAX_CONFLICT_ATTEMPTS:
                raise
            _back_off(attempt)


def _back_off(attempt: int) -> None:
    time.sleep(random.uniform(0, 0.05 * 2**attempt))
