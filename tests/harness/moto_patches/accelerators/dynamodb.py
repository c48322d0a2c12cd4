"""Answer DynamoDB requests without HTTP, and with less work per row."""

import importlib
import json
import uuid
from typing import Any

import botocore.endpoint
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from sandbox.engine.patch import accelerator
from tests.harness.moto_patches.internals import dynamodb_lock, row_writes

ROW_OPERATIONS = {
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "Scan",
    "TransactWriteItems",
    "UpdateItem",
}
READ_OPERATIONS = {"BatchGetItem", "GetItem", "Query", "Scan"}

_INDEX_NAME = 6  # the position of index_name among the arguments of Table.query that follow the hash key


@accelerator
def answer_dynamodb_directly() -> None:
    """Pass a request to moto's operation directly, and return its result without parsing.

    Signing, HTTP objects, URL matching and shapes take 3 ms per request, as much as the operation itself, and half of
    the time of the product's tests is such requests. moto's result equals what botocore parses from it, except for
    binary values. A request that moto refuses goes through HTTP as well, so that its error is the real one.
    """
    handler: Any = importlib.import_module("moto.dynamodb.responses").DynamoHandler
    stubber: Any = importlib.import_module("moto.core.models").botocore_stubber
    endpoint: Any = botocore.endpoint.Endpoint
    through_http = endpoint.make_request

    def make_request(self: Any, operation_model: Any, request: Any) -> Any:
        for_moto = stubber.enabled and self.host.endswith(".amazonaws.com")
        binary = b'"B"' in request["body"] or b'"BS"' in request["body"]
        if not for_moto or self._endpoint_prefix != "dynamodb" or operation_model.name not in ROW_OPERATIONS or binary:
            return through_http(self, operation_model, request)
        operation = handler()
        operation.body = operation.params = json.loads(request["body"])
        operation.headers, operation.region = request["headers"], request["context"]["client_region"]
        operation.current_account = DEFAULT_ACCOUNT_ID
        try:
            with dynamodb_lock:
                result = getattr(operation, xform_name(operation_model.name))().result
        except Exception:  # noqa: BLE001 - a refused request changes nothing
            return through_http(self, operation_model, request)
        if operation_model.name not in READ_OPERATIONS:
            row_writes.add()
        metadata = {"RequestId": str(uuid.uuid4()), "HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
        known = operation_model.output_shape.members
        parsed = {key: value for key, value in result.items() if key in known and value is not None}
        return AWSResponse(request["url"], 200, {}, None), parsed | {"ResponseMetadata": metadata}

    endpoint.make_request = make_request


@accelerator
def serialize_rows_directly() -> None:
    """Serialize a value of a plain type as it is.

    moto searches for each of the ten possible types of a value under all of its aliases. That takes 0.2 ms per
    attribute, over a second for a query of 640 rows.
    """
    serializer: Any = importlib.import_module("moto.core.serialize").BaseJSONSerializer
    serialize_structure = serializer._serialize_type_structure

    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if key and shape.name == "AttributeValue" and type(value) is dict and len(value) == 1:
            ((kind, plain),) = value.items()
            if (kind in ("S", "N") and type(plain) is str) or kind in ("BOOL", "NULL"):
                serialized[self.get_serialized_name(shape, key)] = {kind: plain}
                return
        serialize_structure(self, serialized, value, shape, key)

    serializer._serialize_type_structure = serialize


@accelerator
def read_one_partition_per_query() -> None:
    """Let a query of a table sort and compare only the rows of its partition.

    moto sorts all rows of the table for each query and compares the hash key of each.
    """
    query, all_items = Table.query, Table.all_items

    def query_partition(self: Any, hash_key: Any, *arguments: Any, **more: Any) -> Any:
        if arguments[_INDEX_NAME] is not None:
            return query(self, hash_key, *arguments, **more)
        self.queried_partition = hash_key
        try:
            return query(self, hash_key, *arguments, **more)
        finally:
            del self.queried_partition

    def items_of_partition(self: Any) -> Any:
        if not hasattr(self, "queried_partition"):
            return all_items(self)
        partition = self.items.get(self.queried_partition)
        if partition is None:
            return []
        return list(partition.values()) if self.range_key_attr else [partition]

    table: Any = Table
    table.query, table.all_items = query_partition, items_of_partition


@accelerator
def compare_and_measure_plain_values_directly() -> None:
    """Compare strings and numbers, and add up the size of a row, without creating an object per value.

    moto wraps each value of a list or map again, and converts both sides of each comparison.
    """
    cast = DynamoType.cast_value.fget  # type: ignore[attr-defined]

    def cast_value(self: Any) -> Any:
        return self.value if self.type == "S" else cast(self)

    def is_equal(self: Any, other: Any) -> bool:
        if self.type != other.type:
            return False
        return bool(self.value == other.value) if self.type == "S" else bool(self.cast_value == other.cast_value)

    def hash_of(self: Any) -> int:
        return hash((self.type, self.cast_value))

    def size(value: Any) -> int:
        kind = type(value)
        if kind is DynamoType:
            return size(value.value)
        if kind is str:
            return len(value) if value.isascii() else len(value.encode())
        if kind is bytes:
            return len(value)
        if kind is dict:
            return sum(size(key) + size(each) for key, each in value.items())
        if kind is list:
            return sum(map(size, value))
        return 1 if kind is bool else len(str(value))

    value_type: Any = DynamoType
    value_type.cast_value = property(cast_value)
    value_type.__eq__, value_type.__hash__, value_type.size = is_equal, hash_of, size
    item: Any = Item
    item.size = lambda self: size(dict(self.attrs))
