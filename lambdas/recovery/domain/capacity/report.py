"""The capacity report of a target: what DRS's quotas allow, and how much of them is in use."""

from collections.abc import Mapping
from dataclasses import dataclass

# Source servers in these states do not count as replicating (states of botocore's drs model).
NOT_REPLICATING_STATES = frozenset({"STOPPED", "DISCONNECTED", ""})

# Quota codes of the service `drs` in Service Quotas, December 2025.
QUOTA_CODES = {
    "concurrent_jobs": "L-D88FAC3A",
    "servers_per_job": "L-B827C881",
    "servers_in_jobs": "L-05AFA8C6",
    "replicating_servers": "L-C1D14A2B",
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas per account and Region. `asked` is False when these are AWS's defaults, not Service Quotas' answer."""

    concurrent_jobs: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    replicating_servers: int = 300
    asked: bool = False

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> "Quotas":
        """Read values by quota code. A missing one has its default."""
        known = {name: int(values[code]) for name, code in QUOTA_CODES.items() if code in values}
        return cls(**known, asked=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a quota is used. Usage may exceed the quota that we know, so `free` is never below 0."""

    used: int
    quota: int

    @property
    def free(self) -> int:
        """What is left of the quota."""
        return max(self.quota - self.used, 0)


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """The usage of each quota. `by_state` counts all source servers by replication state.

    `largest_job` is how many servers a job that starts now could have, 0 when no job could start.
    """

    jobs: Usage
    servers_in_jobs: Usage
    replicating_servers: Usage
    by_state: Mapping[str, int]
    largest_job: int
    quotas_asked: bool


def build_report(jobs: int, servers: int, states: Mapping[str, int], quotas: Quotas) -> CapacityReport:
    """The report of a target with so many jobs, servers in jobs, and source servers by replication state."""
    job_slots, in_jobs = Usage(jobs, quotas.concurrent_jobs), Usage(servers, quotas.servers_in_jobs)
    replicating = sum(count for state, count in states.items() if state not in NOT_REPLICATING_STATES)
    return CapacityReport(
        jobs=job_slots,
        servers_in_jobs=in_jobs,
        replicating_servers=Usage(replicating, quotas.replicating_servers),
        by_state=dict(sorted(states.items())),
        largest_job=min(quotas.servers_per_job, in_jobs.free) if job_slots.free else 0,
        quotas_asked=quotas.asked,
    )
