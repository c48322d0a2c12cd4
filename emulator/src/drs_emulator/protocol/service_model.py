"""botocore's service models: operations, errors and shapes of DRS, Systems Manager, EC2 and Elastic Load Balancing.

The emulator takes every route, status and shape from these models, so an update of botocore updates the emulator.
"""

import re
from collections.abc import Callable, Iterator, Mapping
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
EXTRA_VALUES = {
    "JobLogEvent": {"LAUNCH_END"},
    "AttachmentStatus": {"available"},  # of an internet gateway
}
# Shapes whose pattern real answers break: SSM's StringDateTime is empty before a command runs, and also a duration
UNCHECKED_PATTERNS = {"StringDateTime"}
JAVA_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d"}


def _compile_pattern(shape: str, pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None or shape in UNCHECKED_PATTERNS:
        return None
    for java, python in JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


class ShapeFactory:
    """Translates botocore's shapes. Each is translated once, because a shape can contain itself.

    `time_kind` is the kind of the timestamps: `timestamp` is ISO 8601 text, `epoch` is a number of seconds.
    """

    def __init__(self, time_kind: str = "timestamp") -> None:
        self._time_kind = time_kind
        self._shapes: dict[str, Shape] = {}

    def translate(self, source: Any) -> Shape:
        if source.name in self._shapes:
            return self._shapes[source.name]
        traits: dict[str, Any] = source.metadata
        shape = self._shapes[source.name] = Shape(
            name=source.name,
            kind=self._time_kind if source.type_name == "timestamp" else source.type_name,
            minimum=traits.get("min"),
            maximum=traits.get("max"),
            pattern=_compile_pattern(source.name, traits.get("pattern")),
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


class _Operations(Mapping[str, Operation]):
    """The operations of a service. Each is translated when it is asked for, because EC2 has hundreds of them."""

    def __init__(self, service: Any, factory: ShapeFactory) -> None:
        self._service, self._factory = service, factory
        self._names: list[str] = list(service.operation_names)
        self._translated: dict[str, Operation] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Operation:
        if name not in self._translated:
            if name not in self._names:
                raise KeyError(name)
            model, translate = self._service.operation_model(name), self._factory.translate
            self._translated[name] = Operation(
                name=name,
                method=model.http["method"],
                uri=model.http["requestUri"],
                status=model.http.get("responseCode", 200),
                input=translate(model.input_shape) if model.input_shape else None,
                output=translate(model.output_shape) if model.output_shape else None,
                errors=frozenset(error.name for error in model.error_shapes),
            )
        return self._translated[name]


class ServiceModel:
    """Every operation and error of a service. A model without the status of an error has 500 for InternalServerError,
    and 400 for the others.
    """

    def __init__(self, service: Any) -> None:
        self._service = service
        self._factory = ShapeFactory("epoch" if service.metadata["protocol"] == "json" else "timestamp")
        self.operations: Mapping[str, Operation] = _Operations(service, self._factory)
        self.target_prefix: str = service.metadata.get("targetPrefix", "")
        self.xml_namespace: str = service.metadata.get("xmlNamespace", "")
        self.version: str = service.metadata["apiVersion"]
        self.errors = {source.name: self._translate_error(source) for source in service.error_shapes}
        routed = self.operations.values() if service.metadata["protocol"] == "rest-json" else ()
        self._by_route = {(o.method, o.uri): o for o in routed if "{" not in o.uri}
        self._with_labels = [(o, _compile_uri(o.uri)) for o in routed if "{" in o.uri]

    def _translate_error(self, source: Any) -> ErrorShape:
        status = source.metadata.get("error", {}).get("httpStatusCode", 500 if _is_failure(source.name) else 400)
        return ErrorShape(status, self._factory.translate(source))

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


def _is_failure(error: str) -> bool:
    return "InternalServer" in error or error == "ServiceException"


@cache
def service_model(name: str) -> ServiceModel:
    """Return the model of botocore's service: drs, ssm, ec2, elbv2, iam or service-quotas."""
    return ServiceModel(botocore.session.get_session().get_service_model(name))


def drs_model() -> ServiceModel:
    return service_model("drs")


def _compile_uri(uri: str) -> re.Pattern[str]:
    """Let a label match anything up to the next literal, because some SDKs do not escape the slashes of an ARN."""
    parts = re.split(r"\{(\w+)\+?\}", uri)
    return re.compile("".join(f"(?P<{part}>.+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)))
