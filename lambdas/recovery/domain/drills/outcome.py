"""What an ended drill has shown: the DRILL# row of its plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.drills.policy import CountsIf

PREFIX = "DRILL#"

Age = tuple[str, str]
"""When a drill was requested, in ISO 8601, and its id: compares by time."""


def build_item(age: Age) -> str:
    """The sort key of the row of this drill: rows are in the order in which drills were requested.

    An id does not give this order: that of a drill of the schedule has the time of its appointment, and the drill may
    begin hours later.
    """
    return f"{PREFIX}{age[0]}#{age[1]}"


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """An ended drill: whether it counts for its plan and, if not, why, each reason a sentence.

    `level` is the most that it has shown of its required servers: that they were launched, or verified as well; None if
    not even that. `counts_if` is what the policy of the plan asked of it. `servers_…` count servers of its chain;
    optional ones are counted in `servers_total` only. `appointment` is the moment of the schedule that it was started
    for, in ISO 8601, None if a person started it. `verdict` is that of a person, ACCEPTED or REJECTED. The hashes, the
    version and the versions of the groups are those of the copies that it ran with.
    """

    execution_id: str
    plan_id: str
    requested_at: str
    ended_at: str
    status: str
    counts: bool
    why_not: tuple[str, ...] = ()
    level: CountsIf | None = None
    counts_if: CountsIf = CountsIf.LAUNCHED
    verdict: str | None = None
    appointment: str | None = None
    servers_total: int = 0
    servers_required: int = 0
    servers_launched: int = 0
    servers_verified: int = 0
    plan_hash: str = ""
    profiles_hash: str = ""
    plan_version: int = 1
    group_versions: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "DrillOutcome":
        """Read a DRILL# row, or its copy in a SUMMARY row."""
        return cls(
            execution_id=item["executionId"],
            plan_id=item["planId"],
            requested_at=item["requestedAt"],
            ended_at=item["endedAt"],
            status=item["status"],
            counts=bool(item["counts"]),
            why_not=tuple(item.get("whyNot", ())),
            level=CountsIf(item["level"]) if item.get("level") else None,
            counts_if=CountsIf(item.get("countsIf", CountsIf.LAUNCHED)),
            verdict=item.get("verdict"),
            appointment=item.get("appointment"),
            servers_total=int(item.get("serversTotal", 0)),
            servers_required=int(item.get("serversRequired", 0)),
            servers_launched=int(item.get("serversLaunched", 0)),
            servers_verified=int(item.get("serversVerified", 0)),
            plan_hash=item.get("planHash", ""),
            profiles_hash=item.get("profilesHash", ""),
            plan_version=int(item.get("planVersion", 1)),
            group_versions={each: int(version) for each, version in item.get("groupVersions", {}).items()},
        )

    def to_item(self) -> dict[str, Any]:
        """The row. What is not known is not written."""
        row = {
            "planId": self.plan_id,
            "item": build_item(self.age_key),
            "executionId": self.execution_id,
            "requestedAt": self.requested_at,
            "endedAt": self.ended_at,
            "status": self.status,
            "counts": self.counts,
            "whyNot": list(self.why_not),
            "level": self.level.value if self.level else None,
            "countsIf": self.counts_if.value,
            "verdict": self.verdict,
            "appointment": self.appointment,
            "serversTotal": self.servers_total,
            "serversRequired": self.servers_required,
            "serversLaunched": self.servers_launched,
            "serversVerified": self.servers_verified,
            "planHash": self.plan_hash,
            "profilesHash": self.profiles_hash,
            "planVersion": self.plan_version,
            "groupVersions": dict(self.group_versions),
        }
        return {name: value for name, value in row.items() if value is not None}

    @property
    def age_key(self) -> Age:
        """Orders drills by when they were requested; a tie, by their ids."""
        return self.requested_at, self.execution_id
