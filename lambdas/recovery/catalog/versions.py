"""Optimistic locking for the catalog: every row has a version, and every write names the version it replaces."""

from collections.abc import Mapping
from typing import Any, NoReturn

from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import from_wire, to_wire
from recovery.aws.pagination import Page
from recovery.errors import VersionConflict

# What an update leaves alone: starting and finishing a run write the one, writing a plan the other.
MANAGED_ATTRIBUTES = frozenset({"activeExecutionId", "usedBy"})


# So many plans or groups are named in a refusal.
MAX_NAMED = 10


# Rows from before there were versions count as version 1.
SAME_VERSION = "(attribute_not_exists(#version) OR #version = :version)"


# --- versions ---------------------------------------------------------------------------------------------------
def build_replacement(
    row: Mapping[str, Any], item: Mapping[str, Any], key: Mapping[str, str], version: int
) -> dict[str, Any]:
    """The arguments of `dynamodb.update` that replace the row with the item, if the row still has this version."""
    values = {name: value for name, value in item.items() if value is not None and name not in key}
    (key_name,) = key
    return {
        "values": values,
        "remove": sorted(row.keys() - values.keys() - key.keys() - MANAGED_ATTRIBUTES),
        "condition": f"attribute_exists(#{key_name}) AND {SAME_VERSION}",
        "given": {"version": version},
    }


def ignore_own_write(row: Mapping[str, Any] | None, item: Mapping[str, Any], gone: Exception) -> None:
    """After a refused write: nothing if the row is what was to be written, as when the write's answer was lost."""
    if row is None:
        raise gone
    written = from_wire(to_wire(item))
    if {name: value for name, value in row.items() if name not in MANAGED_ATTRIBUTES} != written:
        refuse_stale(row)


def require_version(current: int, version: int | None) -> None:
    if version is not None and version != current:
        refuse_stale({"version": current})


def refuse_stale(row: Mapping[str, Any]) -> NoReturn:
    current = int(row.get("version", 1))
    raise VersionConflict(f"it has been changed since; its version is {current} now", version=current)


def delete_if_same(table: str, key: Mapping[str, str], version: int) -> None:
    (key_name,) = key
    try:
        dynamodb.delete(table, key, f"attribute_exists(#{key_name}) AND {SAME_VERSION}", {"version": version})
    except ConditionFailed:
        if left := dynamodb.get(table, key):
            refuse_stale(left)


def list_page(table: str, limit: int, token: str | None) -> Page:
    # Nothing is filtered, so every page is full and a scan reads no more than it shows.
    return pagination.scan_page(table, limit, token)
