"""The query protocols: requests are forms, responses are XML. EC2 has a dialect of its own."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from drs_emulator.errors import (
    AccessDenied,
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


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a query protocol differs: the name of entries of lists in responses, and what comes before their numbers in
    requests; whether the result has an element of its own; the elements around an error; and its own codes.
    """

    item: str
    numbered: str
    wraps_result: bool
    error: tuple[str, str]
    codes: dict[type[ServiceError], tuple[str, int]]


EC2_CODES: dict[
    type[ServiceError], tuple[str, int]
] = {  # EC2's own names for what the emulator raises for all services
    Throttled: ("RequestLimitExceeded", 503),
    InternalServer: ("InternalError", 500),
    Invalid: ("InvalidParameterValue", 400),
    UnknownCredentials: ("AuthFailure", 401),
    AccessDenied: ("UnauthorizedOperation", 403),
}
EC2 = Dialect(
    "item", "", False, ("<Response><Errors><Error>", "</Error></Errors><RequestID>{}</RequestID></Response>"), EC2_CODES
)
QUERY = Dialect(
    "member",
    "member.",
    True,
    ("<ErrorResponse><Error><Type>Sender</Type>", "</Error><RequestId>{}</RequestId></ErrorResponse>"),
    {
        Throttled: ("Throttling", 400),
        InternalServer: ("InternalFailure", 500),
        Invalid: ("ValidationError", 400),
        UnknownCredentials: ("InvalidClientTokenId", 403),
        AccessDenied: ("AccessDenied", 403),
    },
)
Form = dict[str, str]
WHOLE: tuple[str, Callable[[str], float]] = (r"-?\d+", int)
DECIMAL: tuple[str, Callable[[str], float]] = (r"-?\d+(\.\d+)?", float)
NUMBERS = {"integer": WHOLE, "long": WHOLE, "float": DECIMAL, "double": DECIMAL}


def read_form(request: Request) -> Form:
    return dict(parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))


def match(model: ServiceModel, request: Request) -> Operation:
    """Find the operation of a request. Raise Refused."""
    action = read_form(request).get("Action", "")
    if action not in model.operations:
        raise Refused("InvalidAction", f"The action {action} is not valid for this web service.")
    return model.operations[action]


def parse(dialect: Dialect, operation: Operation, request: Request) -> dict[str, Any]:
    """Return the validated input of a request, without members unknown to the model. Raise Invalid and Refused."""
    members = operation.input.members if operation.input else {}
    values = _FormReader(read_form(request), dialect).read_members(members, "")
    check_input(operation, values)
    return values


class _FormReader:
    def __init__(self, form: Form, dialect: Dialect) -> None:
        self._form, self._numbered = form, dialect.numbered

    def read_members(self, members: dict[str, Member], prefix: str) -> dict[str, Any]:
        values = {}
        for member in members.values():
            name = member.wire_name[:1].upper() + member.wire_name[1:]
            value = self._read(member.shape, f"{prefix}{name}")
            if value is not None:
                values[member.name] = value
        return values

    def _read(self, shape: Shape, path: str) -> Any:
        if shape.kind == "list" and shape.element:
            start = f"{path}.{self._numbered}"
            found = (re.match(rf"{re.escape(start)}(\d+)(\.|$)", name) for name in self._form)
            numbers = sorted({int(each[1]) for each in found if each})
            return [self._read(shape.element, f"{start}{number}") for number in numbers] or None
        if shape.kind == "structure":
            return self.read_members(shape.members, f"{path}.") or None
        text = self._form.get(path)
        if text is None or shape.kind not in {"boolean", *NUMBERS}:
            return text
        if shape.kind == "boolean":
            return text == "true"
        pattern, read = NUMBERS[shape.kind]
        if not re.fullmatch(pattern, text):
            raise Refused("InvalidParameterValue", f"Value ({text}) for parameter {path} is invalid.")
        return read(text)


def render(
    dialect: Dialect, model: ServiceModel, operation: Operation, output: dict[str, Any], request_id: str
) -> Reply:
    name, number = operation.name, f"<requestId>{request_id}</requestId>"
    inner = number + (_write_members(operation.output, output, dialect.item) if operation.output else "")
    if dialect.wraps_result:
        result = inner.removeprefix(number)
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        inner = f"<{name}Result>{result}</{name}Result>{metadata}"
    namespace = model.xml_namespace.rstrip("/")
    body = f'<{name}Response xmlns="{namespace}/">{inner}</{name}Response>'
    return Reply(200, dict(XML), body.encode())


def _write_members(shape: Shape, value: dict[str, Any], item: str) -> str:
    named = ((member, value[name]) for name, member in shape.members.items() if name in value)
    return "".join(f"<{m.wire_name}>{_write(m.shape, entry, item)}</{m.wire_name}>" for m, entry in named)


def _write(shape: Shape, value: Any, item: str) -> str:
    if shape.kind == "list" and shape.element:
        return "".join(f"<{item}>{_write(shape.element, entry, item)}</{item}>" for entry in value)
    if shape.kind == "structure":
        return _write_members(shape, value, item)
    return str(value).lower() if shape.kind == "boolean" else escape(str(value))


def render_error(dialect: Dialect, error: ServiceError, request_id: str) -> Reply:
    code, status = dialect.codes.get(type(error), (error.code, error.status))
    if isinstance(error, Unavailable):
        code = "Unavailable"
    before, after = dialect.error
    body = f"{before}<Code>{code}</Code><Message>{escape(error.message)}</Message>{after.format(request_id)}"
    return Reply(status, dict(XML), body.encode())
