"""Writes responses: a resource with its headers, and an error as RFC 9457 defines it."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response, content_types

from recovery.free_text import escape_json

PROBLEM_JSON = "application/problem+json"
CORRELATION_HEADER = "X-Correlation-Id"


def new_id(prefix: str) -> str:
    """`pg-4f1c09ab27d3`: short enough to read out, and unique."""
    return f"{prefix}-{secrets.token_hex(6)}"


def json_response(status: int, answer: Mapping[str, object] | None, headers: Mapping[str, str]) -> Response[str]:
    """The answer as JSON; None is an empty body. Hidden characters, such as in names that AWS has, are escaped."""
    body = escape_json(json.dumps(answer, ensure_ascii=False, separators=(",", ":"))) if answer else ""
    return Response(status, content_types.APPLICATION_JSON, body, headers=dict(headers))


def problem_body(
    status: int, code: str, title: str, message: str, advice: str, correlation_id: str, facts: Mapping[str, Any]
) -> str:
    """The body of an error. `detail` repeats `message` under the name that RFC 9457 gives it.

    Its JSON is ASCII: the text may hold whatever the caller sent, even half a surrogate pair, which UTF-8 cannot.
    """
    return json.dumps(
        {
            **facts,
            "type": f"urn:drs-waves:problem:{code}",
            "title": title,
            "status": status,
            "detail": message,
            "instance": f"urn:drs-waves:request:{correlation_id}",
            "code": code,
            "message": message,
            "advice": advice,
            "correlationId": correlation_id,
        }
    )
