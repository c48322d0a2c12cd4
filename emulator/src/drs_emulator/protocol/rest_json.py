"""restJson1: what a request asks, and how an answer looks."""

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from drs_emulator.errors import InternalServer, Invalid, ServiceError
from drs_emulator.protocol.http_messages import JSON, Reply, Request
from drs_emulator.protocol.service_model import Member, Model, Operation
from drs_emulator.protocol.validation import compiled, problems


def parse(operation: Operation, labels: dict[str, str], request: Request) -> dict[str, Any]:
    """The request's input, validated; members the shape does not have are dropped. Raises Invalid."""
    if operation.input is None:
        return {}
    body = _parse_body(request.body)
    query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
    values: dict[str, Any] = {}
    for member in operation.input.members.values():
        value = _find(member, labels, query, request.headers, body)
        if value is not None:
            values[member.name] = value
    found = list(problems(operation.input, values))
    if found:
        text = "; ".join(map(str, found[:10]))
        raise Invalid(f"{operation.name}: {text}", fields=[(p.path, p.message) for p in found[:100]])
    return values


def _parse_body(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except ValueError as error:
        raise Invalid(f"The body is not JSON: {error}", reason="cannotParse") from error
    if not isinstance(parsed, dict):
        raise Invalid("The body must be a JSON object", reason="cannotParse")
    return parsed


def _find(
    member: Member, labels: dict[str, str], query: dict[str, list[str]], headers: dict[str, str], body: dict[str, Any]
) -> Any:
    if member.location == "uri":
        return labels.get(member.wire_name)
    if member.location == "header":
        return headers.get(member.wire_name.lower())
    if member.location == "querystring":
        sent = query.get(member.wire_name)
        if not sent or member.node.kind == "list":
            return sent
        return int(sent[0]) if member.node.kind in ("integer", "long") and sent[0].isdigit() else sent[0]
    return body.get(member.wire_name)


def render(operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
    """The answer of a call that went well. Raises InternalServer for one that breaks its shape: a defect here."""
    headers = {"x-amzn-RequestId": request_id}
    if operation.output is None:
        if output:
            raise InternalServer(f"{operation.name} has no output, yet was given {sorted(output)}")
        return Reply(operation.status, headers, b"")
    if not compiled(operation.output)(output):
        found = next(problems(operation.output, output, strict=True), "in a way unknown")
        raise InternalServer(f"The emulator's answer to {operation.name} breaks the model: {found}")
    return _reply(operation.status, operation.output.members.values(), output, headers)


def render_error(model: Model, error: ServiceError, request_id: str) -> Reply:
    headers = {"x-amzn-RequestId": request_id, "x-amzn-errortype": error.code}
    shape = model.errors.get(error.code)
    if shape is None:
        body = {"message": error.message, "code": error.code}
        return Reply(error.status, headers | JSON, json.dumps(body).encode())
    output: dict[str, Any] = {"message": error.message, **error.members}
    if "code" in shape.node.members:
        output.setdefault("code", error.code)
    found = list(problems(shape.node, output, strict=True))
    if found:
        output = {"message": f"The emulator's {error.code} breaks the model: {found[0]}; it said: {error.message}"}
    return _reply(shape.status, shape.node.members.values(), output, headers)


def _reply(status: int, members: Iterable[Member], output: dict[str, Any], headers: dict[str, str]) -> Reply:
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
