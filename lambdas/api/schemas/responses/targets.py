"""Targets, as the API shows them: the free capacity of DRS's quotas, and source servers."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from recovery.domain.capacity import report as capacity_report
from recovery.domain.capacity.report import CapacityReport
from recovery.domain.drs_shapes.source_servers import ServerReplication
from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.domain.target import Target


class Usage(TypedDict):
    """How much of a quota is used and free."""

    used: int
    free: int
    quota: int


class ReplicatingServers(Usage):
    """The quota of replicating servers; `byState` counts all source servers by replication state."""

    byState: dict[str, int]


class TargetCapacity(TypedDict):
    """The free capacity of an account and Region. If DRS cannot be reached, `message` replaces the figures."""

    accountId: str
    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None
    jobs: NotRequired[Usage | None]
    serversInJobs: NotRequired[Usage | None]
    replicatingServers: NotRequired[ReplicatingServers | None]
    largestJob: NotRequired[int | None]
    quotasFrom: NotRequired[Literal["Service Quotas", "defaults"] | None]


class CapacityOfTarget(TargetCapacity):
    """The free capacity of one account and Region."""

    at: Time


class CapacityOfAccount(TypedDict):
    """The free capacity of each Region of an account."""

    at: Time
    targets: list[TargetCapacity]
    accountsWithoutRegions: list[str]


class CapacityOfAll(CapacityOfAccount):
    """The free capacity of each Region of a page of accounts."""

    nextToken: str | None


class SourceServer(TypedDict):
    """A source server, as DRS describes it now."""

    sourceServerId: str
    hostname: str | None
    tags: dict[str, str]
    replicationState: str | None
    lagSeconds: float | None
    replicationError: str | None
    lastSeenAt: Time | None
    lastLaunchResult: str | None
    recoveryInstanceId: str | None


class SourceServers(Paged):
    """A page of source servers."""

    accountId: str
    region: str
    sourceServers: list[SourceServer]


def build_capacity(target: Target, answer: Any) -> TargetCapacity:
    """The capacity of a target, or the error that was raised instead."""
    reachability = Reachability.of(answer)
    capacity: TargetCapacity = {
        "accountId": target.account_id,
        "region": target.region,
        "status": reachability.status,
        "message": reachability.message,
        "advice": reachability.advice,
    }
    if isinstance(answer, CapacityReport):
        capacity["jobs"] = _build_usage(answer.jobs)
        capacity["serversInJobs"] = _build_usage(answer.servers_in_jobs)
        capacity["replicatingServers"] = {**_build_usage(answer.replicating_servers), "byState": dict(answer.by_state)}
        capacity["largestJob"] = answer.largest_job
        capacity["quotasFrom"] = "Service Quotas" if answer.quotas_asked else "defaults"
    return capacity


def _build_usage(usage: capacity_report.Usage) -> Usage:
    return {"used": usage.used, "free": usage.free, "quota": usage.quota}


def build_source_server(server: ServerReplication) -> SourceServer:
    """A source server that DRS described."""
    return {
        "sourceServerId": server.server_id,
        "hostname": server.hostname,
        "tags": dict(server.tags),
        "replicationState": server.state,
        "lagSeconds": server.lag_seconds,
        "replicationError": server.error,
        "lastSeenAt": server.last_seen_at,
        "lastLaunchResult": server.last_launch,
        "recoveryInstanceId": server.recovery_instance_id,
    }
