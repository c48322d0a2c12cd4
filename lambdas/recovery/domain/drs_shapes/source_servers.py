"""Source servers, their replication and their snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery import clock
from recovery.domain.drs_shapes.durations import parse_duration
from recovery.domain.drs_shapes.members import read_structures, read_tags, read_text, read_time
from recovery.domain.drs_shapes.source_machines import SourceMachine

_HINTS = ("sourceProperties", "identificationHints")


def _read_server_id(item: Mapping[str, Any]) -> str:
    """The id of a SourceServer shape. Raise ValueError without it."""
    server_id = read_text(item, "sourceServerID")
    if server_id is None:
        raise ValueError("a source server without sourceServerID")
    return server_id


def _read_hostname(item: Mapping[str, Any], tags: Mapping[str, str]) -> str | None:
    return read_text(item, *_HINTS, "hostname") or read_text(item, *_HINTS, "fqdn") or tags.get("Name") or None


def _read_address(item: Mapping[str, Any]) -> str | None:
    """The first address of the primary network interface, or of the first one if none is primary."""
    interfaces = read_structures(item, "sourceProperties", "networkInterfaces")
    interfaces.sort(key=lambda each: each.get("isPrimary") is not True)
    addresses = interfaces[0].get("ips") if interfaces else None
    return next((each for each in addresses or () if isinstance(each, str) and "." in each), None)


@dataclass(frozen=True, slots=True)
class ServerReplication:
    """The replication of a source server. `lag_seconds` is the age of its newest data; None if DRS does not say.

    DescribeSourceServers tells of no snapshot, so `last_seen_at`, when DRS last heard of the agent, stands for it.
    """

    server_id: str
    hostname: str | None
    tags: Mapping[str, str]
    state: str | None
    lag_seconds: float | None
    error: str | None
    last_seen_at: str | None
    last_launch: str | None
    recovery_instance_id: str | None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "ServerReplication":
        """Read DRS's SourceServer shape, in which nothing is certain. Raise ValueError without the id."""
        tags = read_tags(item)
        return cls(
            server_id=_read_server_id(item),
            hostname=_read_hostname(item, tags),
            tags=tags,
            state=read_text(item, "dataReplicationInfo", "dataReplicationState"),
            lag_seconds=parse_duration(read_text(item, "dataReplicationInfo", "lagDuration")),
            error=read_text(item, "dataReplicationInfo", "dataReplicationError", "error"),
            last_seen_at=read_time(item, "lifeCycle", "lastSeenByServiceDateTime"),
            last_launch=read_text(item, "lastLaunchResult"),
            recovery_instance_id=read_text(item, "recoveryInstanceId"),
        )


@dataclass(frozen=True, slots=True)
class SourceServer:
    """A source server as DRS describes it. `fails_back` is True for one that replicates a recovered server home.

    `source_address` is its primary private address of version 4; `recommended_type` the instance type that right-sizing
    chooses. Both are None if DRS does not say.
    """

    server_id: str
    hostname: str
    tags: Mapping[str, str]
    replication_state: str
    lag_seconds: float | None = None
    staging_account_id: str | None = None
    source_network_id: str | None = None
    fails_back: bool = False
    source_address: str | None = None
    machine: SourceMachine = field(default_factory=SourceMachine)
    recommended_type: str | None = None
    is_windows: bool = False

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "SourceServer":
        """Read DRS's SourceServer shape, in which nothing is certain. Raise ValueError without the id."""
        server_id, tags = _read_server_id(item), read_tags(item)
        return cls(
            server_id=server_id,
            hostname=_read_hostname(item, tags) or server_id,
            tags=tags,
            replication_state=read_text(item, "dataReplicationInfo", "dataReplicationState") or "",
            lag_seconds=parse_duration(read_text(item, "dataReplicationInfo", "lagDuration")),
            staging_account_id=read_text(item, "stagingArea", "stagingAccountID"),
            source_network_id=read_text(item, "sourceNetworkID"),
            fails_back=read_text(item, "replicationDirection") == "FAILBACK",
            source_address=_read_address(item),
            machine=SourceMachine.from_drs(item),
            recommended_type=read_text(item, "sourceProperties", "recommendedInstanceType"),
            is_windows="windows" in (read_text(item, "sourceProperties", "os", "fullString") or "").lower(),
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point in time of a source server; `taken_at` is epoch seconds."""

    snapshot_id: str
    taken_at: float

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "Snapshot | None":
        """Read DRS's RecoverySnapshot shape; None for one without an id or a time, which is not complete."""
        snapshot_id, taken_at = read_text(item, "snapshotID"), read_time(item, "timestamp")
        return cls(snapshot_id, clock.parse_iso(taken_at)) if snapshot_id and taken_at else None
