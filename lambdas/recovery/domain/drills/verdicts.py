"""What a person says of a drill or a recovery that has ended: that it is accepted, or that it is rejected."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PREFIX = "VERDICT#"
# A row holds at most 400 KB, and a verdict up to 4 KB of comment.
MAX_VERDICTS = 50


class Judgement(StrEnum):
    """A rejected drill does not count for its plan."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class Opinion:
    """A verdict with its reason, its author and its time in ISO 8601. `request` names one that may be repeated."""

    judgement: Judgement
    comment: str
    by: str
    at: str
    request: str | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Opinion":
        """Read a VERDICT# row, or an entry of its earlier ones."""
        return cls(Judgement(item["verdict"]), item.get("comment", ""), item["by"], item["at"], item.get("request"))

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        item = {"verdict": self.judgement.value, "comment": self.comment, "by": self.by, "at": self.at}
        return {**item, "request": self.request} if self.request else item

    def says_the_same(self, other: "Opinion") -> bool:
        """Whether the same person has said the same, at whatever time."""
        return (self.judgement, self.comment, self.by) == (other.judgement, other.comment, other.by)


@dataclass(frozen=True, slots=True)
class DrillVerdict:
    """The verdict on a run, and those that it has replaced, oldest first. Its version is how many there were."""

    plan_id: str
    execution_id: str
    current: Opinion
    earlier: tuple[Opinion, ...] = ()

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "DrillVerdict":
        """Read a VERDICT# row."""
        earlier = tuple(map(Opinion.from_item, item.get("earlier", ())))
        return cls(item["planId"], item["executionId"], Opinion.from_item(item), earlier)

    def to_item(self) -> dict[str, Any]:
        """The row."""
        return {
            "planId": self.plan_id,
            "item": PREFIX + self.execution_id,
            "executionId": self.execution_id,
            **self.current.to_item(),
            "earlier": [each.to_item() for each in self.earlier],
            "version": self.version,
        }

    @property
    def version(self) -> int:
        """1 for the first verdict."""
        return len(self.earlier) + 1

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """All verdicts, oldest first."""
        return (*self.earlier, self.current)

    def replace_by(self, opinion: Opinion) -> "DrillVerdict":
        """The verdict after this one."""
        return DrillVerdict(self.plan_id, self.execution_id, opinion, self.opinions)
