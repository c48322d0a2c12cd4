"""Source servers, their replication and their snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery import clock
from recovery.domain.drs_shapes.durations import parse_duration
from recovery.domain.drs_shapes.members import read_tags, read_text, read_time
from recovery.domain.drs_shapes.source_machines import SourceMachine

_HINTS = ("sourceProperties", "identificationHints")


def _read_server_id(item: Mapping[str, Any]) -> str:
    """The id of a SourceServer shape. Raise ValueError without it."""
    server_id = read_text(item, "sourceServerID")
    if server_id is None:
        raise ValueError("a source server without sourceServerID")
    return server_id


def _read_staging_server(item: Mapping[str, Any]) -> str | None:
    """The id in the ARN of a source server, which ends with `source-server/s-…`."""
    return (read_text(item, "stagingArea", "stagingSourceServerArn") or "").rpartition("/")[2] or None


def _read_hostname(item: Mapping[str, Any], tags: Mapping[str, str]) -> str | None:
    return read_text(item, *_HINTS, "hostname") or read_text(item, *_HINTS, "fqdn") or tags.get("Name") or None


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

    An extended source server has a `staging_account_id`, and `staging_server_id` is the server there that it extends.
    """

    server_id: str
    hostname: str
    tags: Mapping[str, str]
    replication_state: str
    lag_seconds: float | None = None
    staging_account_id: str | None = None
    staging_server_id: str | None = None
    source_network_id: str | None = None
    fails_back: bool = False
    machine: SourceMachine = field(default_factory=SourceMachine)

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
            staging_server_id=(read_text(item, "stagingArea", "stagingSourceServerArn") or "").rpartition("/")[2]
            or None,
            source_network_id=read_text(item, "sourceNetworkID"),
            fails_back=read_text(item, "replicationDirection") == "FAILBACK",
            machine=SourceMachine.from_drs(item),
        )

    @property
    def source_address(self) -> str | None:
        """Its primary private address of version 4; None if DRS does not say."""
        return self.machine.address

    @property
    def recommended_type(self) -> str | None:
        """The instance type that right-sizing chooses; None if DRS does not say."""
        return self.machine.recommended_type

    @property
    def is_windows(self) -> bool:
        """Whether its operating system is Windows."""
        return self.machine.is_windows


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
