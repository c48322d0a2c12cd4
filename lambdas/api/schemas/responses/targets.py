"""Targets, as the API shows them: the free capacity of DRS's quotas, and source servers."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from recovery import clock
from recovery.domain.capacity import report as capacity_report
from recovery.domain.capacity.report import CapacityReport
from recovery.domain.drs_shapes.source_servers import ServerReplication
from recovery.domain.reachability import Reachability, ReachabilityStatus
from recovery.domain.target import Target
from recovery.drs.circuit_breaker import CircuitState, CircuitStatus


class Usage(TypedDict):
    """How much of a quota is used and free."""

    used: int
    free: int
    quota: int


class ReplicatingServers(Usage):
    """The quota of replicating servers; `byState` counts all source servers by replication state."""

    byState: dict[str, int]


class Circuit(TypedDict):
    """The circuit breaker of an account and Region: after calls in a row without an answer it keeps calls back."""

    state: Annotated[
        CircuitState,
        Field(
            description="`open` while calls fail at once, `half-open` while a single call tries whether DRS answers."
        ),
    ]
    failures: Annotated[int, Field(description="Calls in a row that were not answered.")]
    since: Annotated[Time | None, Field(description="When it opened last; null while it is closed.")]
    until: Annotated[
        Time | None,
        Field(description="From when on a call may try again; null while it is closed. It may have passed."),
    ]
    reason: Annotated[
        str | None,
        Field(description="The error of the call that opened it; null while it is closed, or if it is not known."),
    ]


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
    circuit: Annotated[Circuit, Field(description="The circuit breaker after DRS was asked.")]


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


def build_capacity(target: Target, answer: Any, circuit: CircuitStatus) -> TargetCapacity:
    """The capacity of a target, or the error that was raised instead."""
    reachability = Reachability.of(answer)
    capacity: TargetCapacity = {
        "accountId": target.account_id,
        "region": target.region,
        "status": reachability.status,
        "message": reachability.message,
        "advice": reachability.advice,
        "circuit": {
            "state": circuit.state,
            "failures": circuit.failures,
            "since": _iso(circuit.opened_at),
            "until": _iso(circuit.trial_at),
            "reason": circuit.reason,
        },
    }
    if isinstance(answer, CapacityReport):
        capacity["jobs"] = _build_usage(answer.jobs)
        capacity["serversInJobs"] = _build_usage(answer.servers_in_jobs)
        capacity["replicatingServers"] = {**_build_usage(answer.replicating_servers), "byState": dict(answer.by_state)}
        capacity["largestJob"] = answer.largest_job
        capacity["quotasFrom"] = "Service Quotas" if answer.quotas_asked else "defaults"
    return capacity


def _iso(at: float | None) -> str | None:
    return None if at is None else clock.iso(at)


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
