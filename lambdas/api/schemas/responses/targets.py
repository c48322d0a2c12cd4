"""Targets, as the API shows them: the free capacity of DRS's quotas, and source servers."""

from typing import Any, Literal, Self

from api.schemas.responses.base import PageModel, ResponseModel
from recovery.domain.capacity_report import CapacityReport
from recovery.domain.drs_shapes import ServerReplication
from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.domain.target import Target


class Usage(ResponseModel):
    """How much of a quota is used and free."""

    used: int
    free: int
    quota: int


class ReplicatingServers(Usage):
    """The quota of replicating servers; `byState` counts all source servers by replication state."""

    by_state: dict[str, int]


class TargetCapacity(ResponseModel):
    """The free capacity of an account and Region. If DRS cannot be reached, `message` replaces the figures."""

    account_id: str
    region: str
    status: ReachabilityStatus
    message: str | None
    advice: str | None
    jobs: Usage | None = None
    servers_in_jobs: Usage | None = None
    replicating_servers: ReplicatingServers | None = None
    largest_job: int | None = None
    quotas_from: Literal["Service Quotas", "defaults"] | None = None

    @classmethod
    def from_answer(cls, target: Target, answer: Any, **computed: Any) -> Self:
        """The capacity of a target, or the error that was raised instead."""
        reachability = Reachability.of(answer)
        figures = cls._figures(answer) if isinstance(answer, CapacityReport) else {}
        return cls(
            account_id=target.account_id,
            region=target.region,
            status=reachability.status,
            message=reachability.message,
            advice=reachability.advice,
            **figures,
            **computed,
        )

    @staticmethod
    def _figures(report: CapacityReport) -> dict[str, Any]:
        return {
            "jobs": Usage.model_validate(report.jobs, from_attributes=True),
            "servers_in_jobs": Usage.model_validate(report.servers_in_jobs, from_attributes=True),
            "replicating_servers": ReplicatingServers(
                used=report.replicating_servers.used,
                free=report.replicating_servers.free,
                quota=report.replicating_servers.quota,
                by_state=dict(report.by_state),
            ),
            "largest_job": report.largest_job,
            "quotas_from": "Service Quotas" if report.quotas_asked else "defaults",
        }


class CapacityOfTarget(TargetCapacity):
    """The free capacity of one account and Region."""

    at: str


class CapacityOfAccount(ResponseModel):
    """The free capacity of each Region of an account."""

    at: str
    targets: list[TargetCapacity]
    accounts_without_regions: list[str]


class CapacityOfAll(CapacityOfAccount):
    """The free capacity of each Region of a page of accounts."""

    next_token: str | None


class SourceServer(ResponseModel):
    """A source server, as DRS describes it now."""

    source_server_id: str
    hostname: str | None
    tags: dict[str, str]
    replication_state: str | None
    lag_seconds: float | None
    replication_error: str | None
    last_seen_at: str | None
    last_launch_result: str | None
    recovery_instance_id: str | None

    @classmethod
    def from_drs(cls, server: ServerReplication) -> Self:
        """A source server that DRS described."""
        return cls(
            source_server_id=server.server_id,
            hostname=server.hostname,
            tags=dict(server.tags),
            replication_state=server.state,
            lag_seconds=server.lag_seconds,
            replication_error=server.error,
            last_seen_at=server.last_seen_at,
            last_launch_result=server.last_launch,
            recovery_instance_id=server.recovery_instance_id,
        )


class SourceServers(PageModel):
    """A page of source servers."""

    account_id: str
    region: str
    source_servers: list[SourceServer]
