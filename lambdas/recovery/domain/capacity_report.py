"""What a target's quotas have free, as people are shown it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A source server in one of these states takes no place among the replicating ones (botocore's drs model).
NOT_REPLICATING_STATES = frozenset({"STOPPED", "DISCONNECTED", ""})


# Service Quotas of service drs, December 2025.
QUOTA_CODES = {
    "concurrent_jobs": "L-D88FAC3A",
    "servers_per_job": "L-B827C881",
    "servers_in_jobs": "L-05AFA8C6",
    "replicating_servers": "L-C1D14A2B",
}


@dataclass(frozen=True, slots=True)
class Quotas:
    """Per account and Region. `asked` is whether Service Quotas answered; else these are AWS's defaults."""

    concurrent_jobs: int = 20
    servers_per_job: int = 100
    servers_in_jobs: int = 500
    replicating_servers: int = 300
    asked: bool = False

    @classmethod
    def from_values(cls, values: Mapping[str, float]) -> "Quotas":
        """From values by quota code; what is not among them has its default."""
        known = {name: int(values[code]) for name, code in QUOTA_CODES.items() if code in values}
        return cls(**known, asked=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of a quota. Others may use more than ours allows for, so `free` stops at 0."""

    used: int
    quota: int

    @property
    def free(self) -> int:
        """What is left, never below 0."""
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
