"""What a request carries, read with care: body, ids, query, caller."""

import base64
import json
import re
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from recovery.errors import AccountNotFound, InvalidRequest, NotFound

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200

# The largest plan that may be stored comes to a third of this.
MAX_BODY_BYTES = 1024 * 1024

# What people sent is shown back to them up to here.
MAX_SHOWN_LENGTH = 200

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$"

ACCOUNT_PATTERN = r"^[0-9]{12}$"

REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]{2,4})?-[a-z]+-[0-9]{1,2}$"

_is_id = re.compile(ID_PATTERN).fullmatch

_is_account = re.compile(ACCOUNT_PATTERN).fullmatch

_is_region = re.compile(REGION_PATTERN).fullmatch

ETAG_PATTERN = r'^(?:W/)?"?([1-9][0-9]{0,14})"?$'

# A UUID, or whatever else is the caller's own: what can be seen of ASCII.
IDEMPOTENCY_KEY_PATTERN = r"^[!-~]{1,255}$"

_is_etag = re.compile(ETAG_PATTERN).fullmatch

_is_key = re.compile(IDEMPOTENCY_KEY_PATTERN).fullmatch


def invalid_field(field: str, message: str) -> InvalidRequest:
    """The refusal of a request in which one thing is wrong."""
    return InvalidRequest("The request is not valid.", [{"field": field[:MAX_SHOWN_LENGTH], "message": message}])


def json_body(event: APIGatewayProxyEvent, *, may_be_empty: bool = False) -> Any:
    """The body as JSON; InvalidRequest when there is none, it is too large or it is not JSON."""
    text = _body(event)
    if not text and may_be_empty:
        return {}
    if not text:
        raise invalid_field("body", "the request needs a JSON body")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except ValueError as error:
        raise invalid_field("body", f"not JSON: {error}") from error
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
    """An object whose names differ: of two values for one name, whoever sent them may have meant either."""
    found = dict[str, Any]()
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:MAX_SHOWN_LENGTH]!r} is there twice in one object")
        found[name] = value
    return found


def require_id(text: str, missing: type[NotFound], what: str) -> str:
    """The id of a path; what no id looks like is missing, whatever the table says."""
    if not _is_id(text):
        raise missing(f"there is no {what} {text[:MAX_SHOWN_LENGTH]!r}")
    return text


def query_parameters(event: APIGatewayProxyEvent) -> dict[str, str]:
    """The query string; InvalidRequest when a parameter is there twice or has no value."""
    for name, values in event.multi_value_query_string_parameters.items():
        if len(values) > 1:
            raise invalid_field(name, "give it once")
    for name, value in event.query_string_parameters.items():
        if not value:
            raise invalid_field(name, "has no value; leave it out or give it one")
    return event.query_string_parameters


def version(event: APIGatewayProxyEvent, in_body: int | None = None) -> int | None:
    """The version a change was made from, as the body or `If-Match: "3"` gives it; None when neither does."""
    text = event.headers.get("If-Match")
    if not text:
        return in_body
    if not (found := _is_etag(text.strip())):
        raise invalid_field("If-Match", 'must be one version, as the ETag of a read gives it: "3"')
    in_header = int(found[1])
    if in_body not in (None, in_header):
        raise invalid_field("version", f"the body says {in_body}, If-Match {in_header}")
    return in_header


def require_version(event: APIGatewayProxyEvent, in_body: int | None) -> int:
    """The same; InvalidRequest when neither gives it."""
    found = version(event, in_body)
    if found is None:
        raise invalid_field("version", "give the version that you read, here or as the header If-Match")
    return found


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    """The header `Idempotency-Key`, or None; InvalidRequest when it is there twice or is none."""
    name = "Idempotency-Key"
    if len(event.multi_value_headers.get(name) or ()) > 1:
        raise invalid_field(name, "give it once")
    text = event.headers.get(name)
    if text is None:
        return None
    if not _is_key(text):
        raise invalid_field(name, "must have 1 to 255 letters, digits and signs of ASCII, without spaces: a UUID, say")
    return text


def require_account_id(text: str) -> str:
    """The account of a path; what no account id looks like is missing."""
    if not _is_account(text):
        raise AccountNotFound(f"there is no target account {text[:MAX_SHOWN_LENGTH]!r}")
    return text


def require_region(text: str) -> str:
    """The Region of a path; InvalidRequest when it is none."""
    if not _is_region(text):
        raise invalid_field("region", "must be the code of a Region, such as us-west-2")
    return text


def plan_id_filter(event: APIGatewayProxyEvent) -> str | None:
    """`planId` of the query string."""
    text = query_parameters(event).get("planId")
    if text is not None and not _is_id(text):
        raise invalid_field("planId", "must be the id of a recovery plan")
    return text


def page_parameters(event: APIGatewayProxyEvent) -> tuple[int, str | None]:
    """`limit` and `nextToken` of the query string."""
    asked = query_parameters(event)
    text = asked.get("limit", str(DEFAULT_PAGE_SIZE))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PAGE_SIZE))
    if not (is_number and 1 <= int(text) <= MAX_PAGE_SIZE):
        raise invalid_field("limit", f"must be a whole number from 1 to {MAX_PAGE_SIZE}")
    return int(text), asked.get("nextToken")


def parse_offset(token: str | None) -> int:
    """Where a list that is made from a record goes on; InvalidRequest when the token is not one of such a list."""
    if token is None:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= 9):
        raise invalid_field("nextToken", "use the nextToken of the page before, unchanged")
    return int(token)


def caller(event: APIGatewayProxyEvent) -> str:
    """Who asks: the IAM identity API Gateway vouches for, or where the request came from."""
    identity = event.request_context.identity
    return identity.user_arn or identity.source_ip or "unknown"
