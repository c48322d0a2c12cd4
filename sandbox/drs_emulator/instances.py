"""Recovery instances: the record and how the API shows it. DRS's id of one is its EC2 instance id."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.drs_emulator.clock import iso
from sandbox.drs_emulator.ids import digest
from sandbox.drs_emulator.servers import AGENT_VERSION, Machine
from sandbox.drs_emulator.target import TargetKey


@dataclass(slots=True)
class RecoveryInstance:
    """`ec2_state` as the API writes it: PENDING, RUNNING, SHUTTING-DOWN and so on."""

    id: str
    target: TargetKey
    server_id: str
    job_id: str
    machine: Machine
    private_ip: str
    is_drill: bool
    point_in_time: float
    ec2_state: str = "RUNNING"
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return self.target.arn("recovery-instance", self.id)

    def to_api(self, now: float) -> dict[str, Any]:
        origin = self.machine.origin
        shown: dict[str, Any] = {
            "recoveryInstanceID": self.id,
            "ec2InstanceID": self.id,
            "ec2InstanceState": self.ec2_state,
            "jobID": self.job_id,
            "sourceServerID": self.server_id,
            "arn": self.arn,
            "tags": dict(self.tags),
            "failback": {"state": "FAILBACK_NOT_STARTED"},
            "dataReplicationInfo": {"dataReplicationState": "NOT_STARTED"},
            "recoveryInstanceProperties": self._properties(now),
            "pointInTimeSnapshotDateTime": iso(self.point_in_time),
            "isDrill": self.is_drill,
            "originEnvironment": "AWS" if origin else "ON_PREMISES",
            "agentVersion": AGENT_VERSION,
        }
        if "originAvailabilityZone" in origin:
            shown["originAvailabilityZone"] = origin["originAvailabilityZone"]
        return shown

    def _properties(self, now: float) -> dict[str, Any]:
        mac = digest("mac", self.id)
        return {
            "lastUpdatedDateTime": iso(now),
            "identificationHints": {**self.machine.hints(), "awsInstanceID": self.id},
            "networkInterfaces": [
                {
                    "macAddress": "06:" + ":".join(mac[i : i + 2] for i in range(0, 10, 2)),
                    "ips": [self.private_ip] if self.private_ip else [],
                    "isPrimary": True,
                }
            ],
            "disks": [
                {
                    "internalDeviceName": disk.device,
                    "bytes": disk.size,
                    "ebsVolumeID": f"vol-{digest(self.id, disk.device)[:8]}",  # the model's length has no room for 17
                }
                for disk in self.machine.disks
            ],
            **self.machine.hardware(),
        }
