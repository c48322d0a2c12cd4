"""The routes of the console, filled in, so that a test reaches pages that are added later as well."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from starlette.routing import Route

from console.app import make_app
from console.deployment import Deployment

# Each value of a parameter that is no id but one of a few words.
WORDS = {
    "decision": (
        "approve",
        "reject",
        "retry",
        "verify",
        "accept",
        "abort",
        "confirm",
        "skip",
        "pause",
        "resume",
        "cancel",
    ),
    "mode": ("readiness", "drill", "recovery"),
    "verdict": ("accept", "reject"),
    "subject": ("plan", "group", "account"),
}


@dataclass(frozen=True, slots=True)
class Path:
    """A path of the console with the methods that its route answers. `values` are those of its parameters."""

    path: str
    methods: frozenset[str]
    pattern: str
    values: Mapping[str, str]

    def replace(self, name: str, value: str) -> str:
        """The path with another value for a parameter."""
        return fill(self.pattern, {**self.values, name: value})


def list_paths(deployment: Deployment, ids: Mapping[str, str]) -> Iterator[Path]:
    """Every path of the console, with these ids in it. Raise KeyError for a parameter that has no value here."""
    for route in make_app(deployment, 1).routes:
        if isinstance(route, Route):
            names = re.findall(r"\{(\w+)", route.path)
            for values in _combine(names, ids):
                yield Path(fill(route.path, values), frozenset(route.methods or ()), route.path, values)


def fill(pattern: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", lambda match: values[match[1]], pattern)


def _combine(names: list[str], ids: Mapping[str, str]) -> Iterator[dict[str, str]]:
    if not names:
        yield {}
        return
    first, *others = names
    for value in WORDS.get(first) or (ids[first],):
        for rest in _combine(others, ids):
            yield {first: value, **rest}
