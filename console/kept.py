"""Things that the console keeps for a while: snapshots, and what it reads piece by piece of a run."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

# Things of each kind that are kept, unless it is said otherwise. The report of 10,000 servers has some 25 MB.
MAX_KEPT = 5

Thing = TypeVar("Thing")


class Kept:
    """Makes each thing once, and returns the same one while it is among the last `max_kept` used ones of its kind.

    A thing that says that it `is_busy` stays until it is not.
    """

    def __init__(self, max_kept: int = MAX_KEPT) -> None:
        self._max_kept = max_kept
        self._by_kind: dict[type, OrderedDict[str, Any]] = {}
        self._guard = threading.Lock()

    def find(self, kind: type[Thing], key: str) -> Thing | None:
        """The thing of this kind and key, if it is there."""
        with self._guard:
            return self._by_kind.get(kind, OrderedDict()).get(key)

    def get(self, kind: type[Thing], key: str, make: Callable[[], Thing]) -> Thing:
        """The thing of this kind and key, which `make` makes if it is not there."""
        with self._guard:
            things = self._by_kind.setdefault(kind, OrderedDict())
            if key not in things:
                things[key] = make()
            things.move_to_end(key)
            idle = [each for each, thing in things.items() if each != key and not getattr(thing, "is_busy", False)]
            for each in idle[: max(len(things) - self._max_kept, 0)]:
                del things[each]
            found: Thing = things[key]
            return found
