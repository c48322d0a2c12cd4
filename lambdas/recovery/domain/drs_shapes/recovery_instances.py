"""Recovery instances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.members import read_text, read_time

# States of an instance that is gone or about to be: EC2's in capitals, and DRS's NOT_FOUND.
GONE_STATES = frozenset(("SHUTTING-DOWN", "TERMINATED", "NOT_FOUND"))


@dataclass(frozen=True, slots=True)
class LaunchedInstance:
    """A recovery instance as DRS describes it. EC2 has the details of the instance itself.

    `state` is one of EC2's in capitals, or NOT_FOUND for an instance that EC2 no longer knows; it is empty if DRS does
    not say. DRS may leave out `isDrill`; such an instance counts as no drill's. `snapshot_at` is the time of the data
    that it was launched from, in the form of `clock.iso`.
    """

    instance_id: str
    ec2_instance_id: str
    server_id: str
    state: str
    hostname: str | None
    job_id: str | None
    is_drill: bool
    snapshot_at: str | None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "LaunchedInstance | None":
        """Read DRS's RecoveryInstance shape, in which no id is certain; None for one without the ids."""
        instance = cls.from_any(item)
        return instance if instance.instance_id and instance.server_id else None

    @classmethod
    def from_any(cls, item: Mapping[str, Any]) -> "LaunchedInstance":
        """Read DRS's RecoveryInstance shape; an id that is missing is ""."""
        instance_id = read_text(item, "recoveryInstanceID") or ""
        hints = ("recoveryInstanceProperties", "identificationHints")
        return cls(
            instance_id=instance_id,
            ec2_instance_id=read_text(item, "ec2InstanceID") or instance_id,
            server_id=read_text(item, "sourceServerID") or "",
            state=read_text(item, "ec2InstanceState") or "",
            hostname=read_text(item, *hints, "hostname") or read_text(item, *hints, "fqdn"),
            job_id=read_text(item, "jobID"),
            is_drill=item.get("isDrill") is True,
            snapshot_at=read_time(item, "pointInTimeSnapshotDateTime"),
        )

    @property
    def exists(self) -> bool:
        """Whether EC2 still has the instance, as far as DRS says."""
        return self.state not in GONE_STATES

    @property
    def is_live(self) -> bool:
        """Whether it may serve production: it exists, and DRS does not call it a drill's."""
        return self.exists and not self.is_drill
