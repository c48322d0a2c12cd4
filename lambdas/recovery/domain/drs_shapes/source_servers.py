"""Source servers, their replication and their snapshots."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.durations import parse_duration


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
        """Read DRS's SourceServer shape, in which only the id is certain."""
        hints = item.get("sourceProperties", {}).get("identificationHints", {})
        replication = item.get("dataReplicationInfo", {})
        return cls(
            server_id=item["sourceServerID"],
            hostname=hints.get("hostname") or hints.get("fqdn") or item.get("tags", {}).get("Name"),
            tags=dict(item.get("tags", {})),
            state=replication.get("dataReplicationState"),
            lag_seconds=parse_duration(replication.get("lagDuration")),
            error=replication.get("dataReplicationError", {}).get("error"),
            last_seen_at=item.get("lifeCycle", {}).get("lastSeenByServiceDateTime"),
            last_launch=item.get("lastLaunchResult"),
            recovery_instance_id=item.get("recoveryInstanceId"),
        )


@dataclass(frozen=True, slots=True)
class SourceServer:
    """A source server as DRS describes it."""

    server_id: str
    hostname: str
    tags: Mapping[str, str]
    replication_state: str
    lag_seconds: float | None = None
    staging_account_id: str | None = None
    source_network_id: str | None = None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "SourceServer":
        """Read DRS's SourceServer shape, in which only the id is certain."""
        hints = item.get("sourceProperties", {}).get("identificationHints", {})
        tags = item.get("tags", {})
        return cls(
            server_id=item["sourceServerID"],
            hostname=hints.get("hostname") or hints.get("fqdn") or tags.get("Name") or item["sourceServerID"],
            tags=tags,
            replication_state=item.get("dataReplicationInfo", {}).get("dataReplicationState", ""),
            lag_seconds=parse_duration(item.get("dataReplicationInfo", {}).get("lagDuration")),
            staging_account_id=item.get("stagingArea", {}).get("stagingAccountID"),
            source_network_id=item.get("sourceNetworkID"),
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point in time of a source server; `taken_at` is epoch seconds."""

    snapshot_id: str
    taken_at: float
