"""What the console has read piece by piece and keeps: the servers of a run, its events."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

# Things of each kind that are kept. Those that were used longest ago are forgotten.
MAX_KEPT = 5

Thing = TypeVar("Thing")


class Kept:
    """Makes each thing once, and returns the same one from then on."""

    def __init__(self) -> None:
        self._by_kind: dict[str, OrderedDict[str, Any]] = {}
        self._guard = threading.Lock()

    def get(self, kind: type[Thing], key: str, make: Callable[[], Thing]) -> Thing:
        """The thing of this kind and key, which `make` makes if it is not there."""
        with self._guard:
            things = self._by_kind.setdefault(kind.__name__, OrderedDict())
            if key not in things:
                things[key] = make()
            things.move_to_end(key)
            if len(things) > MAX_KEPT:
                things.popitem(last=False)
            found: Thing = things[key]
            return found
