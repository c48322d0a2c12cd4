"""How much of DRS's quotas is in use in a target: leases of drs-waves, and jobs that others started."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recovery import clock
from recovery.domain.drs_shapes.jobs import Job
from recovery.settings import Settings

# Longer than jobs usually take. A job that outlives its lease counts as a job of others.
LEASE_SECONDS = 3_600

# Jobs of others that the row names, the oldest first, for messages to operators.
MAX_NAMED_JOBS = 5


def lease_key(job_name: str | None, attempt: int | str | None) -> str:
    """The key of a lease. It names the attempt, so a late task cannot release the lease of a later attempt."""
    return f"{job_name}#{attempt}"


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """The quota usage of a target: leases (key to servers and expiry) and the jobs of others.

    `observing_until` is the deadline of the function that is calling DescribeJobs now. Jobs of others have "foreign" in
    their names; `oldest_foreign` has when the oldest of them were created, in epoch seconds, by their ids.
    `reported_at` is when operators were last told of jobs that hold the quota for long.
    """

    version: int
    leases: Mapping[str, tuple[int, float]]
    foreign_jobs: int = 0
    foreign_servers: int = 0
    oldest_foreign: Mapping[str, float] = field(default_factory=dict)
    observed_at: float = 0
    observing_until: float = 0
    reported_at: float = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None, now: float) -> "QuotaUsage":
        """Read the LEASES row, without expired leases."""
        item = item or {}
        held = item.get("leases", {}).items()
        leases = {key: (int(lease["servers"]), float(lease["expiresAt"])) for key, lease in held}
        return cls(
            version=int(item.get("version", 0)),
            leases={key: lease for key, lease in leases.items() if lease[1] > now},
            foreign_jobs=int(item.get("foreignJobs", 0)),
            foreign_servers=int(item.get("foreignServers", 0)),
            oldest_foreign={job: float(at) for job, at in item.get("oldestForeign", {}).items()},
            observed_at=float(item.get("observedAt", 0)),
            observing_until=float(item.get("observingUntil", 0)),
            reported_at=float(item.get("reportedAt", 0)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row in its next version."""
        return {
            "version": self.version + 1,
            "leases": {
                key: {"servers": servers, "expiresAt": int(until)} for key, (servers, until) in self.leases.items()
            },
            "foreignJobs": self.foreign_jobs,
            "foreignServers": self.foreign_servers,
            "oldestForeign": {job: int(at) for job, at in self.oldest_foreign.items()},
            "observedAt": int(self.observed_at),
            "observingUntil": int(self.observing_until),
            "reportedAt": int(self.reported_at),
        }

    @property
    def jobs(self) -> int:
        """Job slots in use."""
        return len(self.leases) + self.foreign_jobs

    @property
    def servers(self) -> int:
        """Servers in jobs."""
        return sum(servers for servers, _ in self.leases.values()) + self.foreign_servers

    def has_room(self, servers: int, quotas: Settings) -> bool:
        """Whether a slot is free, and capacity for so many servers."""
        return self.jobs < quotas.concurrent_jobs and self.servers + servers <= quotas.servers_in_jobs

    def can_ever_have_room(self, servers: int, quotas: Settings) -> bool:
        """Whether so many servers fit into the quotas at all."""
        return servers <= quotas.servers_in_jobs

    def old_jobs(self, now: float, seconds: float) -> dict[str, float]:
        """The jobs of others that are older than this, as far as they are named, with their times of creation."""
        return {job: created_at for job, created_at in self.oldest_foreign.items() if now - created_at > seconds}

    def with_lease(self, key: str, servers: int, now: float) -> "QuotaUsage":
        """The usage with a lease added."""
        return replace(self, leases={**self.leases, key: (servers, now + LEASE_SECONDS)})

    def without_lease(self, key: str) -> "QuotaUsage":
        """The usage with a lease released."""
        return replace(self, leases={k: lease for k, lease in self.leases.items() if k != key})

    def with_foreign(self, jobs: Iterable[Job], now: float) -> "QuotaUsage":
        """The usage with the jobs of others from DescribeJobs. Jobs of batches with a lease are counted already."""
        foreign = [job for job in jobs if lease_key(*job.started_by) not in self.leases]
        created = {job.job_id: clock.parse_iso(job.created_at) for job in foreign}
        oldest = sorted(created, key=lambda job_id: (created[job_id], job_id))[:MAX_NAMED_JOBS]
        return replace(
            self,
            foreign_jobs=len(foreign),
            foreign_servers=sum(job.server_count for job in foreign),
            oldest_foreign={job_id: created[job_id] for job_id in oldest},
            observed_at=now,
            observing_until=0,
        )
