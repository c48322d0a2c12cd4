"""Recovery instances and their failback. The id of a recovery instance is its EC2 instance id."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.ids import digest
from drs_emulator.records.replication import Replication
from drs_emulator.records.source_server import AGENT_VERSION, Machine
from drs_emulator.target_key import TargetKey

FAILBACK_DEFAULTS: dict[str, Any] = {"bandwidthThrottling": 0, "usePrivateIP": False, "internetProtocol": "IPV4"}


@dataclass(slots=True)
class Failback:
    """A failback. `replication` copies from the instance back to the server's origin. `state` has the API's values."""

    state: str = "FAILBACK_NOT_STARTED"
    initiated_at: float = 0
    job_id: str = ""
    client_id: str = ""
    replication: Replication = field(default_factory=lambda: Replication(state="NOT_STARTED"))

    def state_at(self, now: float) -> str:
        if self.state == "FAILBACK_IN_PROGRESS" and self.replication.state_at(now) == "CONTINUOUS":
            return "FAILBACK_READY_FOR_LAUNCH"
        return self.state

    def to_api(self, now: float) -> dict[str, Any]:
        fields: dict[str, Any] = {"state": self.state_at(now)}
        if self.initiated_at:
            fields |= {"failbackInitiationTime": iso(self.initiated_at), "failbackToOriginalServer": True}
        if self.job_id:
            fields |= {"failbackJobID": self.job_id, "failbackLaunchType": "RECOVERY"}
        if self.client_id:
            fields |= {"failbackClientID": self.client_id, "failbackClientLastSeenByServiceDateTime": iso(now)}
        return fields


@dataclass(slots=True)
class RecoveryInstance:
    """`ec2_state` has the API's values, such as RUNNING, STOPPED and SHUTTING-DOWN."""

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
    failback: Failback = field(default_factory=Failback)
    failback_settings: dict[str, Any] = field(default_factory=lambda: dict(FAILBACK_DEFAULTS))

    @property
    def arn(self) -> str:
        return self.target.arn("recovery-instance", self.id)

    @property
    def is_disconnected(self) -> bool:
        return self.failback.replication.state == "DISCONNECTED"

    def to_api(self, now: float) -> dict[str, Any]:
        origin = self.machine.origin
        disks = [] if self.failback.replication.state == "NOT_STARTED" else self.machine.disk_sizes()
        replication = self.failback.replication.to_api(disks, f"{self.target.region}a", now)
        replication.pop("lagDuration", None)  # the model declares it as a timestamp, but only here
        fields: dict[str, Any] = {
            "recoveryInstanceID": self.id,
            "ec2InstanceID": self.id,
            "ec2InstanceState": self.ec2_state,
            "jobID": self.job_id,
            "sourceServerID": self.server_id,
            "arn": self.arn,
            "tags": dict(self.tags),
            "failback": self.failback.to_api(now),
            "dataReplicationInfo": replication,
            "recoveryInstanceProperties": self._properties(now),
            "pointInTimeSnapshotDateTime": iso(self.point_in_time),
            "isDrill": self.is_drill,
            "originEnvironment": "AWS" if origin else "ON_PREMISES",
            "agentVersion": AGENT_VERSION,
        }
        if "originAvailabilityZone" in origin:
            fields["originAvailabilityZone"] = origin["originAvailabilityZone"]
        return fields

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
                    "ebsVolumeID": f"vol-{digest(self.id, disk.device)[:8]}",  # 17 digits exceed the model's maximum
                }
                for disk in self.machine.disks
            ],
            **self.machine.hardware(),
        }
