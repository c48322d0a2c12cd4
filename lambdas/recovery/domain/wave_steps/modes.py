"""The runs in which a check or an action takes part."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class RunMode(StrEnum):
    """A kind of run, as plans name it."""

    DRILL = "drill"
    RECOVERY = "recovery"


BOTH = (RunMode.DRILL, RunMode.RECOVERY)


def read_modes(item: Mapping[str, Any]) -> tuple[RunMode, ...]:
    """The kinds of runs of a stored check or action; both when `in` is missing."""
    return tuple(RunMode(mode) for mode in item.get("in") or BOTH)


def write_modes(modes: Iterable[RunMode]) -> dict[str, list[str]]:
    """The inverse. Both kinds together are not written."""
    named = [mode.value for mode in BOTH if mode in set(modes)]
    return {} if len(named) == len(BOTH) else {"in": named}
