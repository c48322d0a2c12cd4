"""Reads members of DRS's answers. DRS may leave out each of them, and add values that the model does not list."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from recovery import clock


def read_text(shape: Mapping[str, Any], *path: str) -> str | None:
    """The text at this path of members; None if it is missing, empty or no text."""
    found = _find(shape, path)
    return found if isinstance(found, str) and found else None


def read_mapping(shape: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The structure or map at this path of members; empty if it is missing or something else."""
    found = _find(shape, path)
    return found if isinstance(found, Mapping) else {}


def read_structures(shape: Mapping[str, Any], *path: str) -> list[Mapping[str, Any]]:
    """The structures in the list at this path of members; empty if it is missing or something else."""
    found = _find(shape, path)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []


def read_tags(shape: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a resource; empty if DRS does not list them."""
    return {key: value for key, value in read_mapping(shape, "tags").items() if isinstance(value, str)}


def read_time(shape: Mapping[str, Any], *path: str) -> str | None:
    """The time at this path of members, as `clock.iso` writes times; None if it is missing or no time.

    DRS writes `2026-03-04T19:15:38.846723+00:00` as well as `2026-03-04T19:15:38.000Z`. Without an offset it is UTC.
    """
    text = read_text(shape, *path)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return clock.iso((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, OSError):  # no time, or a year that no time of the product can have
        return None


def _find(shape: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        shape = shape.get(name) if isinstance(shape, Mapping) else None
    return shape
