"""Pages of rows. The position in a table travels as an opaque token, which the caller sends back."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from recovery.aws import clients, dynamodb
from recovery.aws.dynamodb_expressions import Partition, from_wire
from recovery.errors import InvalidRequest

# DynamoDB allows 2,048 bytes for a partition key; ours are far shorter.
MAX_KEY_LENGTH = 1_024

_is_number = re.compile(r"[0-9]{1,15}", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows, and the token of the next page; None at the end."""

    items: list[dict[str, Any]]
    next_token: str | None


def query_page(
    table: str,
    partition: Partition,
    limit: int,
    token: str | None,
    index: str | None = None,
    newest_first: bool = False,
    consistent: bool = False,
) -> Page:
    """A page of a partition's rows. Raise InvalidRequest for a token of another list, AwsUnavailable."""
    return _read_page(
        lambda start: dynamodb.query_once(
            table, partition, limit, start, index=index, newest_first=newest_first, consistent=consistent
        ),
        token,
    )


def scan_page(table: str, limit: int, token: str | None) -> Page:
    """A page of a table's rows. Raise InvalidRequest for a token of another list, AwsUnavailable."""
    return _read_page(lambda start: dynamodb.scan_once(table, limit, start), token)


def _read_page(read: Callable[[dict[str, Any] | None], Any], token: str | None) -> Page:
    try:
        answer = read(decode_token(token) if token else None)
    except ClientError as error:
        if token and clients.code_of(error) == "ValidationException":
            raise invalid_token() from error
        raise
    return Page([from_wire(item) for item in answer["Items"]], encode_token(answer.get("LastEvaluatedKey")))


def encode_token(key: dict[str, Any] | None) -> str | None:
    """DynamoDB's LastEvaluatedKey as an opaque token."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode() if key else None


def decode_token(token: str) -> dict[str, Any]:
    """The inverse. Raise InvalidRequest for a token that this API did not issue."""
    try:
        key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (ValueError, RecursionError) as error:
        raise invalid_token() from error
    if isinstance(key, dict) and key and all(_is_key_value(value) for value in key.values()):
        return key
    raise invalid_token()


def _is_key_value(value: Any) -> bool:
    """Whether the value is one of the key attributes of our tables and indexes: a string, or a whole number."""
    if not (isinstance(value, dict) and len(value) == 1):
        return False
    ((kind, text),) = value.items()
    if not isinstance(text, str):
        return False
    if kind == "N":
        return _is_number(text) is not None
    return kind == "S" and text.isprintable() and 0 < len(text) <= MAX_KEY_LENGTH


def invalid_token() -> InvalidRequest:
    """The error for a token that this API did not issue for the list."""
    problem = {"field": "nextToken", "message": "use the nextToken of the page before, unchanged"}
    return InvalidRequest("The nextToken is not valid for this list.", [problem])
