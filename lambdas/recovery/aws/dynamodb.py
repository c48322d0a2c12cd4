"""DynamoDB tables as plain Python values: a thin layer over boto3's client.

The client rather than boto3's resource: it is a tenth of a second faster to import, and a second is dear at a
cold start.
"""

import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from recovery.aws import clients
from recovery.errors import AwsUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# Threads that write many rows at once; botocore keeps ten connections by default.
MAX_WRITERS = 10


# A transaction that met another one on the same row is made again this often.
MAX_CONFLICT_ATTEMPTS = 5


# DynamoDB: a BatchGetItem reads at most 100 keys, and may leave some for another.
MAX_KEYS_PER_GET, MAX_UNPROCESSED_ATTEMPTS = 100, 5


_serialize = TypeSerializer().serialize


_deserialize = TypeDeserializer().deserialize


class ConditionFailed(Exception):
    """A conditional write was not made: the row is not as the caller took it to be."""


@lru_cache(maxsize=1)
def client() -> "DynamoDBClient":
    """One client a process, with boto3's standard retries for throttling and lost answers."""
    made: DynamoDBClient = clients.create_client("dynamodb", Config(retries={"mode": "standard", "max_attempts": 5}))
    return made


def _to_plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        return bytes(value.value)  # type: ignore[attr-defined]  # its stubs leave it out
    if isinstance(value, dict):
        return {key: _to_plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_to_plain(part) for part in value]
    return value


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed JSON as plain values, whole numbers as int."""
    return {name: _to_plain(_deserialize(value)) for name, value in item.items()}


def to_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse. None is left out: an attribute without a value is an attribute that is not there."""
    return {name: _serialize(value) for name, value in item.items() if value is not None}


def _call(operation: str, **parameters: Any) -> Any:
    """One call. Raise ConditionRefused, or AwsUnavailable for what passes by itself."""
    with clients.translate_transient_errors(f"DynamoDB {operation}"):
        try:
            return getattr(client(), operation)(**parameters)
        except ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
            if (
                error.response["Error"]["Code"] == "ConditionalCheckFailedException"
                or "ConditionalCheckFailed" in reasons
            ):
                raise ConditionFailed(str(error)) from error
            if "TransactionConflict" in reasons or "ThrottlingError" in reasons:
                raise AwsUnavailable(f"DynamoDB {operation}: {error}") from error
            raise


