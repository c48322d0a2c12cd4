"""Evaluate the JSONata of state machines the way Step Functions does, with jsonata-python.

Differences from plain JSONata that matter here: a result that is undefined is an error, a variable that was never
assigned is an error, there is no `$eval`, and there are six more functions
(https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html).
"""

import collections
import hashlib
import json
import random
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jsonata import Jsonata
from jsonata.utils import Utils

UNDEFINED: Any = object()
"""What JSONata calls undefined; None is its null."""


class QueryEvaluationError(Exception):
    """The expression fails; Step Functions reports States.QueryEvaluationError."""


def _partition(array: Any, size: int) -> Any:
    items = array if isinstance(array, list) else [array]
    return [items[start : start + size] for start in range(0, len(items), size)]


def _range(first: float, last: float, step: float) -> list[float]:
    if step == 0:
        raise QueryEvaluationError("$range needs a step other than 0")
    count = int((last - first) // step) + 1
    return [first + step * i for i in range(max(0, count))]


def _hash(value: Any, algorithm: str) -> str:
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _random(seed: Any = None) -> float:
    return random.random() if seed is None else random.Random(seed).random()


def _no_eval(*_: Any) -> Any:
    raise QueryEvaluationError("Step Functions does not support $eval; use $parse")


FUNCTIONS: dict[str, Any] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda *_: str(uuid.uuid4()),
    "parse": json.loads,
    "eval": _no_eval,
}


class Expression:
    """One compiled expression. Not thread-safe, as Jsonata objects are not: get it from `compiled`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._program = Jsonata(text)
        self._program.set_output_convert_nulls(False)
        nodes = list(_nodes(self._program.ast))
        asked = {id(node) for call in nodes if _is_call_of(call, "exists") for node in _nodes(call.arguments)}
        own = _names_bound_inside(nodes)
        self.free_variables = frozenset(
            str(node.value)
            for node in nodes
            if node.type == "variable" and node.value and node.value != "$" and node.value not in own
            if id(node) not in asked and Jsonata.static_frame.lookup(str(node.value)) is None
        ) - set(FUNCTIONS)
        exists_paths = {path for node in nodes if id(node) in asked if (path := _plain_path(node))}
        compared = {id(side) for node in nodes if _is_equality(node) for side in (node.lhs, node.rhs)}
        self.unguarded_paths = frozenset(
            path
            for node in nodes
            if id(node) not in compared and (path := _plain_path(node)) and path[0] not in own
            if not any(path[: len(guard)] == guard or guard[: len(path)] == path for guard in exists_paths)
        )
        """Paths such as ('states', 'input', 'mode') that have to exist. Not those that the expression puts to $exists,
        nor those it compares by =, != or in: without the path such a comparison is false, and the Choice goes on."""

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """Return JSON, or UNDEFINED; raise QueryEvaluationError."""
        missing = sorted(name for name in self.free_variables if name not in bindings)
        if missing:
            raise QueryEvaluationError(f"variable ${missing[0]} was never assigned")
        frame = self._program.create_frame()
        for name, function in FUNCTIONS.items():
            frame.bind(name, Jsonata.JLambda(function))
        for name, value in bindings.items():
            frame.bind(name, Utils.NULL_VALUE if value is None else value)
        try:
            result = self._program.evaluate(None, frame)
        except QueryEvaluationError:
            raise
        except Exception as error:  # whatever the library raises, AWS has one name for it
            raise QueryEvaluationError(str(error)) from error
        return UNDEFINED if result is None else _to_json(result)

    def missing_paths(self, bindings: Mapping[str, Any]) -> list[str]:
        """Paths the expression takes for granted that lead nowhere: JSONata calls them undefined and goes on."""
        return sorted("$" + ".".join(path) for path in self.unguarded_paths if not _leads_somewhere(path, bindings))


_spare: collections.defaultdict[str, list[Expression]] = collections.defaultdict(list)


@contextmanager
def compiled(text: str) -> Iterator[Expression]:
    """The compiled expression, for one thread at a time: one that no other has in use, or a new one."""
    try:
        expression = _spare[text].pop()
    except IndexError:
        expression = Expression(text)
    yield expression
    _spare[text].append(expression)


def _nodes(root: Any) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, (list, tuple)):
            waiting.extend(node)
        elif hasattr(node, "lbp") and id(node) not in seen:
            seen.add(id(node))
            yield node
            waiting.extend(value for key, value in vars(node).items() if key != "_outer_instance")


def _is_call_of(node: Any, name: str) -> bool:
    return node.type == "function" and getattr(node.procedure, "value", None) == name


def _is_equality(node: Any) -> bool:
    return node.type == "binary" and node.value in ("=", "!=", "in")


def _names_bound_inside(nodes: list[Any]) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if node.type == "lambda":
            names.update(str(argument.value) for argument in node.arguments)
        elif node.type == "bind":
            names.add(str(node.lhs.value))
        for bound in (getattr(node, "focus", None), getattr(node, "index", None)):
            if isinstance(bound, str):
                names.add(bound)
    return names


def _plain_path(node: Any) -> tuple[str, ...] | None:
    """('states', 'input', 'a') for `$states.input.a…`, up to the first step that is more than a name."""
    if node.type != "path" or node.steps[0].type != "variable" or not node.steps[0].value:
        return None
    path = [str(node.steps[0].value)]
    for step in node.steps[1:]:
        if step.type != "name":
            break
        path.append(str(step.value))
        if getattr(step, "stages", None) or getattr(step, "predicate", None):
            break
    return tuple(path) if len(path) > 1 else None


def _leads_somewhere(path: tuple[str, ...], bindings: Mapping[str, Any]) -> bool:
    value: Any = bindings.get(path[0])
    for name in path[1:]:
        if not isinstance(value, dict):
            return value is not None  # an array is walked by JSONata itself; null and scalars have no fields
        if name not in value:
            return False
        value = value[name]
    return True


def _to_json(value: Any) -> Any:
    if value is Utils.NULL_VALUE or value is None:
        return None
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)):
        # JSON has one kind of number: 4/2 is 2, not 2.0.
        return int(value) if float(value).is_integer() else value
    if isinstance(value, dict):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    raise QueryEvaluationError("the result is of a type that JSON cannot hold")
