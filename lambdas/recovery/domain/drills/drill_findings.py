"""Findings that people have opened about a drill: what has to be done, by whom, until when, and what became of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

PREFIX = "FINDING#"
# A row holds at most 400 KB, and a change up to 4 KB of comment.
MAX_CHANGES = 50
# What an answer of the API has room for, with up to 9 KB of text in each.
MAX_OPEN_OF_PLAN, MAX_OF_RUN = 200, 100


class FindingStatus(StrEnum):
    """A finding that is closed can be opened again."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class Change(StrEnum):
    """What was done to a finding after it was opened."""

    CHANGED = "CHANGED"
    CLOSED = "CLOSED"
    REOPENED = "REOPENED"


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A change of a finding, with its author and its time in ISO 8601. `request` names one that may be repeated."""

    change: Change
    by: str
    at: str
    comment: str = ""
    request: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "FindingChange":
        """Read an entry of `changes` of a FINDING# row."""
        return cls(Change(item["change"]), item["by"], item["at"], item.get("comment", ""), item.get("request"))

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        item = {"change": self.change.value, "by": self.by, "at": self.at, "comment": self.comment}
        return {**item, "request": self.request} if self.request else item


@dataclass(frozen=True, slots=True)
class DrillFinding:
    """What a person has found in a run. `due` is a date, `owner` who sees to it; `changes` are in their order."""

    plan_id: str
    finding_id: str
    execution_id: str
    title: str
    description: str
    owner: str
    due: date
    opened_by: str
    opened_at: str
    changes: tuple[FindingChange, ...] = ()
    version: int = 1

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "DrillFinding":
        """Read a FINDING# row."""
        return cls(
            plan_id=item["planId"],
            finding_id=item["findingId"],
            execution_id=item["executionId"],
            title=item["title"],
            description=item.get("description", ""),
            owner=item["owner"],
            due=date.fromisoformat(item["due"]),
            opened_by=item["openedBy"],
            opened_at=item["openedAt"],
            changes=tuple(map(FindingChange.from_item, item.get("changes", ()))),
            version=int(item.get("version", 1)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row. That of an open finding has no `closedBy`, `closedAt` and `closingComment`."""
        closed = self.closing
        closing = {"closedBy": closed.by, "closedAt": closed.at, "closingComment": closed.comment} if closed else {}
        return {
            "planId": self.plan_id,
            "item": PREFIX + self.finding_id,
            "findingId": self.finding_id,
            "executionId": self.execution_id,
            "title": self.title,
            "description": self.description,
            "owner": self.owner,
            "due": self.due.isoformat(),
            "status": self.status.value,
            "openedBy": self.opened_by,
            "openedAt": self.opened_at,
            **closing,
            "changes": [each.to_item() for each in self.changes],
            "version": self.version,
        }

    @property
    def closing(self) -> FindingChange | None:
        """The change that has closed it; None while it is open."""
        return _find_closing(self.changes)

    @property
    def status(self) -> FindingStatus:
        """OPEN or CLOSED."""
        return FindingStatus.CLOSED if self.closing else FindingStatus.OPEN

    def has_room(self, change: Change) -> bool:
        """Whether its row has room for this change. The last place is kept for the one that closes it."""
        return len(self.changes) < (MAX_CHANGES if change is Change.CLOSED else MAX_CHANGES - 1)

    def is_overdue(self, now: float) -> bool:
        """Whether it is open after the day on which it was due, in UTC; `now` is in epoch seconds."""
        return self.status is FindingStatus.OPEN and self.due < today(now)

    def was_open_at(self, moment: str) -> bool:
        """Whether it was open right before this time in ISO 8601, as the times of the record are written."""
        before = [each for each in self.changes if each.at < moment]
        return self.opened_at < moment and _find_closing(before) is None

    def was_open_between(self, begin: str, end: str) -> bool:
        """Whether it was open for a while between these times in ISO 8601, both as `was_open_at` takes them."""
        in_between = self.opened_at >= begin or any(
            each.change is Change.REOPENED and begin <= each.at < end for each in self.changes
        )
        return self.opened_at < end and (in_between or self.was_open_at(begin))

    def has_recorded(self, request: str | None) -> bool:
        """Whether one of its changes was made for this request."""
        return request is not None and any(each.request == request for each in self.changes)

    def add_change(self, change: FindingChange, **values: Any) -> "DrillFinding":
        """The finding after this change; `values` are its fields then."""
        return replace(self, changes=(*self.changes, change), version=self.version + 1, **values)


def _find_closing(changes: Iterable[FindingChange]) -> FindingChange | None:
    last = [each for each in changes if each.change is not Change.CHANGED][-1:]
    return last[0] if last and last[0].change is Change.CLOSED else None


def today(now: float) -> date:
    """The date in UTC at this moment in epoch seconds."""
    return datetime.fromtimestamp(now, UTC).date()


def sort_by_urgency(findings: Iterable[DrillFinding]) -> list[DrillFinding]:
    """Open ones first, by the date on which they are due; then closed ones, the last opened first."""
    found = sorted(findings, key=lambda each: (each.opened_at, each.finding_id), reverse=True)
    is_open = [each for each in found if each.status is FindingStatus.OPEN]
    closed = [each for each in found if each.status is FindingStatus.CLOSED]
    return [*sorted(is_open, key=lambda each: (each.due, each.opened_at)), *closed]
