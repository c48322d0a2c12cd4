"""Source servers and their machines."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.ids import digest
from drs_emulator.records.launch_configuration import (
    LAUNCH_DEFAULTS,
    TEMPLATE_ONLY,
    LaunchConfiguration,
    Template,
)
from drs_emulator.records.replication import PIT_POLICY, REPLICATION_DEFAULTS, Replication
from drs_emulator.target_key import TargetKey

AGENT_VERSION = "6.1.42"
# (vCPUs, GiB, type), smallest first: right-sizing takes the first that fits
INSTANCE_SIZES = (
    (2, 2, "t3.small"),
    (2, 4, "t3.medium"),
    (2, 8, "m5.large"),
    (2, 16, "r5.large"),
    (4, 16, "m5.xlarge"),
    (4, 32, "r5.xlarge"),
    (8, 32, "m5.2xlarge"),
    (8, 64, "r5.2xlarge"),
    (16, 64, "m5.4xlarge"),
    (16, 128, "r5.4xlarge"),
    (32, 128, "m5.8xlarge"),
    (48, 192, "m5.12xlarge"),
    (96, 384, "m5.24xlarge"),
)


class FailsAt(StrEnum):
    """The phase in which every launch of a server fails, on demand."""

    SNAPSHOT = "SNAPSHOT"
    CONVERSION = "CONVERSION"
    LAUNCH = "LAUNCH"


def right_size(cores: int, ram_bytes: int) -> str:
    """Return the smallest instance type that fits, or the largest there is."""
    fitting = (name for cpus, gib, name in INSTANCE_SIZES if cpus >= cores and gib * 2**30 >= ram_bytes)
    return next(fitting, INSTANCE_SIZES[-1][2])


@dataclass(frozen=True, slots=True)
class LastLaunch:
    """The latest job that launched this server. `status` is a launch status; `called_at` is simulated time."""

    job_id: str
    called_at: float
    is_drill: bool
    status: str

    def to_api(self) -> dict[str, Any]:
        kind = "DRILL" if self.is_drill else "RECOVERY"
        initiated = {"apiCallDateTime": iso(self.called_at), "jobID": self.job_id, "type": kind}
        return {"initiated": initiated, "status": self.status}


LAUNCH_RESULTS = {"LAUNCHED": "SUCCEEDED", "TERMINATED": "SUCCEEDED", "FAILED": "FAILED"}


@dataclass(frozen=True, slots=True)
class Disk:
    device: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine as the agent reports it. `origin` is the model's sourceCloudProperties."""

    hostname: str
    fqdn: str
    os: str
    cores: int
    ram_bytes: int
    disks: tuple[Disk, ...]
    ip: str
    mac: str
    vmware_uuid: str
    ec2_id: str
    origin: dict[str, str]

    def move_to(self, ec2_id: str, ip: str, origin: dict[str, str]) -> "Machine":
        """Return a copy that runs as an EC2 instance elsewhere."""
        return replace(self, ec2_id=ec2_id, ip=ip or self.ip, origin=origin)

    def disk_sizes(self) -> list[tuple[str, int]]:
        return [(disk.device, disk.size) for disk in self.disks]

    def hints(self) -> dict[str, str]:
        hints = {"hostname": self.hostname, "fqdn": self.fqdn}
        if self.vmware_uuid:
            hints["vmWareUuid"] = self.vmware_uuid
        if self.ec2_id:
            hints["awsInstanceID"] = self.ec2_id
        return hints

    def hardware(self) -> dict[str, Any]:
        return {
            "cpus": [{"cores": self.cores, "modelName": "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz"}],
            "ramBytes": self.ram_bytes,
            "os": {"fullString": self.os},
        }


