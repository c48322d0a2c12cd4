"""The OpenAPI document of the API, made of the table of its operations. Imported only when somebody asks for it."""

import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from api.http.response import CORRELATION_HEADER, PROBLEM_JSON
from api.openapi.examples import ANSWERS, BODIES
from api.openapi.operations import ANY, GATEWAY, OPERATIONS, PATH_PARAMETERS, Kind, Operation, Parameter
from api.schemas.responses import Problem
from recovery import VERSION

JSON = "application/json"

_HEADERS = {
    CORRELATION_HEADER: ("The function's log has the request under this id.", {"type": "string"}),
    "Location": ("Where to find what was made or started.", {"type": "string"}),
    "ETag": ("The version, for If-Match.", {"type": "string"}),
}

_SAYS = {
    200: "OK",
    201: "Made; Location says where it is.",
    202: "Begun; Location says where to look.",
    204: "It was there, and is no more.",
}

Handlers = Mapping[tuple[str, str], Callable[..., Any]]


class _Schemas(GenerateJsonSchema):
    """Without a title for each field, which would only say its name again."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def handlers(routes: Any) -> dict[tuple[str, str], Callable[..., Any]]:
    """The functions behind powertools' routes, by method and path as OpenAPI writes it."""
    return {(route.method, openapi_path(route.path)): route.func for route in routes}


def openapi_path(path: str) -> str:
    """`/executions/<execution_id>/pause` with the names that the API uses: `/executions/{executionId}/pause`."""
    return re.sub(r"<(\w+)>", lambda found: "{" + to_camel(found[1]) + "}", path)


@cache
def document_json() -> str:
    """The document as JSON, made once a process."""
    from api.app import app

    return json.dumps(build_document(handlers(app._static_routes + app._dynamic_routes)))


def build_document(functions: Handlers) -> dict[str, Any]:
    """The document; each operation is described by the docstring of its function."""
    models: set[type[BaseModel]] = {Problem}
    models |= {model for operation in OPERATIONS for model in (operation.body, operation.answer) if model}
    _, schemas = models_json_schema(
        [(model, "validation") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schemas,
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        told = inspect.getdoc(functions[operation.method, operation.path]) or ""
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, told)
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
                "url": "https://{apiId}.execute-api.{region}.amazonaws.com/v1",
                "description": "The output ApiUrl of the stack.",
                "variables": {"apiId": {"default": "abcdefghij"}, "region": {"default": "us-west-2"}},
            }
        ],
        "security": [{"sigv4": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "responses": {_name(*each): _refusal(*each) for operation in OPERATIONS for each in _refusals(operation)},
            "examples": {name: {"value": value} for name, value in (BODIES | ANSWERS).items()},
            "headers": {name: {"description": told, "schema": schema} for name, (told, schema) in _HEADERS.items()},
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


def _operation(operation: Operation, told: str) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", operation.path)
    parameters = [_path_parameter(name) for name in names] + [_parameter(each) for each in operation.parameters]
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": re.sub(r"(?<!^)(?=[A-Z])", " ", operation.name).capitalize(),
        "description": told,
    }
    if parameters:
        shown["parameters"] = parameters
    if operation.body:
        content = {JSON: {"schema": _ref(operation.body), **_example(operation.body)}}
        shown["requestBody"] = {"required": not operation.body_is_optional, "content": content}
    return {**shown, "responses": _responses(operation)}


def _path_parameter(name: str) -> dict[str, Any]:
    told, schema = PATH_PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": told, "schema": dict(schema)}


def _parameter(given: Parameter) -> dict[str, Any]:
    return {
        "name": given.name,
        "in": given.where,
        "required": given.required,
        "description": given.description,
        "schema": dict(given.schema),
    }


def _responses(operation: Operation) -> dict[str, Any]:
    headers = [CORRELATION_HEADER]
    headers += ["Location"] if operation.has_location else []
    headers += ["ETag"] if operation.has_version else []
    good: dict[str, Any] = {"description": _SAYS[operation.status], "headers": _headers(*headers)}
    if operation.answer:
        good["content"] = {JSON: {"schema": _ref(operation.answer), **_example(operation.answer)}}
    refused = {str(status): _ref_to("responses", _name(status, codes)) for status, codes in _refusals(operation)}
    return {str(operation.status): good, **refused}


def _refusals(operation: Operation) -> list[tuple[int, tuple[str, ...]]]:
    """The statuses besides the good one, each with the codes that the API may give with it."""
    codes: dict[int, list[str]] = {500: ["InternalError"], **{status: [] for status in GATEWAY}}
    kinds: set[Kind] = {*ANY, *operation.errors}
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        codes.setdefault(kind.status, []).append(kind.__name__)
    return [(status, tuple(codes[status])) for status in sorted(codes)]


def _name(status: int, codes: tuple[str, ...]) -> str:
    return "-".join((str(status), *codes))


def _refusal(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    of_gateway = GATEWAY.get(status, ())
    told = [f"`{code}`" for code in codes] + [f"`{code}` (API Gateway itself)" for code in of_gateway]
    only: dict[str, Any] = {"properties": {"status": {"const": status}, "code": {"enum": [*codes, *of_gateway]}}}
    if codes == ("InvalidRequest",):
        only["required"] = ["problems"]
    return {
        "description": ", ".join(told),
        "headers": _headers(CORRELATION_HEADER),
        "content": {PROBLEM_JSON: {"schema": {"allOf": [_ref(Problem), only]}}},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: _ref_to("headers", name) for name in names}


def _example(model: type[Any]) -> dict[str, Any]:
    return {"examples": {"example": _ref_to("examples", model.__name__)}}


def _ref(model: type[Any]) -> dict[str, str]:
    return _ref_to("schemas", model.__name__)


def _ref_to(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
