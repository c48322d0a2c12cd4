"""The capacity report of a target: what DRS's quotas allow, and how much of them is in use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

    def to_json(self) -> dict[str, int]:
        """As the API shows it."""
        return {"used": self.used, "free": self.free, "quota": self.quota}


def build_report(jobs: int, servers: int, states: Mapping[str, int], quotas: Quotas) -> dict[str, Any]:
    """Jobs, servers in jobs and replicating servers; `states` counts source servers by replication state.

    `largestJob` is how many servers a job that was started now could have, 0 when no job could be.
    """
    job_slots, in_jobs = Usage(jobs, quotas.concurrent_jobs), Usage(servers, quotas.servers_in_jobs)
    replicating = sum(count for state, count in states.items() if state not in NOT_REPLICATING_STATES)
    return {
        "jobs": job_slots.to_json(),
        "serversInJobs": in_jobs.to_json(),
        "replicatingServers": {
            **Usage(replicating, quotas.replicating_servers).to_json(),
            "byState": dict(sorted(states.items())),
        },
        "largestJob": min(quotas.servers_per_job, in_jobs.free) if job_slots.free else 0,
        "quotasFrom": "Service Quotas" if quotas.asked else "defaults",
    }
