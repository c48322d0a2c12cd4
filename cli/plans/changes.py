"""What would change when a plan file is applied."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """A value that would change; None is for a value that is missing."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to one resource. `resource_id` is None if the resource would be created."""

    kind: str
    name: str
    resource_id: str | None
    version: int
    differences: tuple[Difference, ...]
    # What the change does beyond this file. If there is any, `apply` requires an agreement to it by name.
    consequences: tuple[str, ...] = ()
    # What it does that no field shows.
    notes: tuple[str, ...] = ()

    @property
    def is_needed(self) -> bool:
        """Return whether there is anything to do."""
        return self.resource_id is None or bool(self.differences)


def find_differences(before: Any, after: Any, field: str = "") -> Iterator[Difference]:
    """Every value that differs. Lists of named things are compared by name, other lists as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from find_differences(before.get(name), after.get(name), f"{field}.{name}".lstrip("."))
    elif (old := _by_name(before)) is not None and (new := _by_name(after)) is not None and {**old, **new}:
        if list(old) != list(new):
            yield Difference(f"{field} (order)", list(old), list(new))
        for name in dict.fromkeys([*old, *new]):
            yield from find_differences(old.get(name), new.get(name), f"{field}[{name}]")
    elif before != after:
        yield Difference(field, before, after)


def _by_name(parts: Any) -> dict[str, Any] | None:
    """A list of named things as a dict; None if it is anything else, or two have the same name."""
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) and "name" in part for part in parts):
        return None
    by_name = {str(part["name"]): part for part in parts}
    return by_name if len(by_name) == len(parts) else None
