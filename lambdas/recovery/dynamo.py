"""DynamoDB tables as plain Python values: a thin layer over boto3's client.

The client rather than boto3's resource: it is a tenth of a second faster to import, and a second is dear at a
cold start.
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB takes at most this many items in one TransactWriteItems and in one BatchWriteItem.
TRANSACTION_ITEMS, BATCH_WRITE_ITEMS = 100, 25

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class ConditionRefused(Exception):
    """A conditional write was not made. `refused` holds the positions of the items whose conditions failed."""

    def __init__(self, refused: Sequence[int] = (0,)) -> None:
        super().__init__("the condition of a write did not hold")
        self.refused = tuple(refused)


@lru_cache(maxsize=1)
def client() -> "DynamoDBClient":
    """One client a process, with boto3's standard retries for throttling and lost answers."""
    return boto3.client("dynamodb", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value


def from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """DynamoDB's typed JSON as plain values, whole numbers as int."""
    return {name: _plain(_deserialize(value)) for name, value in item.items()}


def to_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse. None is left out: an attribute without a value is an attribute that is not there."""
    return {name: _serialize(value) for name, value in item.items() if value is not None}


def get(table: str, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row, strongly consistent, or None."""
    item = client().get_item(TableName=table, Key=to_wire(key), ConsistentRead=True).get("Item")
    return from_wire(item) if item else None


def query(
    table: str,
    condition: str,
    values: Mapping[str, Any],
    *,
    index: str | None = None,
    names: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Every row of a key condition, page by page; strongly consistent unless it reads an index."""
    where: dict[str, Any] = {"IndexName": index} if index else {"ConsistentRead": True}
    if names:
        where["ExpressionAttributeNames"] = dict(names)
    pages = (
        client()
        .get_paginator("query")
        .paginate(TableName=table, KeyConditionExpression=condition, ExpressionAttributeValues=to_wire(values), **where)
    )
    for page in pages:
        for item in page["Items"]:
            yield from_wire(item)


def assignment(
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    remove: Sequence[str] = (),
    condition: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of an UpdateItem that sets `values` (None is skipped) and removes attributes.

    In `condition`, attributes stand as `#name` and the values of `given` as `:name`.
    """
    given = given or {}
    sets = {name: value for name, value in values.items() if value is not None}
    mentioned = re.findall(r"#(\w+)", condition or "")
    clauses = []
    if sets:
        clauses.append("SET " + ", ".join(f"#{name} = :new_{name}" for name in sets))
    if remove:
        clauses.append("REMOVE " + ", ".join(f"#{name}" for name in remove))
    update: dict[str, Any] = {
        "Key": to_wire(key),
        "UpdateExpression": " ".join(clauses),
        "ExpressionAttributeNames": {f"#{name}": name for name in {*sets, *remove, *mentioned}},
    }
    bound = {**{f":new_{name}": value for name, value in sets.items()}, **{f":{k}": v for k, v in given.items()}}
    if bound:
        update["ExpressionAttributeValues"] = to_wire(bound)
    if condition:
        update["ConditionExpression"] = condition
    return update


def update(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> None:
    """One UpdateItem (see `assignment`); raise ConditionRefused when its condition does not hold."""
    try:
        client().update_item(TableName=table, **assignment(key, values, **options))
    except ClientError as error:
        raise _refusal(error) or error from error


def move_on(table: str, key: Mapping[str, Any], values: Mapping[str, Any], **options: Any) -> bool:
    """`update`, but False when its condition does not hold: the row has moved on already, as after a repeated task."""
    try:
        update(table, key, values, **options)
    except ConditionRefused:
        return False
    return True


def count_up(table: str, key: Mapping[str, Any], attribute: str, *, limit: int, expires_at: int) -> bool:
    """Add one to a counter that must not pass the limit; False when it stands there already. One write, no read."""
    try:
        client().update_item(
            TableName=table,
            Key=to_wire(key),
            UpdateExpression="SET #expiresAt = :expiresAt ADD #counter :one",
            ConditionExpression="attribute_not_exists(#counter) OR #counter < :limit",
            ExpressionAttributeNames={"#counter": attribute, "#expiresAt": "expiresAt"},
            ExpressionAttributeValues=to_wire({":one": 1, ":limit": limit, ":expiresAt": expires_at}),
        )
    except ClientError as error:
        if _refusal(error):
            return False
        raise
    return True


def add(table: str, key: Mapping[str, Any], attribute: str, amount: int) -> int:
    """Add to a counter and return what it came to."""
    answer = client().update_item(
        TableName=table,
        Key=to_wire(key),
        UpdateExpression="ADD #counter :amount",
        ExpressionAttributeNames={"#counter": attribute},
        ExpressionAttributeValues=to_wire({":amount": amount}),
        ReturnValues="UPDATED_NEW",
    )
    return int(from_wire(answer["Attributes"])[attribute])


def put(table: str, item: Mapping[str, Any], *, unless_exists: str | None = None) -> None:
    """One PutItem; with `unless_exists` (a key attribute) it raises ConditionRefused rather than overwrite."""
    condition: dict[str, Any] = {}
    if unless_exists:
        condition = {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": unless_exists},
        }
    try:
        client().put_item(TableName=table, Item=to_wire(item), **condition)
    except ClientError as error:
        raise _refusal(error) or error from error


def transact(actions: Sequence[Mapping[str, Any]]) -> None:
    """TransactWriteItems of at most 100 actions: all or none; ConditionRefused says which were refused."""
    try:
        client().transact_write_items(TransactItems=list(actions))  # type: ignore[arg-type]
    except ClientError as error:
        raise _refusal(error) or error from error


def _refusal(error: ClientError) -> ConditionRefused | None:
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        return ConditionRefused()
    if code == "TransactionCanceledException":
        reasons = error.response.get("CancellationReasons", [])
        refused = [number for number, reason in enumerate(reasons) if reason.get("Code") == "ConditionalCheckFailed"]
        return ConditionRefused(refused) if refused else None
    return None


def write_all(table: str, puts: Sequence[Mapping[str, Any]] = (), deletes: Sequence[Mapping[str, Any]] = ()) -> None:
    """Put and delete any number of rows without conditions, 25 at a time; what DynamoDB leaves over is sent again."""
    requests: list[Any] = [{"PutRequest": {"Item": to_wire(item)}} for item in puts]
    requests += [{"DeleteRequest": {"Key": to_wire(key)}} for key in deletes]
    while requests:
        chunk, requests = requests[:BATCH_WRITE_ITEMS], requests[BATCH_WRITE_ITEMS:]
        left = client().batch_write_item(RequestItems={table: chunk}).get("UnprocessedItems", {})
        if leftover := left.get(table):
            time.sleep(0.1)  # DynamoDB asks for a pause before the unprocessed ones are sent again
            requests = list(leftover) + requests
