"""Validates values against the shapes of the service model.

A pattern must match the whole string, as in the service. A length counts the characters of a string and the entries of
a list or map.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drs_emulator.errors import InternalServer, Invalid
from drs_emulator.protocol.service_model import Check, Operation, Shape


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'body'}: {self.message}"


def check_input(operation: Operation, values: dict[str, Any]) -> None:
    """Raise Invalid, which names the first fields that break the model."""
    problems = list(find_problems(operation.input, values)) if operation.input else []
    if problems:
        text = "; ".join(map(str, problems[:10]))
        raise Invalid(f"{operation.name}: {text}", fields=[(p.path, p.message) for p in problems[:100]])


def check_output(operation: Operation, output: dict[str, Any]) -> None:
    """Raise InternalServer if the output breaks the model, which is a defect here."""
    if operation.output is None:
        if output:
            raise InternalServer(f"{operation.name} has no output, but its handler returned {sorted(output)}")
    elif not compile_check(operation.output)(output):
        problem = next(find_problems(operation.output, output, strict=True), "for an unknown reason")
        raise InternalServer(f"The emulator's response to {operation.name} breaks the model: {problem}")


def find_problems(shape: Shape, value: Any, path: str = "", *, strict: bool = False) -> Iterator[Problem]:
    """Yield the problems of `value`. `strict`, for the emulator's own responses, also reports unknown members."""
    if not _has_type(shape.kind, value):
        yield Problem(path, f"must be of type {shape.kind}")
    elif shape.kind == "structure":
        yield from _find_structure_problems(shape, value, path, strict)
    elif shape.kind == "string":
        yield from _find_string_problems(shape, value, path)
    elif shape.kind == "list" and shape.element:
        yield from _find_bound_problems(shape, len(value), path, "number of entries")
        for index, entry in enumerate(value):
            yield from find_problems(shape.element, entry, f"{path}[{index}]", strict=strict)
    elif shape.kind == "map" and shape.key and shape.element:
        yield from _find_bound_problems(shape, len(value), path, "number of entries")
        for key, entry in value.items():
            yield from find_problems(shape.key, key, f"{path} key {key!r}", strict=strict)
            yield from find_problems(shape.element, entry, f"{path}.{key}", strict=strict)
    elif shape.kind in ("integer", "long"):
        yield from _find_bound_problems(shape, value, path, "value")
    elif shape.kind == "timestamp":
        yield from _find_timestamp_problems(value, path)


PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "timestamp": str,  # the model's date-time members are ISO strings
    "epoch": (int, float),
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}


def _has_type(kind: str, value: object) -> bool:
    return isinstance(value, PYTHON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _find_structure_problems(shape: Shape, value: dict[str, Any], path: str, strict: bool) -> Iterator[Problem]:
    dot = f"{path}." if path else ""
    for name in sorted(shape.required):
        if value.get(name) is None:
            yield Problem(dot + name, "is required")
    for name, entry in value.items():
        member = shape.members.get(name)
        if member is None:
            if strict:
                yield Problem(dot + name, f"is no member of {shape.name}")
        elif entry is not None or strict:
            yield from find_problems(member.shape, entry, dot + name, strict=strict)


def _find_string_problems(shape: Shape, value: str, path: str) -> Iterator[Problem]:
    yield from _find_bound_problems(shape, len(value), path, "length")
    if shape.enum and value not in shape.enum:
        yield Problem(path, f"must be one of {', '.join(sorted(shape.enum))}")
    if shape.pattern and not shape.pattern.fullmatch(value):
        yield Problem(path, f"must match {shape.pattern.pattern}")


def _find_bound_problems(shape: Shape, size: int, path: str, what: str) -> Iterator[Problem]:
    if shape.minimum is not None and size < shape.minimum:
        yield Problem(path, f"{what} {size} is below the minimum of {shape.minimum}")
    if shape.maximum is not None and size > shape.maximum:
        yield Problem(path, f"{what} {size} is above the maximum of {shape.maximum}")


def _find_timestamp_problems(value: str, path: str) -> Iterator[Problem]:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        yield Problem(path, "must be an ISO 8601 date and time")


def compile_check(shape: Shape) -> Check:
    """Return a faster check by the rules of `find_problems` with `strict`, for responses with many servers."""
    if shape.check is None:
        shape.check = lambda value: compile_check(shape)(value)  # a shape can contain itself
        compilers = {
            "structure": _compile_structure_check,
            "list": _compile_list_check,
            "map": _compile_map_check,
            "string": _compile_string_check,
        }
        shape.check = compilers.get(shape.kind, _compile_scalar_check)(shape)
    return shape.check


def _compile_structure_check(shape: Shape) -> Check:
    required = shape.required
    members = {name: compile_check(member.shape) for name, member in shape.members.items()}

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        return all(name in members and members[name](entry) for name, entry in value.items())

    return check


def _compile_list_check(shape: Shape) -> Check:
    low, high = shape.minimum or 0, math.inf if shape.maximum is None else shape.maximum
    element = compile_check(shape.element) if shape.element else bool

    def check(value: Any) -> bool:
        return isinstance(value, list) and low <= len(value) <= high and all(map(element, value))

    return check


def _compile_map_check(shape: Shape) -> Check:
    low, high = shape.minimum or 0, math.inf if shape.maximum is None else shape.maximum
    key, element = (compile_check(part) if part else bool for part in (shape.key, shape.element))

    def check(value: Any) -> bool:
        fits = isinstance(value, dict) and low <= len(value) <= high
        return fits and all(map(key, value)) and all(map(element, value.values()))

    return check


def _compile_string_check(shape: Shape) -> Check:
    low, high, enum = shape.minimum or 0, math.inf if shape.maximum is None else shape.maximum, shape.enum
    fullmatch = shape.pattern.fullmatch if shape.pattern else None

    def check(value: Any) -> bool:
        if not isinstance(value, str) or not low <= len(value) <= high or (enum and value not in enum):
            return False
        return fullmatch is None or fullmatch(value) is not None

    return check


def _compile_scalar_check(shape: Shape) -> Check:
    """Compile the check of a shape that is neither a string nor a container."""
    bounded = shape.minimum is not None or shape.maximum is not None

    def check(value: Any) -> bool:
        if bounded or shape.kind == "timestamp":
            return not any(find_problems(shape, value, strict=True))
        return _has_type(shape.kind, value)

    return check
