"""Counts of servers by outcome."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """Servers by outcome. `total` counts all of them; servers that no other number counts have no outcome yet.

    `checked` counts, within `launched`, those that have checks to pass; `verified` and `unverified` those of them that
    have passed, and that have not in time. `optional`, `optional_launched` and `optional_unverified` count, within
    `total`, `launched` and `unverified`, those that a wave may do without. `cut_off` counts, within `unverified`, those
    that failed no check: their run was halted first.
    """

    total: int = 0
    launched: int = 0
    failed: int = 0
    excluded: int = 0
    optional: int = 0
    optional_launched: int = 0
    checked: int = 0
    verified: int = 0
    unverified: int = 0
    optional_unverified: int = 0
    cut_off: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    @property
    def recovered(self) -> int:
        """Servers that were launched and have passed their checks, if any. One that is being checked has not."""
        return self.launched - (self.checked - self.verified)

    @property
    def missing(self) -> int:
        """Servers that were not launched, or have not passed their checks in time."""
        return self.total - self.recovered

    @property
    def without_result(self) -> int:
        """Servers that no other number counts: they were not tried, or their result is unknown."""
        return self.total - self.launched - self.failed - self.excluded

    @property
    def required_missing(self) -> int:
        """Servers that are missing and that the wave may not do without."""
        return self.missing - (self.optional - self.optional_launched) - self.optional_unverified

    def describe(self, verb: str = "launched") -> str:
        """The counts in words: `5 of 9 servers launched, 1 failed, 0 excluded, 3 without a result`.

        Those of checks follow if there are any: `, 4 verified, 1 unverified, 2 not checked to the end`.
        """
        rest = f", {self.without_result} without a result" if self.without_result else ""
        counts = f"{self.launched} of {self.total} servers {verb}, {self.failed} failed, {self.excluded} excluded{rest}"
        if not self.checked:
            return counts
        cut_off = f", {self.cut_off} not checked to the end" if self.cut_off else ""
        return f"{counts}, {self.verified} verified, {self.unverified - self.cut_off} unverified{cut_off}"

    def describe_ready(self) -> str:
        """The counts of a readiness check, in words: `57 of 60 servers ready, 3 excluded`."""
        rest = f", {self.excluded} excluded" if self.excluded else ""
        return f"{self.total - self.excluded} of {self.total} servers ready{rest}"

    def to_item(self) -> dict[str, int]:
        """The counts as records and the API have them; those of checks only if there are any."""
        counts = {"total": self.total, "launched": self.launched, "failed": self.failed, "excluded": self.excluded}
        if not self.checked:
            return counts
        cut_off = {"cutOff": self.cut_off} if self.cut_off else {}
        return {**counts, "checked": self.checked, "verified": self.verified, "unverified": self.unverified, **cut_off}
