"""Recovery instances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# States of an instance that is gone or about to be: EC2's in capitals, and DRS's NOT_FOUND.
GONE_STATES = frozenset(("SHUTTING-DOWN", "TERMINATED", "NOT_FOUND"))


@dataclass(frozen=True, slots=True)
class LaunchedInstance:
    """A recovery instance as DRS describes it. EC2 has the details of the instance itself.

    `state` is one of EC2's in capitals, or NOT_FOUND for an instance that EC2 no longer knows; it is empty if DRS does
    not say. DRS may leave out `isDrill`; such an instance counts as no drill's.
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
        if not item.get("recoveryInstanceID") or not item.get("sourceServerID"):
            return None
        hints = item.get("recoveryInstanceProperties", {}).get("identificationHints", {})
        return cls(
            instance_id=item["recoveryInstanceID"],
            ec2_instance_id=item.get("ec2InstanceID", item["recoveryInstanceID"]),
            server_id=item["sourceServerID"],
            state=item.get("ec2InstanceState", ""),
            hostname=hints.get("hostname") or hints.get("fqdn"),
            job_id=item.get("jobID"),
            is_drill=item.get("isDrill", False),
            snapshot_at=item.get("pointInTimeSnapshotDateTime"),
        )

    @property
    def exists(self) -> bool:
        """Whether EC2 still has the instance, as far as DRS says."""
        return self.state not in GONE_STATES

    @property
    def is_live(self) -> bool:
        """Whether it may serve production: it exists, and DRS does not call it a drill's."""
        return self.exists and not self.is_drill
