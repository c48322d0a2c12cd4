"""What a check has found: its code, the evidence, and the servers it concerns."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.wave_steps.modes import RunMode


class Severity(StrEnum):
    """BLOCKING: a launch would fail or do harm. WARNING: operators should know. NOTE: it could not be checked."""

    BLOCKING = "BLOCKING"
    WARNING = "WARNING"
    NOTE = "NOTE"


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding in a target. `code` is that of a check in the catalogue.

    `evidence` says what was found, with ids and numbers. `server_ids` are the servers that it concerns; none for one
    that concerns the whole target. `modes` are the kinds of runs that it concerns.
    """

    code: str
    severity: Severity
    evidence: str
    remedy: str = ""
    server_ids: tuple[str, ...] = ()
    modes: tuple[RunMode, ...] = (RunMode.DRILL, RunMode.RECOVERY)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "Finding":
        """Read a finding on record."""
        return cls(
            code=item["code"],
            severity=Severity(item["severity"]),
            evidence=item["evidence"],
            remedy=item.get("remedy", ""),
            server_ids=tuple(item.get("serverIds", ())),
            modes=tuple(RunMode(mode) for mode in item.get("modes", ())),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "evidence": self.evidence,
            "remedy": self.remedy,
            "serverIds": list(self.server_ids),
            "modes": [mode.value for mode in self.modes],
        }
