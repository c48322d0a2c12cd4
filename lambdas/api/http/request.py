"""Reads the parts of a request: body, ids in the path, caller."""

import base64
import json
import re
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from api.http.json_mistakes import explain_json
from recovery import identities
from recovery.errors import AccountNotFound, InvalidRequest, NotFound

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"
ACCOUNT_PATTERN = r"^[0-9]{12}$"
REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$"
SERVER_PATTERN = r"^s-[0-9a-zA-Z]{17}$"  # botocore's drs model

is_id = re.compile(ID_PATTERN).fullmatch
is_account = re.compile(ACCOUNT_PATTERN).fullmatch
is_region = re.compile(REGION_PATTERN).fullmatch
is_server = re.compile(SERVER_PATTERN).fullmatch

# The largest plan that may be stored needs a third of this.
MAX_BODY_BYTES = 1024 * 1024

# An error repeats at most this much of what the caller sent.
MAX_SHOWN_LENGTH = 200


def invalid_field(field: str, message: str) -> InvalidRequest:
    """The error for a request with one invalid field."""
    return InvalidRequest("The request is not valid.", [{"field": field[:MAX_SHOWN_LENGTH], "message": message}])


def json_body(event: APIGatewayProxyEvent, *, may_be_empty: bool = False) -> Any:
    """The body as JSON. Raise InvalidRequest if it is missing, too large or not JSON."""
    text = _body(event)
    if not text and may_be_empty:
        return {}
    if not text:
        raise invalid_field("body", "the request needs a JSON body")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise invalid_field("body", f"not JSON: {explain_json(error)}") from error
    except ValueError as error:  # Python refuses integers of more than 4,300 digits
        raise invalid_field("body", "not JSON: a number has too many digits") from error
    except RecursionError as error:
        raise invalid_field("body", "nested too deeply") from error


def _body(event: APIGatewayProxyEvent) -> str:
    body = event.body or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.is_base64_encoded else body.encode()
        text = raw.decode()
    except ValueError as error:
        raise invalid_field("body", "not text in UTF-8") from error
    if len(raw) > MAX_BODY_BYTES:
        raise invalid_field("body", f"larger than {MAX_BODY_BYTES:,} bytes (1 MiB)")
    return text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. A repeated name is an error, because the caller may have meant either value."""
    values = dict[str, Any]()
    for name, value in pairs:
        if name in values:
            raise invalid_field("body", f"not JSON: {name[:MAX_SHOWN_LENGTH]!r} is repeated in one object")
        values[name] = value
    return values


def require_id(text: str, missing: type[NotFound], kind: str) -> str:
    """An id from the path. Raise `missing` for text that cannot be an id, without reading a table."""
    if not is_id(text):
        raise missing(f"there is no {kind} {text[:MAX_SHOWN_LENGTH]!r}")
    return text


def require_account_id(text: str) -> str:
    """An account id from the path. Raise AccountNotFound for text that cannot be one."""
    if not is_account(text):
        raise AccountNotFound(f"there is no target account {text[:MAX_SHOWN_LENGTH]!r}")
    return text


def require_region(text: str) -> str:
    """A Region from the path. Raise InvalidRequest for text that cannot be one."""
    if not is_region(text):
        raise invalid_field("region", "must be the code of a Region, such as us-west-2")
    return text


def caller(event: APIGatewayProxyEvent) -> str:
    """The ARN that API Gateway has verified; without one, the address the request came from.

    It tells callers apart. Records and messages have `name_caller`.
    """
    identity = (event.get("requestContext") or {}).get("identity") or {}
    return str(identity.get("userArn") or identity.get("sourceIp") or "unknown")


def name_caller(event: APIGatewayProxyEvent) -> str:
    """The caller as records and messages name it. API Gateway does not pass on the source identity of a session."""
    return identities.name_caller(caller(event))
