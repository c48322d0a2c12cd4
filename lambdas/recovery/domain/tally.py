"""Counts of servers by outcome."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Servers by outcome. `total` counts all of them; servers that no other number counts have no outcome yet.

    `optional` and `optional_launched` count, within `total` and `launched`, those that a wave may do without.
    """

    total: int = 0
    launched: int = 0
    failed: int = 0
    excluded: int = 0
    optional: int = 0
    optional_launched: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.total + other.total,
            self.launched + other.launched,
            self.failed + other.failed,
            self.excluded + other.excluded,
            self.optional + other.optional,
            self.optional_launched + other.optional_launched,
        )

    @property
    def missing(self) -> int:
        """Servers that were not launched."""
        return self.total - self.launched

    @property
    def without_result(self) -> int:
        """Servers that no other number counts: they were not tried, or their result is unknown."""
        return self.total - self.launched - self.failed - self.excluded

    @property
    def required_missing(self) -> int:
        """Servers that were not launched and that the wave may not do without."""
        return self.missing - (self.optional - self.optional_launched)

    def describe(self, verb: str = "launched") -> str:
        """The counts in words: `5 of 9 servers launched, 1 failed, 0 excluded, 3 without a result`."""
        rest = f", {self.without_result} without a result" if self.without_result else ""
        return f"{self.launched} of {self.total} servers {verb}, {self.failed} failed, {self.excluded} excluded{rest}"

    def describe_ready(self) -> str:
        """The counts of a readiness check, in words: `57 of 60 servers ready, 3 excluded`."""
        rest = f", {self.excluded} excluded" if self.excluded else ""
        return f"{self.total - self.excluded} of {self.total} servers ready{rest}"

    def to_item(self) -> dict[str, int]:
        """The counts as records and the API have them."""
        return {"total": self.total, "launched": self.launched, "failed": self.failed, "excluded": self.excluded}
