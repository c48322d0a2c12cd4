"""Replication: its states over time, its recovery points, and how it is set up.

A state that was seeded stays; one that StartReplication or a failback began follows from time: INITIATING, then
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
OUT_OF_TOUCH = {"STALLED", "DISCONNECTED", "PAUSED"}
# The default point-in-time policy of DRS: every 10 minutes for an hour, every hour for a day, every day for a week
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
    """`last_seen` is None while the agent is in touch; `sync_at` and `continuous_at` are set by `start`."""

    state: str = "CONTINUOUS"
    lag: str = "PT0S"
    error: str = ""
    protected_since: float = 0
    last_seen: float | None = None
    sync_at: float | None = None
    continuous_at: float | None = None

    def start(self, now: float, lasts: JobDuration) -> None:
        self.state, self.lag, self.error, self.last_seen = "INITIATING", "PT0S", "", None
        self.sync_at = now + lasts.pending
        self.continuous_at = self.protected_since = self.sync_at + lasts.started

    def set(self, state: str, now: float, *, lag: str = "PT0S", error: str = "") -> None:
        self.state, self.lag, self.error = state, lag, error
        self.sync_at = self.continuous_at = None
        self.last_seen = now if state in OUT_OF_TOUCH else None

    def state_at(self, now: float) -> str:
        if self.sync_at is None or self.continuous_at is None or now < self.sync_at:
            return self.state
        return "INITIAL_SYNC" if now < self.continuous_at else "CONTINUOUS"

    def synced_at(self, now: float) -> float:
        """The share of the data that has been copied."""
        state = self.state_at(now)
        if state == "INITIAL_SYNC" and self.sync_at is not None and self.continuous_at is not None:
            return (now - self.sync_at) / (self.continuous_at - self.sync_at)
        return 0 if state in NEVER_SYNCED or state == "DISCONNECTED" else 1

    def points(self, server_id: str, policy: list[dict[str, Any]], now: float) -> dict[str, float]:
        """Snapshot ids and their times, newest first; none before the first sync is complete."""
        if self.state_at(now) in NEVER_SYNCED:
            return {}
        latest = min(now, self.last_seen or now)
        times: set[int] = set()
        for rule in policy:
            if rule.get("enabled", True):
                every = UNITS[rule["units"]] * rule["interval"]
                kept = UNITS[rule["units"]] * rule["retentionDuration"]
                newest = int(latest // every * every)
                times.update(range(newest, int(max(latest - kept, self.protected_since)), -every))
        return {stable_id("pit-", server_id, moment): moment for moment in sorted(times, reverse=True)}

    def to_api(self, disks: list[tuple[str, int]], zone: str, now: float) -> dict[str, Any]:
        """`disks` are pairs of a device's name and its bytes."""
        state, copied = self.state_at(now), self.synced_at(now)
        info: dict[str, Any] = {
            "dataReplicationState": state,
            "stagingAvailabilityZone": zone,
            "replicatedDisks": [
                {
                    "deviceName": device,
                    "totalStorageBytes": 0 if state == "DISCONNECTED" else size,
                    "replicatedStorageBytes": round(size * copied),
                    "rescannedStorageBytes": 0,
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
