"""Who changed which plan, group or account, when, and to what: an entry for each version, which nothing changes.

An entry is written in the transaction of its change, so there is no change without an entry and no entry without a
change. The entries of one plan, group or account are numbered; the number is the version that was written, unless a
table was restored from a backup, whose versions come twice: entries keep their order then, and their numbers go on.

A row that the API finds without an entry gets one beside the first change: from before there was a history, copied
from another stack, or restored. Such an entry has `found`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery import clock
from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb_expressions import Partition, from_wire, to_wire
from recovery.domain.drills.differences import BESIDE_CONTENT, Difference, compare_content
from recovery.settings import settings

# Values that an entry does not keep. That one has changed is kept.
SECRETS = frozenset({"externalId"})
HIDDEN, HIDDEN_AND_CHANGED = "hidden", "hidden, changed"


class Kind(StrEnum):
    """What an entry is about; the value begins its subject."""

    PLAN = "PLAN"
    GROUP = "GROUP"
    ACCOUNT = "ACCOUNT"

    @property
    def id_name(self) -> str:
        """The attribute of its rows that is their key."""
        return {"PLAN": "planId", "GROUP": "groupId", "ACCOUNT": "accountId"}[self.value]


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, None if that is not known, and when."""

    by: str | None
    at: str | None


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Entries, newest first, each with the one before it (None for the first), and the token of the next page."""

    entries: list[tuple[dict[str, Any], dict[str, Any] | None]]
    next_token: str | None


# --- writing ----------------------------------------------------------------------------------------------------
def entry_actions(
    kind: Kind, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, author: Author
) -> list[dict[str, Any]]:
    """The part of a transaction that keeps a change of a row: of None if it is new, to None if it is deleted.

    It reads the last entry; `before` must have been read already, and the transaction must refuse another version of
    it. Two such transactions cannot write the same number. Raise AwsUnavailable.
    """
    row = after or before or {}
    subject = _subject(kind, row[kind.id_name])
    last = _find_last(subject)
    entries = []
    if before is not None and (found := _find_unrecorded(kind, before, last)):
        entries.append(found)
        last = found
    version = int(row.get("version", 1)) + (after is None)
    number = max(version, int(last["version"]) + 1) if last else version
    secrets = [name for name in sorted(SECRETS) if before and after and before.get(name) != after.get(name)]
    entries.append(
        {
            **_build_entry(kind, row, number, author),
            "rowVersion": version,
            **({"deleted": True} if after is None else {}),
            **({"changedSecrets": secrets} if secrets else {}),
        }
    )
    table = settings().catalog_history_table
    return [dynamodb.put_action(table, entry, "attribute_not_exists(#subject)") for entry in entries]


def _subject(kind: Kind, resource_id: str) -> str:
    return f"{kind.value}#{resource_id}"


def _find_last(subject: str) -> dict[str, Any] | None:
    partition = Partition("subject", subject)
    answer = dynamodb.query_once(
        settings().catalog_history_table, partition, 1, None, newest_first=True, consistent=True
    )
    return from_wire(answer["Items"][0]) if answer["Items"] else None


def _find_unrecorded(kind: Kind, row: Mapping[str, Any], last: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The entry of a row that is not as the last entry has it; None if it is."""
    if last and not last.get("deleted") and last["content"] == from_wire(to_wire(_content_of(row))):
        return None
    version = int(row.get("version", 1))
    number = max(version, int(last["version"]) + 1) if last else version
    author = Author(row.get("updatedBy"), row.get("updatedAt"))
    return {**_build_entry(kind, row, number, author), "rowVersion": version, "found": True}


def _build_entry(kind: Kind, row: Mapping[str, Any], number: int, author: Author) -> dict[str, Any]:
    resource_id = row[kind.id_name]
    return {
        "subject": _subject(kind, resource_id),
        "version": number,
        "kind": kind.value,
        "id": resource_id,
        "name": row.get("name", ""),
        "by": author.by,
        "at": author.at,
        "content": _content_of(row),
    }


def _content_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as it was written, without what runs and other rows keep in it, and without secrets."""
    kept = {name: value for name, value in row.items() if value is not None and name not in _MANAGED}
    return {name: HIDDEN if name in SECRETS else value for name, value in kept.items()}


_OF_A_VERSION = frozenset({"version", "updatedBy", "updatedAt", "planId", "groupId"})
_MANAGED = BESIDE_CONTENT - _OF_A_VERSION


def author_of(item: Mapping[str, Any]) -> Author:
    """Who makes the change that the item is, as the item has it."""
    return Author(item.get("updatedBy"), item.get("updatedAt") or clock.iso())


# --- reading ----------------------------------------------------------------------------------------------------
def list_entries(
    kind: Kind, resource_id: str, row: Mapping[str, Any] | None, limit: int, token: str | None
) -> HistoryPage:
    """A page of entries. A row that is not as the last entry has it is the newest entry of the first page.

    `row` is the row as it is, None if it is gone. The page is empty if nothing is known. Raise InvalidRequest for a
    token of another list, AwsUnavailable.
    """
    partition, table = Partition("subject", _subject(kind, resource_id)), settings().catalog_history_table
    if token and pagination.decode_token(token).get("subject") != {"S": partition.value}:
        raise pagination.invalid_token()
    page = pagination.query_page(table, partition, limit, token, newest_first=True, consistent=True)
    entries = page.items
    if row is not None and not token:
        found = _find_unrecorded(kind, row, entries[0] if entries else None)
        entries = [found, *entries] if found else entries
    older: list[dict[str, Any] | None] = [*entries[1:], _find_older(table, partition, page.next_token)]
    return HistoryPage(list(zip(entries, older, strict=True)) if entries else [], page.next_token)


def _find_older(table: str, partition: Partition, token: str | None) -> dict[str, Any] | None:
    """The first entry of the next page, which the last one of this page is compared with."""
    if token is None:
        return None
    items = pagination.query_page(table, partition, 1, token, newest_first=True, consistent=True).items
    return items[0] if items else None


def list_group_ids(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The groups that the waves of these entries name, each once."""
    waves = [wave for entry in entries for wave in entry["content"].get("waves", ())]
    return list(dict.fromkeys(use["groupId"] for wave in waves for use in wave["groups"]))


def list_differences(
    entry: Mapping[str, Any], older: Mapping[str, Any] | None, names: Mapping[str, str]
) -> list[Difference]:
    """What the entry's change has changed: everything if it created the row; nothing is said of a deletion.

    Nothing is known of a row that was found without an older entry. `names` are those of groups, by id.
    """
    if entry.get("deleted") or (entry.get("found") and older is None):
        return []
    before = older["content"] if older and not older.get("deleted") else None
    changed = [Difference(name, HIDDEN, HIDDEN_AND_CHANGED) for name in entry.get("changedSecrets", ())]
    found = [*compare_content(before, entry["content"], names), *changed]
    return sorted(found, key=lambda each: each.field) if changed else found
