"""The restJson1 protocol: parses requests and renders responses."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from drs_emulator.errors import Invalid, ServiceError
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from drs_emulator.protocol.service_model import Member, Operation, ServiceModel
from drs_emulator.protocol.validation import check_input, find_problems


def parse(operation: Operation, labels: dict[str, str], request: Request) -> dict[str, Any]:
    """Return the validated input of a request, without members unknown to the model. Raise Invalid."""
    if operation.input is None:
        return {}
    body = parse_body(request.body)
    query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
    values: dict[str, Any] = {}
    for member in operation.input.members.values():
        value = _read_member(member, labels, query, request.headers, body)
        if value is not None:
            values[member.name] = value
    check_input(operation, values)
    return values


def parse_body(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request. Raise Invalid."""
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise Invalid(f"The body is not JSON: {error}", reason="cannotParse") from error
    if not isinstance(parsed, dict):
        raise Invalid("The body must be a JSON object", reason="cannotParse")
    return parsed


def _read_member(
    member: Member, labels: dict[str, str], query: dict[str, list[str]], headers: dict[str, str], body: dict[str, Any]
) -> Any:
    if member.location == "uri":
        return labels.get(member.wire_name)
    if member.location == "header":
        return headers.get(member.wire_name.lower())
    if member.location == "querystring":
        sent = query.get(member.wire_name)
        if not sent or member.shape.kind == "list":
            return sent
        return int(sent[0]) if member.shape.kind in ("integer", "long") and sent[0].isdigit() else sent[0]
    return body.get(member.wire_name)


def render(operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
    """Render a successful call. Members that the model lacks are sent in the body."""
    headers = {"x-amzn-RequestId": request_id}
    if operation.output is None:
        return Reply(operation.status, headers, b"")
    return _build_reply(operation.status, operation.output.members.values(), output, headers)


def render_error(model: ServiceModel, error: ServiceError, request_id: str) -> Reply:
    headers = {"x-amzn-RequestId": request_id, "x-amzn-errortype": error.code}
    error_shape = model.errors.get(error.code)
    if error_shape is None:
        body = {"message": error.message, "code": error.code}
        return Reply(error.status, headers | JSON, json.dumps(body).encode())
    output: dict[str, Any] = {"message": error.message, **error.members}
    if "code" in error_shape.shape.members:
        output.setdefault("code", error.code)
    problems = list(find_problems(error_shape.shape, output, strict=True))
    if problems:
        output = {"message": f"The emulator's {error.code} breaks the model: {problems[0]}; message: {error.message}"}
    return _build_reply(error_shape.status, error_shape.shape.members.values(), output, headers)


def _build_reply(status: int, members: Iterable[Member], output: dict[str, Any], headers: dict[str, str]) -> Reply:
    body: dict[str, Any] = {}
    for member in members:
        if member.name not in output:
            continue
        value = output[member.name]
        if member.location == "header":
            headers[member.wire_name] = str(value)
        elif member.location == "statusCode":
            status = int(value)
        else:
            body[member.wire_name] = value
    if status == 204:
        return Reply(status, headers, b"")
    return Reply(status, headers | JSON, json.dumps(body, separators=(",", ":")).encode())
