"""Source servers: the record, its launch configuration, its recovery points, and how the API shows it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.drs_emulator.clock import iso
from sandbox.drs_emulator.ids import digest, stable_id
from sandbox.drs_emulator.target import TargetKey

AGENT_VERSION = "6.1.42"
MINUTE, HOUR, DAY = 60, 3600, 86400
# (every, kept for), in seconds: the default point-in-time policy of DRS
SNAPSHOT_POLICY = ((10 * MINUTE, HOUR), (HOUR, DAY), (DAY, 7 * DAY))
NEVER_SYNCED = {"STOPPED", "INITIATING", "INITIAL_SYNC"}
OUT_OF_TOUCH = {"STALLED", "DISCONNECTED", "PAUSED"}
# (vCPUs, GiB, type): what right-sizing picks from, smallest first
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
    """Where every launch of a server is made to fail."""

    SNAPSHOT = "SNAPSHOT"
    CONVERSION = "CONVERSION"
    LAUNCH = "LAUNCH"


def right_size(cores: int, ram_bytes: int) -> str:
    fitting = (name for cpus, gib, name in INSTANCE_SIZES if cpus >= cores and gib * 2**30 >= ram_bytes)
    return next(fitting, INSTANCE_SIZES[-1][2])


@dataclass(slots=True)
class LaunchConfiguration:
    name: str
    template_id: str
    disposition: str = "STARTED"
    right_sizing: str = "BASIC"
    template_instance_type: str = "c5.large"
    copy_private_ip: bool = False
    copy_tags: bool = True
    byol: bool = False
    post_launch: bool = False

    def to_api(self, server_id: str) -> dict[str, Any]:
        return {
            "sourceServerID": server_id,
            "name": self.name,
            "ec2LaunchTemplateID": self.template_id,
            "launchDisposition": self.disposition,
            "targetInstanceTypeRightSizingMethod": self.right_sizing,
            "copyPrivateIp": self.copy_private_ip,
            "copyTags": self.copy_tags,
            "licensing": {"osByol": self.byol},
            "postLaunchEnabled": self.post_launch,
        }


@dataclass(frozen=True, slots=True)
class LastLaunch:
    """The latest job that launched this server; `status` is a launch status, `called_at` simulated."""

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
    """What the agent reports about the server; `origin` is the model's sourceCloudProperties."""

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
    id: str
    target: TargetKey
    machine: Machine
    instance_type: str
    launch: LaunchConfiguration
    added_at: float
    replication_state: str = "CONTINUOUS"
    lag: str = "PT0S"
    replication_error: str = ""
    staging_account: str = ""
    last_seen: float | None = None  # None while the agent is in touch
    fails_at: FailsAt | None = None
    tags: dict[str, str] = field(default_factory=dict)
    last_launch: LastLaunch | None = None
    recovery_instance_id: str = ""

    @property
    def arn(self) -> str:
        return self.target.arn("source-server", self.id)

    @property
    def hardware_ids(self) -> set[str]:
        """What the filter hardwareId finds it by."""
        return {self.machine.mac, self.machine.vmware_uuid, self.machine.ec2_id} - {""}

    def launch_type(self) -> str:
        return self.instance_type if self.launch.right_sizing != "NONE" else self.launch.template_instance_type

    def recovery_points(self, now: float) -> dict[str, float]:
        """Snapshot ids and their times, newest first; none before the first sync is complete."""
        if self.replication_state in NEVER_SYNCED:
            return {}
        latest = min(now, self.last_seen or now)
        times: set[int] = set()
        for every, kept in SNAPSHOT_POLICY:
            newest = int(latest // every * every)
            times.update(range(newest, int(max(latest - kept, self.added_at)), -every))
        return {stable_id("pit-", self.id, moment): moment for moment in sorted(times, reverse=True)}

    def to_api(self, now: float) -> dict[str, Any]:
        launch = self.last_launch
        shown: dict[str, Any] = {
            "sourceServerID": self.id,
            "arn": self.arn,
            "tags": dict(self.tags),
            "lastLaunchResult": LAUNCH_RESULTS.get(launch.status, "PENDING") if launch else "NOT_STARTED",
            "dataReplicationInfo": self._replication(),
            "lifeCycle": self._life_cycle(now),
            "sourceProperties": self._properties(now),
            "stagingArea": {"status": "NOT_EXTENDED", "stagingAccountID": self.staging_account or self.target.account},
            "replicationDirection": "FAILOVER",
            "agentVersion": AGENT_VERSION,
        }
        if self.staging_account and self.staging_account != self.target.account:
            shown["stagingArea"]["status"] = "EXTENDED"
            staged = self.target._replace(account=self.staging_account)
            shown["stagingArea"]["stagingSourceServerArn"] = staged.arn("source-server", self.id)
        if self.machine.origin:
            shown["sourceCloudProperties"] = dict(self.machine.origin)
        if self.recovery_instance_id:
            shown["recoveryInstanceId"] = self.recovery_instance_id
        return shown

    def _replication(self) -> dict[str, Any]:
        replicated = 0 if self.replication_state in NEVER_SYNCED else 1
        info: dict[str, Any] = {
            "dataReplicationState": self.replication_state,
            "lagDuration": self.lag,
            "stagingAvailabilityZone": f"{self.target.region}a",
            "replicatedDisks": [
                {
                    "deviceName": disk.device,
                    "totalStorageBytes": disk.size,
                    "replicatedStorageBytes": disk.size * replicated,
                    "rescannedStorageBytes": 0,
                    "backloggedStorageBytes": 0,
                }
                for disk in self.machine.disks
            ],
        }
        if self.replication_error:
            info["dataReplicationError"] = {"error": self.replication_error}
        return info

    def _life_cycle(self, now: float) -> dict[str, Any]:
        cycle: dict[str, Any] = {
            "addedToServiceDateTime": iso(self.added_at),
            "firstByteDateTime": iso(self.added_at + 30 * MINUTE),
            "lastSeenByServiceDateTime": iso(self.last_seen or now),
        }
        if self.last_launch:
            cycle["lastLaunch"] = self.last_launch.to_api()
        return cycle

    def _properties(self, now: float) -> dict[str, Any]:
        machine = self.machine
        return {
            "lastUpdatedDateTime": iso(self.last_seen or now),
            "recommendedInstanceType": self.instance_type,
            "identificationHints": machine.hints(),
            "networkInterfaces": [{"macAddress": machine.mac, "ips": [machine.ip], "isPrimary": True}],
            "disks": [{"deviceName": disk.device, "bytes": disk.size} for disk in machine.disks],
            **machine.hardware(),
            "supportsNitroInstances": True,
            "architecture": "x86_64",
        }


def snapshot_volumes(server: SourceServer, snapshot_id: str) -> list[str]:
    """The EBS snapshots behind a recovery point, one a disk."""
    return [f"snap-{digest(snapshot_id, disk.device)[:17]}" for disk in server.machine.disks]
