"""The results of inspection: servers, and each wave in each target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.execution import Tally
from recovery.domain.plan import Wave
from recovery.domain.readiness import Readiness, ServerVerdict
from recovery.domain.target import Target


@dataclass(frozen=True, slots=True)
class InspectedServer:
    """A server of a wave with its verdict, and the snapshot to launch it from, if not the latest.

    `snapshot_at` is when that snapshot, or else its newest one, was taken, in epoch seconds; None if it was not probed.
    `lag_seconds` is how far its replica was behind at the inspection; None if DRS did not report it.
    """

    verdict: ServerVerdict
    hostname: str = ""
    optional: bool = False
    snapshot_id: str | None = None
    snapshot_at: float | None = None
    lag_seconds: float | None = None

    def to_json(self) -> list[Any]:
        """The server as the FLEET row has it."""
        verdict = [self.verdict.readiness.value, list(self.verdict.reasons)]
        return [*verdict, self.hostname, self.optional, self.snapshot_id, self.snapshot_at, self.lag_seconds]

    @classmethod
    def from_json(cls, packed: Sequence[Any]) -> "InspectedServer":
        """The inverse. Rows of an older version have no lag."""
        readiness, reasons, hostname, optional, snapshot_id, snapshot_at, *lag = packed
        verdict = ServerVerdict(Readiness(readiness), tuple(reasons))
        return cls(verdict, hostname, optional, snapshot_id, snapshot_at, lag[0] if lag else None)


@dataclass(frozen=True, slots=True)
class WaveTargetInspection:
    """A wave's servers in one target. `already_launched` counts those that the continued run has launched.

    `notes` are for operators; `unlistable_groups` has the reason for each group whose servers could not be listed.
    """

    wave: Wave
    target: Target
    servers: Mapping[str, InspectedServer]
    already_launched: int = 0
    notes: tuple[str, ...] = ()
    unlistable_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WaveTargetSummary:
    """A TARGET row: how many servers a wave has in a target, in how many batches, and how many of each verdict."""

    wave: str
    target: Target
    servers: int
    batches: int
    blocked: int
    warned: int
    optional: int
    blocked_optional: int
    already_launched: int
    example_reason: str
    notes: tuple[str, ...]
    unlistable_groups: tuple[str, ...]

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "WaveTargetSummary":
        """Read a TARGET row."""
        return cls(
            wave=row["wave"],
            target=Target.from_state(row),
            servers=int(row["servers"]),
            batches=int(row["batches"]),
            blocked=int(row["blocked"]),
            warned=int(row["warned"]),
            optional=int(row["optional"]),
            blocked_optional=int(row["blockedOptional"]),
            already_launched=int(row["alreadyLaunched"]),
            example_reason=row.get("exampleReason", ""),
            notes=tuple(row.get("notes", ())),
            unlistable_groups=tuple(row.get("unlistableGroups", ())),
        )

    @property
    def tally(self) -> Tally:
        """Count the servers that are in no batch."""
        return Tally(total=self.blocked, excluded=self.blocked, optional=self.blocked_optional)
