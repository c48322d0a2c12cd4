"""The RESERVATION# rows of the `target-changes` table: capacity that a run has reserved, and has to give back.

A row is written before the reservation is made, and removed once EC2 shows that nothing of the run is reserved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.aws.dynamodb_expressions import Partition
from recovery.domain.target import Target
from recovery.store.launches.settings_changes import table

PREFIX = "RESERVATION#"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Instances of a type and platform in a zone, reserved for a run; `ends_at` (ISO 8601) bounds it in any case.

    `reservation_id` is EC2's, None while that is not known. `problem` says why nothing is reserved.
    """

    target: Target
    execution_id: str
    instance_type: str
    zone: str
    platform: str
    count: int
    ends_at: str
    reservation_id: str | None = None
    problem: str | None = None

    @classmethod
    def from_item(cls, row: Mapping[str, Any]) -> "Reservation":
        """Read a RESERVATION# row."""
        return cls(
            target=Target.from_state(row),
            execution_id=row["executionId"],
            instance_type=row["instanceType"],
            zone=row["zone"],
            platform=row["platform"],
            count=int(row["count"]),
            ends_at=row["endsAt"],
            reservation_id=row.get("reservationId"),
            problem=row.get("problem"),
        )

    @property
    def item(self) -> str:
        """The sort key of its row."""
        return f"{PREFIX}{self.execution_id}#{self.instance_type}#{self.zone}#{self.platform}"

    def to_item(self) -> dict[str, Any]:
        """The inverse; what is None is not written."""
        item = {
            "target": self.target.key,
            "item": self.item,
            **self.target.to_state(),
            "executionId": self.execution_id,
            "instanceType": self.instance_type,
            "zone": self.zone,
            "platform": self.platform,
            "count": self.count,
            "endsAt": self.ends_at,
            "reservationId": self.reservation_id,
            "problem": self.problem,
        }
        return {name: value for name, value in item.items() if value is not None}


def write(reservation: Reservation) -> None:
    """Write the row, over that of an earlier try."""
    dynamodb.put(table(), {**reservation.to_item(), "writtenAt": clock.iso()})


def list_reservations(target: Target, execution_id: str | None = None) -> list[Reservation]:
    """Every row of the target, or those of a run."""
    prefix = f"{PREFIX}{execution_id}#" if execution_id else PREFIX
    rows = dynamodb.query(table(), Partition("target", target.key, ("item", prefix)))
    return [Reservation.from_item(row) for row in rows]


def remove(reservation: Reservation) -> None:
    """Remove the row."""
    dynamodb.delete(table(), {"target": reservation.target.key, "item": reservation.item})
