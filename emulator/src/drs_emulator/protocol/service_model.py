"""botocore's `drs` service model: its operations, errors and shapes.

Routes, statuses, shapes and error shapes all come from this model, so an SDK update is an update here.
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
class Node:
    """One shape. `element` is a list's member or a map's value; `kind` is the model's own type name."""

    name: str
    kind: str
    minimum: int | None = None
    maximum: int | None = None
    pattern: re.Pattern[str] | None = None
    enum: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    members: dict[str, "Member"] = field(default_factory=dict)
    key: "Node | None" = None
    element: "Node | None" = None
    check: "Check | None" = None  # see `compiled`


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a structure: `location` is body, uri, querystring, header or statusCode."""

    name: str
    wire_name: str
    location: str
    node: Node


class NodeFactory:
    """Translates botocore shapes, each once, so that a shape that holds itself would not loop."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}

    def node(self, shape: Any) -> Node:
        if shape.name in self._nodes:
            return self._nodes[shape.name]
        traits: dict[str, Any] = shape.metadata
        pattern = traits.get("pattern")
        node = self._nodes[shape.name] = Node(
            name=shape.name,
            kind=shape.type_name,
            minimum=traits.get("min"),
            maximum=traits.get("max"),
            pattern=re.compile(pattern) if pattern else None,
            enum=frozenset(traits.get("enum", ())),
        )
        if node.kind == "structure":
            node.required = frozenset(shape.required_members)
            for name, member in shape.members.items():
                where: dict[str, str] = member.serialization
                node.members[name] = Member(
                    name, where.get("name", name), where.get("location", "body"), self.node(member)
                )
        elif node.kind == "list":
            node.element = self.node(shape.member)
        elif node.kind == "map":
            node.key, node.element = self.node(shape.key), self.node(shape.value)
        return node


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    method: str
    uri: str
    status: int
    input: Node | None
    output: Node | None
    errors: frozenset[str]


@dataclass(frozen=True, slots=True)
class ErrorShape:
    status: int
    node: Node


class Model:
    """Every operation and error of the service."""

    def __init__(self, service: Any) -> None:
        nodes = NodeFactory()
        self.operations: dict[str, Operation] = {}
        for name in service.operation_names:
            model = service.operation_model(name)
            self.operations[name] = Operation(
                name=name,
                method=model.http["method"],
                uri=model.http["requestUri"],
                status=model.http.get("responseCode", 200),
                input=nodes.node(model.input_shape) if model.input_shape else None,
                output=nodes.node(model.output_shape) if model.output_shape else None,
                errors=frozenset(error.name for error in model.error_shapes),
            )
        self.errors = {
            shape.name: ErrorShape(shape.metadata["error"]["httpStatusCode"], nodes.node(shape))
            for shape in service.error_shapes
        }
        self.nodes = nodes
        self._service = service
        self._fixed = {(o.method, o.uri): o for o in self.operations.values() if "{" not in o.uri}
        self._labelled = [(o, _uri_pattern(o.uri)) for o in self.operations.values() if "{" in o.uri]

    def node(self, shape_name: str) -> Node:
        return self.nodes.node(self._service.shape_for(shape_name))

    def match(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """The operation of a request, and the values of its path labels. Raises UnknownOperation."""
        found = self._fixed.get((method, path))
        if found:
            return found, {}
        for operation, pattern in self._labelled:
            if operation.method == method and (match := pattern.fullmatch(path)):
                return operation, {label: unquote(value) for label, value in match.groupdict().items()}
        raise UnknownOperation(f"{method} {path} is no operation of this service")


@cache
def drs_model() -> Model:
    return Model(botocore.session.get_session().get_service_model("drs"))


def _uri_pattern(uri: str) -> re.Pattern[str]:
    """Labels take anything to the next literal: an SDK that leaves an ARN's slashes unescaped is understood too."""
    parts = re.split(r"\{(\w+)\+?\}", uri)
    return re.compile("".join(f"(?P<{part}>.+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
