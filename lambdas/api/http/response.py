"""What an answer is made of: status, body, headers; and an error as RFC 9457 has it."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response, content_types
from pydantic import TypeAdapter

PROBLEM_JSON = "application/problem+json"

CORRELATION_HEADER = "X-Correlation-Id"

_json = TypeAdapter(Any).dump_json


def new_id(prefix: str) -> str:
    """`pg-4f1c09ab27d3`: short enough to say aloud, long enough never to meet again."""
    return f"{prefix}-{secrets.token_hex(6)}"


def resource(body: Mapping[str, Any], status: int = 200, **headers: str) -> Response[str]:
    """A resource; its version, if it has one, is its ETag too."""
    etag = {"ETag": f'"{body["version"]}"'} if "version" in body else {}
    return Response(status, content_types.APPLICATION_JSON, _json(body).decode(), headers={**etag, **headers})


def created(location: str, body: Mapping[str, Any], status: int = 201) -> Response[str]:
    """A resource and where to find it."""
    return resource(body, status, Location=location)


def no_content() -> Response[str]:
    """204: it was there, and is no more."""
    return Response(204, content_types.APPLICATION_JSON, "")


def problem_body(
    status: int, code: str, title: str, message: str, advice: str, correlation_id: str, facts: Mapping[str, Any]
) -> str:
    """The body of an error. `detail` is `message` again, under the name that RFC 9457 gives it."""
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
