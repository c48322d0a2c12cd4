"""Replication: its state over time, its recovery points and its default configuration.

A seeded state does not change. A replication that StartReplication or a failback starts is first INITIATING, then
INITIAL_SYNC, then CONTINUOUS.
"""

from dataclasses import dataclass
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.ids import stable_id
from drs_emulator.settings import JobDuration

MINUTE, HOUR, DAY = 60, 3600, 86400
UNITS = {"MINUTE": MINUTE, "HOUR": HOUR, "DAY": DAY}
NEVER_SYNCED = {"STOPPED", "INITIATING", "INITIAL_SYNC", "NOT_STARTED"}
INTERRUPTED = {"STALLED", "DISCONNECTED", "PAUSED"}
# The default policy of DRS: a snapshot every 10 minutes for an hour, every hour for a day, every day for a week
PIT_POLICY: list[dict[str, Any]] = [
    {"ruleID": 1, "units": "MINUTE", "interval": 10, "retentionDuration": 60, "enabled": True},
    {"ruleID": 2, "units": "HOUR", "interval": 1, "retentionDuration": 24, "enabled": True},
    {"ruleID": 3, "units": "DAY", "interval": 1, "retentionDuration": 7, "enabled": True},
]
REPLICATION_DEFAULTS: dict[str, Any] = {
    "stagingAreaSubnetId": "subnet-0a1b2c3d4e5f60718",
    "associateDefaultSecurityGroup": True,
    "replicationServersSecurityGroupsIDs": [],
    "replicationServerInstanceType": "t3.small",
    "useDedicatedReplicationServer": False,
    "defaultLargeStagingDiskType": "GP3",
    "ebsEncryption": "DEFAULT",
    "bandwidthThrottling": 0,
    "dataPlaneRouting": "PRIVATE_IP",
    "createPublicIP": False,
    "stagingAreaTags": {},
    "pitPolicy": PIT_POLICY,
    "autoReplicateNewDisks": False,
    "internetProtocol": "IPV4",
}


@dataclass(slots=True)
class Replication:
    """`last_seen` is None while the agent is connected. `start` sets `sync_at` and `continuous_at`."""

    state: str = "CONTINUOUS"
    lag: str = "PT0S"
    error: str = ""
    protected_since: float = 0
    last_seen: float | None = None
    sync_at: float | None = None
    continuous_at: float | None = None

    def start(self, now: float, duration: JobDuration) -> None:
        self.state, self.lag, self.error, self.last_seen = "INITIATING", "PT0S", "", None
        self.sync_at = now + duration.pending
        self.continuous_at = self.protected_since = self.sync_at + duration.started

    def set_state(self, state: str, now: float, *, lag: str = "PT0S", error: str = "") -> None:
        self.state, self.lag, self.error = state, lag, error
        self.sync_at = self.continuous_at = None
        self.last_seen = now if state in INTERRUPTED else None

    def state_at(self, now: float) -> str:
        if self.sync_at is None or self.continuous_at is None or now < self.sync_at:
            return self.state
        return "INITIAL_SYNC" if now < self.continuous_at else "CONTINUOUS"

    def copied_at(self, now: float) -> float:
        """Return the share of the data that is copied."""
        state = self.state_at(now)
        if state == "INITIAL_SYNC" and self.sync_at is not None and self.continuous_at is not None:
            return (now - self.sync_at) / (self.continuous_at - self.sync_at)
        return 0 if state in NEVER_SYNCED or state == "DISCONNECTED" else 1

    def recovery_points(self, server_id: str, policy: list[dict[str, Any]], now: float) -> dict[str, float]:
        """Map snapshot ids to their times, newest first. There is none before the first sync is complete."""
        if self.state_at(now) in NEVER_SYNCED:
            return {}
        latest = min(now, self.last_seen or now)
        times: set[int] = set()
        for rule in policy:
            if rule.get("enabled", True):
                interval = UNITS[rule["units"]] * rule["interval"]
                retention = UNITS[rule["units"]] * rule["retentionDuration"]
                newest = int(latest // interval * interval)
                times.update(range(newest, int(max(latest - retention, self.protected_since)), -interval))
        return {stable_id("pit-", server_id, moment): moment for moment in sorted(times, reverse=True)}

    def to_api(self, disks: list[tuple[str, int]], zone: str, now: float) -> dict[str, Any]:
        """`disks` are pairs of a device name and its size in bytes."""
        state, copied = self.state_at(now), self.copied_at(now)
        info: dict[str, Any] = {
            "dataReplicationState": state,
            "stagingAvailabilityZone": zone,
            "replicatedDisks": [
                {
                    "deviceName": device,
                    "totalStorageBytes": 0 if state == "DISCONNECTED" else size,
                    "replicatedStorageBytes": round(size * copied),
                    "rescannedStorageBytes": round(size * copied),
                    "backloggedStorageBytes": 0,
                }
                for device, size in disks
            ],
        }
        if state not in ("DISCONNECTED", "STOPPED", "NOT_STARTED"):
            info["lagDuration"] = self.lag
        if state == "INITIAL_SYNC" and self.continuous_at is not None:
            info["etaDateTime"] = iso(self.continuous_at)
        if self.error:
            info["dataReplicationError"] = {"error": self.error}
        return info
