"""botocore's `drs` service model: operations, errors and shapes.

The emulator takes every route, status and shape from this model, so an update of botocore updates the emulator.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import unquote

import botocore.session

from drs_emulator.errors import UnknownOperation

Check = Callable[[Any], bool]


@dataclass(slots=True)
class Shape:
    """A shape of the model. `kind` is its type name; `element` is a list's member or a map's value.

    `validation.compile_check` fills `check`.
    """

    name: str
    kind: str
    minimum: int | None = None
    maximum: int | None = None
    pattern: re.Pattern[str] | None = None
    enum: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    members: dict[str, "Member"] = field(default_factory=dict)
    key: "Shape | None" = None
    element: "Shape | None" = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a structure. `location` is body, uri, querystring, header or statusCode."""

    name: str
    wire_name: str
    location: str
    shape: Shape


# Values that real answers have and the model lacks
EXTRA_VALUES = {"JobLogEvent": {"LAUNCH_END"}}


class ShapeFactory:
    """Translates botocore's shapes. Each is translated once, because a shape can contain itself."""

    def __init__(self) -> None:
        self._shapes: dict[str, Shape] = {}

    def translate(self, source: Any) -> Shape:
        if source.name in self._shapes:
            return self._shapes[source.name]
        traits: dict[str, Any] = source.metadata
        pattern = traits.get("pattern")
        shape = self._shapes[source.name] = Shape(
            name=source.name,
            kind=source.type_name,
            minimum=traits.get("min"),
            maximum=traits.get("max"),
            pattern=re.compile(pattern) if pattern else None,
            enum=frozenset(traits.get("enum", ())) | EXTRA_VALUES.get(source.name, set()),
        )
        if shape.kind == "structure":
            shape.required = frozenset(source.required_members)
            for name, member in source.members.items():
                wire: dict[str, str] = member.serialization
                shape.members[name] = Member(
                    name, wire.get("name", name), wire.get("location", "body"), self.translate(member)
                )
        elif shape.kind == "list":
            shape.element = self.translate(source.member)
        elif shape.kind == "map":
            shape.key, shape.element = self.translate(source.key), self.translate(source.value)
        return shape


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    uri: str
    status: int
    input: Shape | None
    output: Shape | None
    errors: frozenset[str]


@dataclass(frozen=True, slots=True)
class ErrorShape:
    status: int
    shape: Shape


class ServiceModel:
    """Every operation and error of the service."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._factory = ShapeFactory()
        translate = self._factory.translate
        self.operations: dict[str, Operation] = {}
        for name in service.operation_names:
            model = service.operation_model(name)
            self.operations[name] = Operation(
                name=name,
                method=model.http["method"],
                uri=model.http["requestUri"],
                status=model.http.get("responseCode", 200),
                input=translate(model.input_shape) if model.input_shape else None,
                output=translate(model.output_shape) if model.output_shape else None,
                errors=frozenset(error.name for error in model.error_shapes),
            )
        self.errors = {
            source.name: ErrorShape(source.metadata["error"]["httpStatusCode"], translate(source))
            for source in service.error_shapes
        }
        self._by_route = {(o.method, o.uri): o for o in self.operations.values() if "{" not in o.uri}
        self._with_labels = [(o, _compile_uri(o.uri)) for o in self.operations.values() if "{" in o.uri]

    def shape(self, name: str) -> Shape:
        return self._factory.translate(self._service.shape_for(name))

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Find a request's operation and the values of its path labels. Raise UnknownOperation."""
        operation = self._by_route.get((method, path))
        if operation:
            return operation, {}
        for operation, pattern in self._with_labels:
            if operation.method == method and (match := pattern.fullmatch(path)):
                return operation, {label: unquote(value) for label, value in match.groupdict().items()}
        raise UnknownOperation(f"{method} {path} is no operation of this service")


@cache
def drs_model() -> ServiceModel:
    return ServiceModel(botocore.session.get_session().get_service_model("drs"))


def _compile_uri(uri: str) -> re.Pattern[str]:
    """Let a label match anything up to the next literal, because some SDKs do not escape the slashes of an ARN."""
    parts = re.split(r"\{(\w+)\+?\}", uri)
    return re.compile("".join(f"(?P<{part}>.+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
