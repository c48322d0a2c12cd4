"""How the replication of a source server stands, as DRS describes it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def seconds_of(duration: str | None) -> float | None:
    """Seconds of an ISO 8601 duration such as `PT1M30S`; None for none, and for what has years or months or is none."""
    found = _DURATION.fullmatch(duration or "")
    parts = {name: text for name, text in found.groupdict().items() if text} if found else {}
    return sum(float(text) * _SECONDS[name] for name, text in parts.items()) if parts else None


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """A source server; `lag_seconds` is how far its recovery points are behind, None when DRS does not say.

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
    def from_drs(cls, item: Mapping[str, Any]) -> "ServerHealth":
        """Read DRS's SourceServer shape, where nothing but the id is certain to be there."""
        hints = item.get("sourceProperties", {}).get("identificationHints", {})
        replication = item.get("dataReplicationInfo", {})
        return cls(
            server_id=item["sourceServerID"],
            hostname=hints.get("hostname") or hints.get("fqdn") or item.get("tags", {}).get("Name"),
            tags=dict(item.get("tags", {})),
            state=replication.get("dataReplicationState"),
            lag_seconds=seconds_of(replication.get("lagDuration")),
            error=replication.get("dataReplicationError", {}).get("error"),
            last_seen_at=item.get("lifeCycle", {}).get("lastSeenByServiceDateTime"),
            last_launch=item.get("lastLaunchResult"),
            recovery_instance_id=item.get("recoveryInstanceId"),
        )

    def to_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "sourceServerId": self.server_id,
            "hostname": self.hostname,
            "tags": dict(self.tags),
            "replicationState": self.state,
            "lagSeconds": self.lag_seconds,
            "replicationError": self.error,
            "lastSeenAt": self.last_seen_at,
            "lastLaunchResult": self.last_launch,
            "recoveryInstanceId": self.recovery_instance_id,
        }
