"""Answers of DynamoDB: what json reads of them is what botocore's parser reads."""

import base64
import json
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from recovery.aws.dynamodb_answers import read_rows_directly

PACKED = base64.b64encode(b"\x00packed").decode()
ITEM = {
    "B": {"S": "an attribute that has the name of a type"},
    "BS": {"L": [{"S": "so does this one"}]},
    "packed": {"B": PACKED},
    "each": {"BS": [PACKED, ""]},
    "deep": {"M": {"B": {"B": PACKED}, "BS": {"M": {"BS": {"BS": [PACKED]}}}, "L": {"L": [{"B": PACKED}]}}},
    "numbers": {"L": [{"N": "1"}, {"N": "2.5"}]},
    "names": {"SS": ["a"]},
    "sizes": {"NS": ["1", "2"]},
    "is": {"BOOL": True},
    "none": {"NULL": True},
}
KEY = {"id": {"B": PACKED}}


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._content


def answer(content: Any, operation: str, status: int = 200, *, directly: bool, **parameters: Any) -> Any:
    """What a client returns, or the error that it raises, when DynamoDB sends this."""
    session = boto3.Session("not-a-key", "not-a-secret", region_name="us-west-2")
    client = session.client("dynamodb")
    if directly:
        read_rows_directly(client)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers: Any = {"x-amzn-RequestId": "r-1"}

    def reply(**_: Any) -> Any:
        return AWSResponse("", status, headers, _Body(body))

    client.meta.events.register("before-send.dynamodb", reply)
    try:
        return getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as error:
        return error.response


def test_an_answer_of_each_operation_is_the_one_of_the_parser() -> None:
    page = {"Items": [ITEM, {}], "Count": 2, "ScannedCount": 3, "LastEvaluatedKey": KEY}
    capacity = {"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.5}}
    keys = {"RequestItems": {"table": {"Keys": [{"id": {"S": "x"}}]}}}
    left = {"table": {"Keys": [KEY], "ConsistentRead": True}}
    for operation, content, parameters in (
        ("scan", {**page, **capacity}, {"TableName": "table"}),
        ("query", page, {"TableName": "table"}),
        ("get_item", {"Item": ITEM}, {"TableName": "table", "Key": {"id": {"S": "x"}}}),
        ("get_item", {}, {"TableName": "table", "Key": {"id": {"S": "x"}}}),
        ("batch_get_item", {"Responses": {"table": [ITEM]}, "UnprocessedKeys": left}, keys),
    ):
        parsed = answer(content, operation, directly=False, **parameters)
        assert answer(content, operation, directly=True, **parameters) == parsed
        assert parsed["ResponseMetadata"]["RequestId"] == "r-1"


def test_an_error_is_the_one_of_the_parser() -> None:
    refused = {"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "no such table"}
    parsed = answer(refused, "scan", 400, directly=False, TableName="table")
    assert parsed["Error"]["Code"] == "ResourceNotFoundException"
    assert answer(refused, "scan", 400, directly=True, TableName="table") == parsed


def test_the_parser_is_left_the_brackets_only() -> None:
    sent: dict[str, Any] = {"status_code": 200, "body": b'{"Items": []}', "headers": {}}
    client = boto3.Session("not-a-key", "not-a-secret", region_name="us-west-2").client("dynamodb")
    read_rows_directly(client)
    read: dict[str, Any] = {}
    client.meta.events.emit("before-parse.dynamodb.Scan", response_dict=sent, customized_response_dict=read)
    assert (sent["body"], read) == (b"{}", {"Items": []})
