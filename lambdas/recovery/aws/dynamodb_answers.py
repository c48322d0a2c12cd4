"""Answers of DynamoDB with rows, read by json alone.

botocore's parser walks each value with the shapes of its model, which takes longer than all else that an answer of many
rows costs. DynamoDB's typed JSON is what the parser returns, except for binary values, which are base64 there.
"""

import base64
import json
from typing import Any

# The operations that answer with rows.
_OPERATIONS = ("BatchGetItem", "GetItem", "Query", "Scan")


def read_rows_directly(client: Any) -> None:
    """Let a client of DynamoDB answer these operations without the parser; the answers stay the same.

    A botocore without `customized_response_dict` in the event (before 1.29) parses as ever.
    """
    for operation in _OPERATIONS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _read)


def _read(response_dict: dict[str, Any], customized_response_dict: dict[str, Any] | None = None, **_event: Any) -> None:
    if customized_response_dict is None or response_dict["status_code"] != 200:
        return
    customized_response_dict.update(json.loads(response_dict["body"], object_hook=_decode))
    response_dict["body"] = b"{}"


def _decode(part: dict[str, Any]) -> dict[str, Any]:
    """A binary value, or a set of them, as bytes. What is no value has objects only, whatever its names are."""
    if len(part) == 1:
        if isinstance(part.get("B"), str):
            return {"B": base64.b64decode(part["B"])}
        if isinstance(part.get("BS"), list):
            return {"BS": [base64.b64decode(each) for each in part["BS"]]}
    return part
