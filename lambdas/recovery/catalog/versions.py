"""Optimistic locking for the catalog: every row has a version, and an update names the version it replaces."""

from collections.abc import Mapping
from typing import Any, NoReturn

from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb import ConditionFailed
from recovery.aws.dynamodb_expressions import from_wire, to_wire
from recovery.aws.pagination import Page
from recovery.catalog import history
from recovery.catalog.history import Author, Kind
from recovery.domain.drills.differences import drop_time
from recovery.errors import VersionConflict

# Attributes that an update keeps: runs set and release a plan's lock and leave the answer of its readiness, its
# schedule notes the slot that it has taken, and plans register with their groups.
MANAGED_ATTRIBUTES = frozenset({"activeExecutionId", "lastReadiness", "standing", "usedBy"})

# Who changed a row last, and when. A request that is repeated after its answer was lost has another time.
AUTHOR_ATTRIBUTES = frozenset({"updatedBy", "updatedAt"})

# How many plans or groups a refusal names.
MAX_NAMED = 10

SAME_VERSION = "#version = :version"


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


def create_row(kind: Kind, table: str, item: Mapping[str, Any], author: Author) -> bool:
    """Write a row with the first entry of its history; False if there is a row with its key."""
    condition = f"attribute_not_exists(#{kind.id_name})"
    try:
        dynamodb.transact(
            [dynamodb.put_action(table, item, condition), *history.entry_actions(kind, None, item, author)]
        )
    except ConditionFailed:
        return False
    return True


def replace_row(
    kind: Kind,
    table: str,
    row: Mapping[str, Any],
    item: Mapping[str, Any],
    version: int,
    author: Author,
    gone: Exception,
) -> Mapping[str, Any]:
    """Replace the row with the item if it still has this version, and keep that; return the row as it is then.

    Raise `gone` when there is no such row any more, VersionConflict when it has another version.
    """
    key = {kind.id_name: item[kind.id_name]}
    try:
        dynamodb.transact(
            [
                dynamodb.update_action(table, key, **build_replacement(row, item, key, version)),
                *history.entry_actions(kind, row, item, author),
            ]
        )
    except ConditionFailed:
        current = dynamodb.get(table, key)
        ignore_own_write(current, item, gone)
        return current or item
    return {**{name: row[name] for name in MANAGED_ATTRIBUTES if name in row}, **item}


def ignore_own_write(row: Mapping[str, Any] | None, item: Mapping[str, Any], gone: Exception) -> None:
    """After a refused write, do nothing if the row equals the item: an earlier write succeeded without an answer.

    Who made it, and when, stays as it is.
    """
    if row is None:
        raise gone
    if _content(row) != _content(from_wire(to_wire(item))):
        refuse_stale(row)


def _content(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row without what others maintain, and without its author and the times of its changes."""
    kept = {name: value for name, value in row.items() if name not in MANAGED_ATTRIBUTES | AUTHOR_ATTRIBUTES}
    return {**kept, "drillPolicy": drop_time(kept["drillPolicy"])} if kept.get("drillPolicy") else kept


def require_version(current: int, version: int | None) -> None:
    if version is not None and version != current:
        refuse_stale({"version": current})


def refuse_stale(row: Mapping[str, Any]) -> NoReturn:
    current = int(row.get("version", 1))
    raise VersionConflict(f"it has been changed since; its version is {current} now", version=current)


def delete_if_same(kind: Kind, table: str, row: Mapping[str, Any], author: Author) -> None:
    """Delete the row if it still has this version, and keep that. Raise VersionConflict."""
    key = {kind.id_name: row[kind.id_name]}
    condition, given = f"attribute_exists(#{kind.id_name}) AND {SAME_VERSION}", {"version": row["version"]}
    try:
        dynamodb.transact(
            [
                dynamodb.delete_action(table, key, condition, given),
                *history.entry_actions(kind, row, None, author),
            ]
        )
    except ConditionFailed:
        if left := dynamodb.get(table, key):
            refuse_stale(left)


def list_page(table: str, limit: int, token: str | None) -> Page:
    # Nothing is filtered, so every page is full and a scan reads no more than it shows.
    return pagination.scan_page(table, limit, token)
