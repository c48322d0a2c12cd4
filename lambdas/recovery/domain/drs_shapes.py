"""DRS's answers as typed values: source servers, jobs, recovery instances, snapshots.

The model of DRS leaves most fields optional, so every `from_drs` accepts an answer with only the ids.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery import clock, job_tags

_DURATION = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)

_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def parse_duration(duration: str | None) -> float | None:
    """The seconds of an ISO 8601 duration such as `PT1M30S`; None without one, and for years, months or other text."""
    found = _DURATION.fullmatch(duration or "")
    parts = {name: text for name, text in found.groupdict().items() if text} if found else {}
    return sum(float(text) * _SECONDS[name] for name, text in parts.items()) if parts else None


class JobStatus(StrEnum):
    """The statuses of a DRS job. A job does not fail: a COMPLETED one may hold servers whose launch FAILED."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class LaunchStatus(StrEnum):
    """The launchStatus of one server in a job, as far as drs-waves acts on it."""

    PENDING = "PENDING"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


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


@dataclass(frozen=True, slots=True)
class LaunchedInstance:
    """A recovery instance as DRS describes it. EC2 has the details of the instance itself.

    `state` is one of EC2's in capitals, or NOT_FOUND for an instance that EC2 no longer knows.
    """

    instance_id: str
    ec2_instance_id: str
    server_id: str
    state: str
    hostname: str | None
    job_id: str | None
    is_drill: bool
    snapshot_at: str | None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "LaunchedInstance | None":
        """Read DRS's RecoveryInstance shape, in which no id is certain; None for one without the ids."""
        if not item.get("recoveryInstanceID") or not item.get("sourceServerID"):
            return None
        hints = item.get("recoveryInstanceProperties", {}).get("identificationHints", {})
        return cls(
            instance_id=item["recoveryInstanceID"],
            ec2_instance_id=item.get("ec2InstanceID", item["recoveryInstanceID"]),
            server_id=item["sourceServerID"],
            state=item.get("ec2InstanceState", "NOT_FOUND"),
            hostname=hints.get("hostname") or hints.get("fqdn"),
            job_id=item.get("jobID"),
            is_drill=item.get("isDrill", False),
            snapshot_at=item.get("pointInTimeSnapshotDateTime"),
        )


@dataclass(frozen=True, slots=True)
class Launch:
    """One server's part in a job; `status` is DRS's launchStatus, which may be none that LaunchStatus lists."""

    server_id: str
    status: str
    recovery_instance_id: str | None


@dataclass(frozen=True, slots=True)
class Job:
    """A DRS job; `status` is DRS's, which may be none that JobStatus lists."""

    job_id: str
    status: str
    created_at: str
    ended_at: str | None
    launches: tuple[Launch, ...]
    tags: Mapping[str, str]
    initiated_by: str | None = None
    arn: str | None = None

    @property
    def is_completed(self) -> bool:
        """Whether the job has ended."""
        return self.status == JobStatus.COMPLETED

    @property
    def started_by(self) -> tuple[str | None, str | None]:
        """The batch and the attempt that started it, from its tags; None for jobs of others."""
        return job_tags.read_attempt(self.tags)

    def count(self, status: str) -> int:
        """How many servers have this launch status."""
        return sum(1 for launch in self.launches if launch.status == status)

    @classmethod
    def from_drs(cls, job: Mapping[str, Any]) -> "Job":
        """Read DRS's Job shape, in which only jobID is certain."""
        return cls(
            job_id=job["jobID"],
            status=job.get("status", JobStatus.PENDING.value),
            created_at=job.get("creationDateTime", clock.iso()),
            ended_at=job.get("endDateTime"),
            launches=tuple(
                Launch(
                    part["sourceServerID"],
                    part.get("launchStatus", LaunchStatus.PENDING.value),
                    part.get("recoveryInstanceID"),
                )
                for part in job.get("participatingServers", [])
            ),
            tags=job.get("tags", {}),
            initiated_by=job.get("initiatedBy"),
            arn=job.get("arn"),
        )


def source_server_from_drs(item: Mapping[str, Any]) -> SourceServer:
    hints = item.get("sourceProperties", {}).get("identificationHints", {})
    tags = item.get("tags", {})
    return SourceServer(
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
