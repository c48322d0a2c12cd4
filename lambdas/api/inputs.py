"""What a request carries, read with care: body, page, caller."""

import json
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from recovery.errors import InvalidRequest

DEFAULT_PAGE, LARGEST_PAGE = 50, 200


def json_body(event: APIGatewayProxyEvent, *, may_be_empty: bool = False) -> Any:
    """The body as JSON; InvalidRequest when there is none or it is not JSON."""
    text = event.decoded_body
    if not text and may_be_empty:
        return {}
    try:
        return json.loads(text or "")
    except ValueError as error:
        problem = {"field": "body", "message": f"not JSON: {error}" if text else "the request needs a JSON body"}
        raise InvalidRequest("The request is not valid.", [problem]) from error


def page(event: APIGatewayProxyEvent) -> tuple[int, str | None]:
    """`limit` and `nextToken` of the query string."""
    query = event.query_string_parameters or {}
    text = query.get("limit", str(DEFAULT_PAGE))
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LARGEST_PAGE):
        problem = {"field": "limit", "message": f"must be a whole number from 1 to {LARGEST_PAGE}"}
        raise InvalidRequest("The request is not valid.", [problem])
    return int(text), query.get("nextToken")


def caller(event: APIGatewayProxyEvent) -> str:
    """Who asks: the IAM identity API Gateway vouches for, or where the request came from."""
    identity = event.request_context.identity
    return identity.user_arn or identity.source_ip or "unknown"
