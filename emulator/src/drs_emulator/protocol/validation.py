"""What is wrong with a value held against a shape of the service model.

Patterns are matched whole, as the service does. Lengths count characters for strings and entries for lists and maps.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from drs_emulator.protocol.service_model import Check, Node


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or 'body'}: {self.message}"


def problems(node: Node, value: Any, path: str = "", *, strict: bool = False) -> Iterator[Problem]:
    """What is wrong with `value`; `strict` also reports members the shape does not have (for our own answers)."""
    if not _fits(node.kind, value):
        yield Problem(path, f"must be of type {node.kind}")
    elif node.kind == "structure":
        yield from _structure_problems(node, value, path, strict)
    elif node.kind == "string":
        yield from _string_problems(node, value, path)
    elif node.kind == "list" and node.element:
        yield from _bound_problems(node, len(value), path, "number of entries")
        for index, entry in enumerate(value):
            yield from problems(node.element, entry, f"{path}[{index}]", strict=strict)
    elif node.kind == "map" and node.key and node.element:
        yield from _bound_problems(node, len(value), path, "number of entries")
        for key, entry in value.items():
            yield from problems(node.key, key, f"{path} key {key!r}", strict=strict)
            yield from problems(node.element, entry, f"{path}.{key}", strict=strict)
    elif node.kind in ("integer", "long"):
        yield from _bound_problems(node, value, path, "value")
    elif node.kind == "timestamp":
        yield from _timestamp_problems(value, path)


PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "timestamp": str,  # restJson1 sends the model's date-time members as ISO strings
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}


def _fits(kind: str, value: object) -> bool:
    return isinstance(value, PYTHON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _structure_problems(node: Node, value: dict[str, Any], path: str, strict: bool) -> Iterator[Problem]:
    dot = f"{path}." if path else ""
    for name in sorted(node.required):
        if value.get(name) is None:
            yield Problem(dot + name, "is required")
    for name, entry in value.items():
        member = node.members.get(name)
        if member is None:
            if strict:
                yield Problem(dot + name, f"is no member of {node.name}")
        elif entry is not None or strict:
            yield from problems(member.node, entry, dot + name, strict=strict)


def _string_problems(node: Node, value: str, path: str) -> Iterator[Problem]:
    yield from _bound_problems(node, len(value), path, "length")
    if node.enum and value not in node.enum:
        yield Problem(path, f"must be one of {', '.join(sorted(node.enum))}")
    if node.pattern and not node.pattern.fullmatch(value):
        yield Problem(path, f"must match {node.pattern.pattern}")


def _bound_problems(node: Node, size: int, path: str, what: str) -> Iterator[Problem]:
    if node.minimum is not None and size < node.minimum:
        yield Problem(path, f"{what} {size} is below the minimum of {node.minimum}")
    if node.maximum is not None and size > node.maximum:
        yield Problem(path, f"{what} {size} is above the maximum of {node.maximum}")


def _timestamp_problems(value: str, path: str) -> Iterator[Problem]:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        yield Problem(path, "must be an ISO 8601 date and time")


def compiled(node: Node) -> Check:
    """Whether `problems` with `strict` would find nothing: the same rules, made quick for answers of many servers."""
    if node.check is None:
        node.check = lambda value: compiled(node)(value)  # until it is made, for a shape that holds itself
        makers = {"structure": _structure_check, "list": _list_check, "map": _map_check, "string": _string_check}
        node.check = makers.get(node.kind, _number_check)(node)
    return node.check


def _structure_check(node: Node) -> Check:
    required = node.required
    members = {name: compiled(member.node) for name, member in node.members.items()}

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        return all(name in members and members[name](entry) for name, entry in value.items())

    return check


def _list_check(node: Node) -> Check:
    low, high = node.minimum or 0, math.inf if node.maximum is None else node.maximum
    element = compiled(node.element) if node.element else bool

    def check(value: Any) -> bool:
        return isinstance(value, list) and low <= len(value) <= high and all(map(element, value))

    return check


def _map_check(node: Node) -> Check:
    low, high = node.minimum or 0, math.inf if node.maximum is None else node.maximum
    key, element = (compiled(part) if part else bool for part in (node.key, node.element))

    def check(value: Any) -> bool:
        fits = isinstance(value, dict) and low <= len(value) <= high
        return fits and all(map(key, value)) and all(map(element, value.values()))

    return check


def _string_check(node: Node) -> Check:
    low, high, enum = node.minimum or 0, math.inf if node.maximum is None else node.maximum, node.enum
    fullmatch = node.pattern.fullmatch if node.pattern else None

    def check(value: Any) -> bool:
        if not isinstance(value, str) or not low <= len(value) <= high or (enum and value not in enum):
            return False
        return fullmatch is None or fullmatch(value) is not None

    return check


def _number_check(node: Node) -> Check:
    """Of all that is neither text nor holds anything."""
    bounded = node.minimum is not None or node.maximum is not None

    def check(value: Any) -> bool:
        if bounded or node.kind == "timestamp":
            return not any(problems(node, value, strict=True))
        return _fits(node.kind, value)

    return check
