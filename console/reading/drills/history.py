"""Who changed a plan, a group or an account, when, and what was different, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.api_client import ApiClient
from console.reading.changes import describe_change

# The kinds that have a history, by the word in the console's paths: the collection of the API, and what people call it.
SUBJECTS = {
    "plan": ("recovery-plans", "plan"),
    "group": ("protection-groups", "protection group"),
    "account": ("target-accounts", "target account"),
}
# Versions that a page has, and those on the page of a plan.
ROWS, ROWS_OF_PLAN = "50", "5"


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a plan, a group or an account. `changes` are pairs of a field and what became of it, in words.

    `first` says that it has no version before it, so that its changes are all its fields.
    """

    item: Mapping[str, Any]
    what: str
    first: bool
    changes: list[tuple[str, str]]


def read(api: ApiClient, kind: str, subject_id: str, token: str | None = None, rows: str = ROWS) -> dict[str, Any]:
    """A page of `history`, newest first, with `nextToken`. Raise ApiRefused, ApiUnreachable."""
    query = {"limit": rows, **({"nextToken": token} if token else {})}
    page: dict[str, Any] = api.get(f"/{SUBJECTS[kind][0]}/{subject_id}/history", **query)
    return page


def list_versions(found: Mapping[str, Any]) -> list[Version]:
    """The versions of a page, in words."""
    return [
        Version(each, _name(each), each["number"] == 1, [_describe(change) for change in each["changes"]])
        for each in found["history"]
    ]


def _name(item: Mapping[str, Any]) -> str:
    if item["deleted"]:
        return "deleted"
    if item["found"]:
        return "found in the table as it was, not written by the API"
    if item["version"] == 1:
        return "created"
    return "changed"


def _describe(change: Mapping[str, Any]) -> tuple[str, str]:
    found = describe_change(change["field"], change["before"], change["after"])
    return found.field, f"{found.before} → {found.after}"
