"""EC2's query protocol: requests are forms, responses are XML."""

import re
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from drs_emulator.errors import (
    InternalServer,
    Invalid,
    Refused,
    ServiceError,
    Throttled,
    Unavailable,
    UnknownCredentials,
)
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.protocol.service_model import Member, Operation, ServiceModel, Shape
from drs_emulator.protocol.validation import check_input

XML = {"Content-Type": "text/xml;charset=UTF-8"}
CODES: dict[type[ServiceError], tuple[str, int]] = {  # EC2's own names for what the emulator raises for all services
    Throttled: ("RequestLimitExceeded", 503),
    InternalServer: ("InternalError", 500),
    Invalid: ("InvalidParameterValue", 400),
    UnknownCredentials: ("AuthFailure", 401),
}
Form = dict[str, str]


def read_form(request: Request) -> Form:
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def match(model: ServiceModel, request: Request) -> Operation:
    """Find the operation of a request. Raise Refused."""
    action = read_form(request).get("Action", "")
    if action not in model.operations:
        raise Refused("InvalidAction", f"The action {action} is not valid for this web service.")
    return model.operations[action]


def parse(operation: Operation, request: Request) -> dict[str, Any]:
    """Return the validated input of a request, without members unknown to the model. Raise Invalid and Refused."""
    members = operation.input.members if operation.input else {}
    values = _read_members(members, read_form(request), "")
    check_input(operation, values)
    return values


def _read_members(members: dict[str, Member], form: Form, prefix: str) -> dict[str, Any]:
    values = {}
    for member in members.values():
        name = member.wire_name[:1].upper() + member.wire_name[1:]
        value = _read(member.shape, form, f"{prefix}{name}")
        if value is not None:
            values[member.name] = value
    return values


def _read(shape: Shape, form: Form, path: str) -> Any:
    if shape.kind == "list" and shape.element:
        numbers = {int(found[1]) for name in form if (found := re.match(rf"{re.escape(path)}\.(\d+)(\.|$)", name))}
        return [_read(shape.element, form, f"{path}.{number}") for number in sorted(numbers)] or None
    if shape.kind == "structure":
        return _read_members(shape.members, form, f"{path}.") or None
    text = form.get(path)
    if text is None or shape.kind not in ("integer", "boolean"):
        return text
    if shape.kind == "boolean":
        return text == "true"
    if not re.fullmatch(r"-?\d+", text):
        raise Refused("InvalidParameterValue", f"Value ({text}) for parameter {path} is invalid.")
    return int(text)


def render(model: ServiceModel, operation: Operation, output: dict[str, Any], request_id: str) -> Reply:
    inner = _write_members(operation.output, output) if operation.output else ""
    body = (
        f'<{operation.name}Response xmlns="{model.xml_namespace}/"><requestId>{request_id}</requestId>'
        f"{inner}</{operation.name}Response>"
    )
    return Reply(200, dict(XML), body.encode())


def _write_members(shape: Shape, value: dict[str, Any]) -> str:
    named = ((member, value[name]) for name, member in shape.members.items() if name in value)
    return "".join(f"<{m.wire_name}>{_write(m.shape, entry)}</{m.wire_name}>" for m, entry in named)


def _write(shape: Shape, value: Any) -> str:
    if shape.kind == "list" and shape.element:
        return "".join(f"<item>{_write(shape.element, entry)}</item>" for entry in value)
    if shape.kind == "structure":
        return _write_members(shape, value)
    return str(value).lower() if shape.kind == "boolean" else escape(str(value))


def render_error(error: ServiceError, request_id: str) -> Reply:
    code, status = CODES.get(type(error), (error.code, error.status))
    if isinstance(error, Unavailable):
        code = "Unavailable"
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(error.message)}</Message></Error></Errors>"
        f"<RequestID>{request_id}</RequestID></Response>"
    )
    return Reply(status, dict(XML), body.encode())