@dataclass(slots=True)
class SourceServer:
    """A source server. No job can start with it while it is `in_conflict`.

    `replication_settings` holds the differences from the defaults, in the API's form. `reversed_arn` is the ARN of the
    server that replicates in the other direction. An extended server has the id of the server that it extends in
    `staging_server_id`.
    """

    id: str
    target: TargetKey
    machine: Machine
    instance_type: str
    launch: LaunchConfiguration
    added_at: float
    replication: Replication = field(default_factory=Replication)
    replication_settings: dict[str, Any] = field(default_factory=dict)
    staging_account: str = ""
    staging_server_id: str = ""
    source_network: str = ""
    direction: str = "FAILOVER"
    reversed_arn: str = ""
    fails_at: FailsAt | None = None
    in_conflict: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    last_launch: LastLaunch | None = None
    recovery_instance_id: str = ""

    @property
    def arn(self) -> str:
        return self.target.arn("source-server", self.id)

    @property
    def is_extended(self) -> bool:
        return bool(self.staging_account) and self.staging_account != self.target.account

    @property
    def hardware_ids(self) -> set[str]:
        """The values that match the filter hardwareId."""
        return {self.machine.mac, self.machine.vmware_uuid, self.machine.ec2_id} - {""}

    def apply_templates(self, templates: Iterable[Template]) -> None:
        """Apply the templates of the account and Region, as DRS does to a new server."""
        for template in templates:
            if template.id.startswith("lct-"):
                values = {name: value for name, value in template.values.items() if name not in TEMPLATE_ONLY}
                self.launch.values = LAUNCH_DEFAULTS | values
                self.launch.actions = dict(template.actions)
            else:
                self.replication_settings = dict(template.values)

    def recovery_points(self, now: float) -> dict[str, float]:
        """Map snapshot ids to their times, newest first."""
        policy = self.replication_settings.get("pitPolicy", PIT_POLICY)
        return self.replication.recovery_points(self.id, policy, now)

    def to_api(self, now: float) -> dict[str, Any]:
        launch = self.last_launch
        fields: dict[str, Any] = {
            "sourceServerID": self.id,
            "arn": self.arn,
            "tags": dict(self.tags),
            "lastLaunchResult": LAUNCH_RESULTS.get(launch.status, "PENDING") if launch else "NOT_STARTED",
            "dataReplicationInfo": self.replication.to_api(self.machine.disk_sizes(), f"{self.target.region}a", now),
            "lifeCycle": self._life_cycle(now),
            "sourceProperties": self._properties(now),
            "stagingArea": {"status": "NOT_EXTENDED", "stagingAccountID": self.staging_account or self.target.account},
            "replicationDirection": self.direction,
            "agentVersion": AGENT_VERSION,
        }
        if self.is_extended:
            fields["stagingArea"]["status"] = "EXTENDED"
            staging = self.target._replace(account=self.staging_account)
            fields["stagingArea"]["stagingSourceServerArn"] = staging.arn(
                "source-server", self.staging_server_id or self.id
            )
        if self.machine.origin:
            fields["sourceCloudProperties"] = dict(self.machine.origin)
        if self.source_network:
            fields["sourceNetworkID"] = self.source_network
        if self.recovery_instance_id:
            fields["recoveryInstanceId"] = self.recovery_instance_id
        if self.reversed_arn:
            fields["reversedDirectionSourceServerArn"] = self.reversed_arn
        return fields

    def replication_configuration(self) -> dict[str, Any]:
        disks = [
            {"deviceName": disk.device, "isBootDisk": first, "stagingDiskType": "AUTO", "iops": 0, "throughput": 0}
            for first, disk in zip([True] + [False] * len(self.machine.disks), self.machine.disks, strict=False)
        ]
        identity = {"sourceServerID": self.id, "name": self.machine.hostname, "replicatedDisks": disks}
        return identity | REPLICATION_DEFAULTS | self.replication_settings

    def _life_cycle(self, now: float) -> dict[str, Any]:
        cycle: dict[str, Any] = {
            "addedToServiceDateTime": iso(self.added_at),
            "firstByteDateTime": iso(self.added_at + 30 * 60),
            "lastSeenByServiceDateTime": iso(self.replication.last_seen or now),
        }
        if self.last_launch:
            cycle["lastLaunch"] = self.last_launch.to_api()
        return cycle

    def _properties(self, now: float) -> dict[str, Any]:
        machine = self.machine
        return {
            "lastUpdatedDateTime": iso(self.replication.last_seen or now),
            "recommendedInstanceType": self.instance_type,
            "identificationHints": machine.hints(),
            "networkInterfaces": [{"macAddress": machine.mac, "ips": [machine.ip], "isPrimary": True}],
            "disks": [{"deviceName": disk.device, "bytes": disk.size} for disk in machine.disks],
            **machine.hardware(),
            "supportsNitroInstances": True,
            "architecture": "x86_64",
        }


def ebs_snapshot_ids(server: SourceServer, snapshot_id: str) -> list[str]:
    """Return the ids of a recovery point's EBS snapshots, one per disk."""
    return [f"snap-{digest(snapshot_id, disk.device)[:17]}" for disk in server.machine.disks]
