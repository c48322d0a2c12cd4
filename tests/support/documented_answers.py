"""Check an answer of the API against its OpenAPI document: status, media type, headers and every field of the body."""

import functools
import json
import re
from collections.abc import Mapping
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker

from api.app import app
from api.http.paths import ROUTE_WORDS
from api.http.times import TIME_PATTERN
from api.openapi import builder


@functools.cache
def _schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(builder.build_document(app.operations)))
    return loaded


@functools.cache
def _routes() -> list[tuple[str, re.Pattern[str]]]:
    paths = sorted(_schema()["paths"], key=lambda path: path.count("{"))
    words = "|".join(map(re.escape, sorted(ROUTE_WORDS)))
    return [(path, re.compile(re.sub(r"{\w+}", rf"(?!(?:{words})(?:/|$))[A-Za-z0-9._-]+", path))) for path in paths]


FORMATS = FormatChecker(())


@FORMATS.checks("date-time")
def _is_time(value: object) -> bool:
    """Whether a text is a time as RFC 3339 writes it, with a time zone."""
    return not isinstance(value, str) or re.fullmatch(TIME_PATTERN, value) is not None


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": _schema()["components"]}, format_checker=FORMATS)


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of the route, None when there is no such route."""
    for known, matches in _routes():
        if matches.fullmatch(path) and method.lower() in _schema()["paths"][known]:
            found: dict[str, Any] = _schema()["paths"][known][method.lower()]
            return found
    return None


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: Any) -> None:
    """Raise AssertionError, or jsonschema's ValidationError, for an answer that the document does not describe."""
    operation = operation_of(method, path)
    if operation is None:
        no_method = (status, body["code"]) == (405, "MethodNotAllowed") and headers["Allow"]
        assert no_method or (status, body["code"]) == (404, "NoSuchRoute"), (method, path, status)
        return
    name = operation["operationId"]
    assert str(status) in operation["responses"], (name, status, body)
    answer = _find_response(operation, status)
    missing = {header for header in answer.get("headers", ()) if header not in headers}
    assert not missing, (name, status, missing)
    if "content" not in answer:
        assert body is None, (name, body)
        return
    media = headers["Content-Type"]
    assert media in answer["content"], (name, status, media)
    _validator(json.dumps(answer["content"][media]["schema"])).validate(body)
    check_code(operation, status, body)


def check_code(operation: Mapping[str, Any], status: int, body: Any) -> None:
    """Raise AssertionError for an error whose code the operation does not list with this status."""
    answer = _find_response(operation, status)
    if "x-codes" in answer:
        name = operation["operationId"]
        assert body["status"] == status, (name, body)
        assert body["code"] in answer["x-codes"], (name, body)
        assert body["code"] != "InvalidRequest" or body["problems"], (name, body)


def _find_response(operation: Mapping[str, Any], status: int) -> dict[str, Any]:
    answer: dict[str, Any] = operation["responses"][str(status)]
    if "$ref" in answer:
        return cast("dict[str, Any]", _schema()["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]])
    return answer
