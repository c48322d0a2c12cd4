"""Recovery instances: the record, its failback, and how the API shows it. DRS's id of one is its EC2 instance id."""

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
    """`state` as the API writes it, `replication` from the instance back to where the server came from."""

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
        shown: dict[str, Any] = {"state": self.state_at(now)}
        if self.initiated_at:
            shown |= {"failbackInitiationTime": iso(self.initiated_at), "failbackToOriginalServer": True}
        if self.job_id:
            shown |= {"failbackJobID": self.job_id, "failbackLaunchType": "RECOVERY"}
        if self.client_id:
            shown |= {"failbackClientID": self.client_id, "failbackClientLastSeenByServiceDateTime": iso(now)}
        return shown


@dataclass(slots=True)
class RecoveryInstance:
    """`ec2_state` as the API writes it: RUNNING, STOPPED, SHUTTING-DOWN and so on."""

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
    def disconnected(self) -> bool:
        return self.failback.replication.state == "DISCONNECTED"

    def to_api(self, now: float) -> dict[str, Any]:
        origin = self.machine.origin
        disks = [] if self.failback.replication.state == "NOT_STARTED" else self.machine.sizes()
        replication = self.failback.replication.to_api(disks, f"{self.target.region}a", now)
        replication.pop("lagDuration", None)  # which the model wants to be a date, here and nowhere else
        shown: dict[str, Any] = {
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
