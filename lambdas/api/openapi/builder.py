"""Builds the OpenAPI document of the API from its operations."""

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from api.http.parameters import Parameter
from api.http.request import ACCOUNT_PATTERN, ID_PATTERN, REGION_PATTERN
from api.http.response import CORRELATION_HEADER, PROBLEM_JSON, RETRY_AFTER_STATUSES
from api.openapi.examples import ANSWERS, BODIES
from api.openapi.gateway_errors import GATEWAY_ERRORS
from api.openapi.schemas import BodySchemas
from api.router import Operation
from api.schemas.responses.service import Problem
from recovery import VERSION

JSON = "application/json"

_ID = {"type": "string", "pattern": ID_PATTERN}

PATH_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "accountId": ("Account", {"type": "string", "pattern": ACCOUNT_PATTERN}),
    "region": ("Code of a Region", {"type": "string", "pattern": REGION_PATTERN}),
    "groupId": ("Id of a protection group", _ID),
    "planId": ("Id of a recovery plan", _ID),
    "executionId": ("Id of an execution", _ID),
    "wave": ("Name of a wave", _ID),
    "action": ("Name of an action", _ID),
    "findingId": ("Id of a drill finding", _ID),
}

_HEADERS = {
    CORRELATION_HEADER: ("The id of the request in the function's log.", {"type": "string"}),
    "Location": ("Where to find what was created or started.", {"type": "string"}),
    "ETag": ("The version, for If-Match.", {"type": "string"}),
    "Retry-After": ("Seconds after which to send the request again.", {"type": "integer"}),
}

# The response of every status that an operation does not list.
_OTHER = "problem"

_STATUS_DESCRIPTIONS = {
    200: "OK",
    201: "Created; Location is its path.",
    202: "Started; Location is where to follow it.",
    204: "Deleted.",
}


def build_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document. Each operation is described by the docstring of its function."""
    shapes: set[type] = {Problem}
    shapes |= {shape for operation in operations for shape in (operation.body, operation.answer) if shape}
    _, schemas = TypeAdapter.json_schemas(
        [(shape, "validation", TypeAdapter(shape)) for shape in sorted(shapes, key=lambda shape: shape.__name__)],
        ref_template="#/components/schemas/{model}",
        schema_generator=BodySchemas,
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "drs-waves",
            "version": VERSION,
            "summary": "Recovers fleets of servers with AWS Elastic Disaster Recovery, in ordered waves.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [
            {
                "url": "https://{apiId}.execute-api.{region}.{suffix}/v1",
                "description": "The output ApiUrl of the stack.",
                "variables": {
                    "apiId": {"default": "abcdefghij"},
                    "region": {"default": "us-west-2"},
                    "suffix": {"default": "amazonaws.com", "description": "Another one in some partitions of AWS."},
                },
            }
        ],
        "security": [{"sigv4": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "responses": {
                **{_name(*each): _refusal(*each) for operation in operations for each in _refusals(operation)},
                _OTHER: {
                    "description": "Any other error has the same form.",
                    "headers": _headers(CORRELATION_HEADER),
                    "content": {PROBLEM_JSON: {"schema": _ref(Problem)}},
                },
            },
            "examples": {name: {"value": value} for name, value in (BODIES | ANSWERS).items()},
            "headers": {name: {"description": text, "schema": schema} for name, (text, schema) in _HEADERS.items()},
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "description": "AWS Signature Version 4, service execute-api.",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", operation.path)
    parameters = [_path_parameter(name) for name in names] + [_parameter(each) for each in operation.parameters]
    entry: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": re.sub(r"(?<!^)(?=[A-Z])", " ", operation.name).capitalize(),
        "description": inspect.getdoc(operation.handler) or "",
    }
    if parameters:
        entry["parameters"] = parameters
    if operation.body:
        content = {JSON: {"schema": _ref(operation.body), **_example(operation.body)}}
        entry["requestBody"] = {"required": not operation.body_is_optional, "content": content}
    return {**entry, "responses": _responses(operation)}


def _path_parameter(name: str) -> dict[str, Any]:
    description, schema = PATH_PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": description, "schema": dict(schema)}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required,
        "description": parameter.description,
        "schema": dict(parameter.schema),
    }


def _responses(operation: Operation) -> dict[str, Any]:
    headers = [CORRELATION_HEADER]
    headers += ["Location"] if operation.location else []
    headers += ["ETag"] if operation.has_version else []
    success: dict[str, Any] = {"description": _STATUS_DESCRIPTIONS[operation.status], "headers": _headers(*headers)}
    if operation.answer:
        success["content"] = {JSON: {"schema": _ref(operation.answer), **_example(operation.answer)}}
    refusals = {str(status): _ref_to("responses", _name(status, codes)) for status, codes in _refusals(operation)}
    return {str(operation.status): success, **refusals, "default": _ref_to("responses", _OTHER)}


def _refusals(operation: Operation) -> list[tuple[int, tuple[str, ...]]]:
    """The error statuses of the operation, each with the codes that the API may give with it."""
    codes: dict[int, list[str]] = {500: ["InternalError"], **{status: [] for status in GATEWAY_ERRORS}}
    for kind in sorted(operation.all_errors, key=lambda kind: kind.__name__):
        codes.setdefault(kind.status, []).append(kind.__name__)
    if "{" in operation.path:  # an id that is a word of a route, or has characters that no id has
        codes.setdefault(404, []).append("NoSuchRoute")
    return [(status, tuple(codes[status])) for status in sorted(codes)]


def _name(status: int, codes: tuple[str, ...]) -> str:
    return "-".join((str(status), *codes))


def _refusal(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    """An error as documented: one schema for all of them, and the codes beside it, for generators merge no schemas."""
    of_gateway = GATEWAY_ERRORS.get(status, ())
    descriptions = [f"`{code}`" for code in codes] + [f"`{code}` (API Gateway itself)" for code in of_gateway]
    return {
        "description": ", ".join(descriptions),
        "headers": _headers(CORRELATION_HEADER, *(["Retry-After"] if status in RETRY_AFTER_STATUSES else [])),
        "content": {PROBLEM_JSON: {"schema": _ref(Problem)}},
        "x-codes": [*codes, *of_gateway],
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: _ref_to("headers", name) for name in names}


def _example(shape: type) -> dict[str, Any]:
    return {"examples": {"example": _ref_to("examples", shape.__name__)}}


def _ref(shape: type) -> dict[str, str]:
    return _ref_to("schemas", shape.__name__)


def _ref_to(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