def get(table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row, strongly consistent, or None."""
    item = _call("get_item", TableName=table, Key=to_wire(key), ConsistentRead=True).get("Item")
    return from_wire(item) if item else None


def query(
    table: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    """Every row of a key condition, page by page, strongly consistent."""
    more: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
    while True:
        page = _call(
            "query",
            TableName=table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_wire(values),
            ConsistentRead=True,
            **more,
        )
        yield from map(from_wire, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def query_index(**parameters: Any) -> Iterator[dict[str, Any]]:
    """Every row of a Query of the client's own parameters, page by page: of an index, which has no consistent reads."""
    start: dict[str, Any] = {}
    while True:
        page = _call("query", **parameters, **start)
        yield from map(from_wire, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def batch_get(table: str, keys: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of these keys that exist, strongly consistent, one BatchGetItem for each hundred, in no order."""
    for at in range(0, len(keys), MAX_KEYS_PER_GET):
        left: Any = {
            table: {"Keys": [to_wire(key) for key in keys[at : at + MAX_KEYS_PER_GET]], "ConsistentRead": True}
        }
        for tries in range(1, MAX_UNPROCESSED_ATTEMPTS + 1):
            answer = _call("batch_get_item", RequestItems=left)
            yield from map(from_wire, answer["Responses"].get(table, ()))
            left = answer.get("UnprocessedKeys")
            if not left:
                break
            time.sleep(random.uniform(0, 0.05 * 2**tries))
        else:
            raise AwsUnavailable(f"DynamoDB BatchGetItem: {table} leaves keys unprocessed")


def build_update(
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    remove: Sequence[str] = (),
    append: Mapping[str, Any] | None = None,
    condition: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of an UpdateItem that sets `values` (None is skipped), removes attributes and appends to lists.

    In `condition`, attributes stand as `#name` and the values of `given` as `:name`.
    """
    given, append = given or {}, append or {}
    sets = {name: value for name, value in values.items() if value is not None}
    mentioned = re.findall(r"#(\w+)", condition or "")
    clauses = []
    sets_ = [f"#{name} = :new_{name}" for name in sets]
    sets_ += [f"#{name} = list_append(if_not_exists(#{name}, :none), :new_{name})" for name in append]
    if sets_:
        clauses.append("SET " + ", ".join(sets_))
    if remove:
        clauses.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
    update: dict[str, Any] = {
        "Key": to_wire(key),
        "UpdateExpression": " ".join(clauses),
        "ExpressionAttributeNames": {f"#{name}": name for name in {*sets, *remove, *append, *mentioned}},
    }
    bound = {f":new_{name}": value for name, value in sets.items()} | {f":{k}": v for k, v in given.items()}
    bound |= {":none": []} if append else {}
    bound |= {f":new_{name}": [value] for name, value in append.items()}
    if bound:
        update["ExpressionAttributeValues"] = to_wire(bound)
    if condition:
        update["ConditionExpression"] = condition
    return update


def update(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> None:
    """One UpdateItem (see `assignment`); raise ConditionRefused when its condition does not hold."""
    _call("update_item", TableName=table, **build_update(key, values, **options))


def update_if(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> bool:
    """`update`, but False when its condition does not hold: the row has moved on already, as after a repeated task."""
    try:
        update(table, key, values, **options)
    except ConditionFailed:
        return False
    return True


def increment_below(table: str, key: Mapping[str, Any], attribute: str, *, limit: int, expires_at: int) -> bool:
    """Add one to a counter that must not pass the limit; False when it stands there already. One write, no read."""
    try:
        _call(
            "update_item",
            TableName=table,
            Key=to_wire(key),
            UpdateExpression="SET #expiresAt = :expiresAt ADD #counter :one",
            ConditionExpression="attribute_not_exists(#counter) OR #counter < :limit",
            ExpressionAttributeNames={"#counter": attribute, "#expiresAt": "expiresAt"},
            ExpressionAttributeValues=to_wire({":one": 1, ":limit": limit, ":expiresAt": expires_at}),
        )
    except ConditionFailed:
        return False
    return True


def add(table: str, key: Mapping[str, Any], attribute: str, amount: Any) -> Any:
    """Add to a counter, or a set to a set, and return what it came to."""
    answer = _call(
        "update_item",
        TableName=table,
        Key=to_wire(key),
        UpdateExpression="ADD #counter :amount",
        ExpressionAttributeNames={"#counter": attribute},
        ExpressionAttributeValues=to_wire({":amount": amount}),
        ReturnValues="UPDATED_NEW",
    )
    return from_wire(answer["Attributes"])[attribute]


def put(table: str, item: Mapping[str, Any]) -> None:
    """One PutItem, over whatever is there."""
    _call("put_item", TableName=table, Item=to_wire(item))


def put_if(table: str, item: Mapping[str, Any], condition: str, given: Mapping[str, Any]) -> bool:
    """One PutItem if the row that is there lets it (see `assignment` for the form); True when it was made."""
    try:
        _call(
            "put_item",
            TableName=table,
            Item=to_wire(item),
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{name}": name for name in re.findall(r"#(\w+)", condition)},
            ExpressionAttributeValues=to_wire({f":{name}": value for name, value in given.items()}),
        )
    except ConditionFailed:
        return False
    return True


def put_new(table: str, item: Mapping[str, Any], key: str) -> bool:
    """One PutItem unless a row of its key is there already (`key` is a key attribute); True when it was made."""
    try:
        _call(
            "put_item",
            TableName=table,
            Item=to_wire(item),
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": key},
        )
    except ConditionFailed:
        return False
    return True


def put_all_new(table: str, items: Iterable[Mapping[str, Any]], key: str) -> None:
    """`put_new` for many rows, ten at a time."""
    client()  # made once, before the threads share it
    with ThreadPoolExecutor(MAX_WRITERS) as pool:
        list(pool.map(lambda item: put_new(table, item, key), items))


def delete(table: str, key: Mapping[str, Any], condition: str = "", given: Mapping[str, Any] | None = None) -> None:
    """One DeleteItem; raise ConditionRefused when its condition (see `assignment`) does not hold."""
    more: dict[str, Any] = {}
    if condition:
        more = {
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in re.findall(r"#(\w+)", condition)},
            "ExpressionAttributeValues": to_wire({f":{name}": value for name, value in (given or {}).items()}),
        }
    _call("delete_item", TableName=table, Key=to_wire(key), **more)


def scan(table: str) -> Iterator[dict[str, Any]]:
    """Every row of a table, strongly consistent. For tables that people fill, not for those that runs fill."""
    more: dict[str, Any] = {}
    while True:
        page = _call("scan", TableName=table, ConsistentRead=True, **more)
        yield from map(from_wire, page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        more["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def transact(actions: Sequence[Mapping[str, Any]]) -> None:
    """TransactWriteItems of at most 100 actions: all, or none and ConditionRefused."""
    for tries in range(1, MAX_CONFLICT_ATTEMPTS + 1):
        try:
            _call("transact_write_items", TransactItems=list(actions))
            return
        except AwsUnavailable:
            if tries == MAX_CONFLICT_ATTEMPTS:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**tries))
