"""Lists, page by page: what a table has behind a row, as a token that a caller hands back."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from recovery import aws, dynamo
from recovery.errors import InvalidRequest

# DynamoDB: a partition key has at most 2,048 bytes; ours are far shorter.
LONGEST_KEY = 1_024


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows and the token that reads on, None at the end."""

    items: list[dict[str, Any]]
    next_token: str | None


def read_page(operation: Callable[..., Any], limit: int, token: str | None, **parameters: Any) -> Page:
    """A page of the client's Scan or Query; InvalidRequest when the token is not one of this list, AwsUnavailable."""
    start = {"ExclusiveStartKey": decode(token)} if token else {}
    try:
        with aws.unavailable("DynamoDB"):
            answer = operation(Limit=limit, **parameters, **start)
    except ClientError as error:
        if token and error.response["Error"]["Code"] == "ValidationException":
            raise _refusal() from error
        raise
    return Page([dynamo.from_wire(item) for item in answer["Items"]], encode(answer.get("LastEvaluatedKey")))


def encode(key: dict[str, Any] | None) -> str | None:
    """DynamoDB's LastEvaluatedKey as an opaque token."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def decode(token: str) -> dict[str, Any]:
    """The inverse; InvalidRequest when somebody made the token up."""
    try:
        key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise _refusal() from error
    if isinstance(key, dict) and key and all(_is_string(value) for value in key.values()):
        return key
    raise _refusal()


def _is_string(value: Any) -> bool:
    """Is it a string as DynamoDB writes it? Every key attribute of our tables and indexes is one."""
    if not (isinstance(value, dict) and value.keys() == {"S"}):
        return False
    text = value["S"]
    return isinstance(text, str) and text.isprintable() and 0 < len(text) <= LONGEST_KEY


def _refusal() -> InvalidRequest:
    problem = {"field": "nextToken", "message": "use the nextToken of the page before, unchanged"}
    return InvalidRequest("The nextToken is not one that this list gave out.", [problem])
