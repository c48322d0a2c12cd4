"""How much of DRS's quotas is in use in a target: leases of drs-waves, and jobs that others started.

While a batch starts its job, its lease also holds the batch's servers, so that no other batch starts a job with them.
"""

from collections.abc import Collection, Iterable, Mapping
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


def read_job_name(key: str) -> str:
    """The name of the batch or chunk that a lease is for, from the key of the lease."""
    return key.rpartition("#")[0]


@dataclass(frozen=True, slots=True)
class Lease:
    """A reservation of a job slot and of so many servers, until `expires_at` in epoch seconds.

    Until `held_until` it also holds the servers in `held`: no other batch may start a job with them.
    """

    servers: int
    expires_at: float
    held: frozenset[str] = frozenset()
    held_until: float = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any], now: float) -> "Lease":
        """Read the entry of a lease, without a hold that is over."""
        held_until = float(item.get("heldUntil", 0))
        held = frozenset(item.get("held", ())) if held_until > now else frozenset[str]()
        return cls(int(item["servers"]), float(item["expiresAt"]), held, held_until if held else 0)

    def to_item(self) -> dict[str, Any]:
        """The entry of the lease in the row of its target."""
        hold = {"held": sorted(self.held), "heldUntil": int(self.held_until)} if self.held else {}
        return {"servers": self.servers, "expiresAt": int(self.expires_at), **hold}


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """The quota usage of a target: leases by key, and the jobs of others.

    `observing_until` is the deadline of the function that is calling DescribeJobs now. Jobs of others have "foreign" in
    their names; `oldest_foreign` has when the oldest of them were created, in epoch seconds, by their ids.
    `reported_at` is when operators were last told of jobs that hold the quota for long.
    """

    version: int
    leases: Mapping[str, Lease]
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
        leases = {key: Lease.from_item(lease, now) for key, lease in item.get("leases", {}).items()}
        return cls(
            version=int(item.get("version", 0)),
            leases={key: lease for key, lease in leases.items() if lease.expires_at > now},
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
            "leases": {key: lease.to_item() for key, lease in self.leases.items()},
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
        return sum(lease.servers for lease in self.leases.values()) + self.foreign_servers

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
        return replace(self, leases={**self.leases, key: Lease(servers, now + LEASE_SECONDS)})

    def find_holder(self, key: str, server_ids: Collection[str]) -> tuple[str, str] | None:
        """One of the servers that the lease of another batch holds, and the name of that batch; None if there is none.

        Another attempt of the same batch is no other: it has ended before this one began.
        """
        for other, lease in sorted(self.leases.items()):
            if (job_name := read_job_name(other)) != read_job_name(key) and (taken := lease.held & set(server_ids)):
                return min(taken), job_name
        return None

    def holds(self, key: str, server_ids: Collection[str], until: float) -> bool:
        """Whether the lease holds these servers until this time or longer."""
        lease = self.leases.get(key)
        return lease is not None and lease.held >= set(server_ids) and lease.held_until >= until

    def with_hold(self, key: str, server_ids: Collection[str], now: float, seconds: float) -> "QuotaUsage":
        """The usage with a lease from now on, also one that had expired, that holds these servers for so long."""
        lease = Lease(len(server_ids), now + LEASE_SECONDS, frozenset(server_ids), now + seconds)
        return replace(self, leases={**self.leases, key: lease})

    def with_hold_only(self, key: str) -> "QuotaUsage":
        """The usage with a lease that expires with its hold."""
        lease = self.leases[key]
        return replace(self, leases={**self.leases, key: replace(lease, expires_at=lease.held_until)})

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
