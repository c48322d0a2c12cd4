"""Query parameters and headers: how OpenAPI describes each one, and the function that reads it."""

import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from api.http.request import ID_PATTERN, invalid_field, is_id

# A client reads a whole fleet from the pages of servers and of instances, whose items are small.
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_LARGE_PAGE_SIZE = 50, 200, 1_000

ETAG_PATTERN = r'^(?:W/)?"?([1-9][0-9]{0,14})"?$'
# Visible ASCII: a UUID, or a name of the caller's own.
IDEMPOTENCY_KEY_PATTERN = r"^[!-~]{1,255}$"

_is_etag = re.compile(ETAG_PATTERN).fullmatch
_is_key = re.compile(IDEMPOTENCY_KEY_PATTERN).fullmatch


class Parameter(NamedTuple):
    """A query parameter or a header; `schema` is JSON Schema."""

    name: str
    description: str
    schema: Mapping[str, Any]
    where: str = "query"
    required: bool = False


def page(most: int = MAX_PAGE_SIZE) -> tuple[Parameter, Parameter]:
    """The parameters of a list with pages of at most `most` items."""
    size = {"type": "integer", "minimum": 1, "maximum": most, "default": min(DEFAULT_PAGE_SIZE, most)}
    return (
        Parameter("limit", "Items on a page.", size),
        Parameter("nextToken", "The nextToken of the page before, unchanged.", {"type": "string", "minLength": 1}),
    )


PAGE = page()
IF_MATCH = Parameter(
    "If-Match",
    "The version that the change is based on, from the ETag of a read.",
    {"type": "string", "pattern": ETAG_PATTERN},
    "header",
)
IDEMPOTENCY_KEY = Parameter(
    "Idempotency-Key",
    "Makes the request idempotent for 24 hours: requests of one caller with the same key do their work once.",
    {"type": "string", "pattern": IDEMPOTENCY_KEY_PATTERN},
    "header",
)


def id_parameter(name: str, description: str) -> Parameter:
    """A query parameter that is the id of a plan or an execution."""
    return Parameter(name, description, {"type": "string", "pattern": ID_PATTERN})


def check_query(event: APIGatewayProxyEvent, known: Collection[str]) -> None:
    """Raise InvalidRequest if a query parameter is repeated, has no value, or is none of `known`."""
    for name, values in event.multi_value_query_string_parameters.items():
        if len(values) > 1:
            raise invalid_field(name, "must not be repeated")
    for name, value in event.query_string_parameters.items():
        if name not in known:
            allowed = f"the parameters here are {', '.join(known)}" if known else "this path has no parameters"
            raise invalid_field(name, f"is not a parameter; {allowed}")
        if not value.strip():
            raise invalid_field(name, "has no value; omit it or give it one")


def query_parameters(event: APIGatewayProxyEvent) -> dict[str, str]:
    """The query string, which `check_query` has checked."""
    return event.query_string_parameters


def single_header(event: APIGatewayProxyEvent, name: str) -> str | None:
    """The value of a header, None if it is absent. Raise InvalidRequest if it is repeated or has no value."""
    found = (event.raw_event.get("multiValueHeaders") or {}).items()
    if sum(len(values or ()) for each, values in found if each.lower() == name.lower()) > 1:
        raise invalid_field(name, "must not be repeated")
    text: str | None = event.headers.get(name)
    if text is not None and not text.strip():
        raise invalid_field(name, "has no value; omit it or give it one")
    return text


def plan_id_filter(event: APIGatewayProxyEvent) -> str | None:
    """`planId` from the query string."""
    text = query_parameters(event).get("planId")
    if text is not None and not is_id(text):
        raise invalid_field("planId", "must be the id of a recovery plan")
    return text


def page_parameters(event: APIGatewayProxyEvent, most: int = MAX_PAGE_SIZE) -> tuple[int, str | None]:
    """`limit`, which is at most `most`, and `nextToken` from the query string."""
    parameters = query_parameters(event)
    text = parameters.get("limit", str(min(DEFAULT_PAGE_SIZE, most)))
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
    if not (is_number and 1 <= int(text) <= most):
        raise invalid_field("limit", f"must be a whole number from 1 to {most}")
    return int(text), parameters.get("nextToken")


def parse_offset(token: str | None) -> int:
    """The offset in the nextToken of a list that is built in memory. Raise InvalidRequest for any other token."""
    if token is None:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= 9):
        raise invalid_field("nextToken", "use the nextToken of the page before, unchanged")
    return int(token)


def read_version(event: APIGatewayProxyEvent, in_body: int | None = None) -> int | None:
    """The version that a change is based on, from the body or from `If-Match: "3"`; None if neither has it."""
    text = single_header(event, "If-Match")
    if text is None:
        return in_body
    if not (match := _is_etag(text.strip())):
        raise invalid_field("If-Match", 'must be one version, as the ETag of a read gives it: "3"')
    in_header = int(match[1])
    if in_body not in (None, in_header):
        raise invalid_field("version", f"the body says {in_body}, If-Match {in_header}")
    return in_header


def require_version(event: APIGatewayProxyEvent, in_body: int | None) -> int:
    """The version that a change is based on. Raise InvalidRequest if neither body nor If-Match has it."""
    given = read_version(event, in_body)
    if given is None:
        raise invalid_field("version", "give the version that you read, here or as the header If-Match")
    return given


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    """The header Idempotency-Key, or None. Raise InvalidRequest if it is repeated or not a valid key."""
    name = "Idempotency-Key"
    text = single_header(event, name)
    if text is None:
        return None
    if not _is_key(text):
        raise invalid_field(name, "must be 1 to 255 visible ASCII characters, such as a UUID")
    return text
