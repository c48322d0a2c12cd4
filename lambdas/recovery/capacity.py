"""Room in DRS's quotas: 20 jobs and 500 servers in jobs per account and Region.

A batch leases a job slot and its servers in one item per target before it starts, so two functions never take
the same slot. What others run beside drs-waves is counted from DescribeJobs, read at most every 15 s per target
however many batches wait. A lease that its holder never gives back runs out; should its job still be going on by
then, that job is counted as any foreign one.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from recovery import clock, drs, dynamo
from recovery.drs import Job
from recovery.errors import CapacityTimeout
from recovery.settings import Settings, settings
from recovery.target import Target

logger = Logger(child=True)

# Longer than jobs usually take. One that runs on is counted as a foreign one from then on.
LEASE_SECONDS = 3_600
OBSERVE_SECONDS = 15
# An observation older than this says nothing about what has moved since.
FORGET_SECONDS = 120
# A write lost to a neighbour is tried again; twenty batches that start at once need a few rounds.
WRITE_TRIES = 8


class Place(Protocol):
    """Where a job is to run, and its name across executions."""

    @property
    def target(self) -> Target:
        """Whose quotas it takes from."""

    @property
    def key(self) -> str:
        """The same whenever it asks."""


class Holder(Protocol):
    """What becomes a DRS job: a batch that is launched, a chunk of instances that is terminated."""

    @property
    def ref(self) -> Place:
        """Its place and name."""

    @property
    def server_ids(self) -> Sequence[str]:
        """The servers that will be in the job."""

    @property
    def lease_attempt(self) -> int:
        """Which of its jobs the lease is for."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a target's quotas carry: leases (holder to servers and expiry) and the jobs of others.

    `changed_at` is when the load last changed, as far as was seen: the measure of progress while waiting.
    `observing_until` is when whoever reads DescribeJobs now should be done.
    """

    version: int
    leases: Mapping[str, tuple[int, float]]
    foreign_jobs: int = 0
    foreign_servers: int = 0
    foreign_digest: str = ""
    observed_at: float = 0
    observing_until: float = 0
    changed_at: float = 0

    @classmethod
    def from_item(cls, item: Mapping[str, Any] | None, now: float) -> "Load":
        """Read the LEASES row, without the leases that have run out."""
        item = item or {}
        held = item.get("leases", {}).items()
        leases = {key: (int(lease["servers"]), float(lease["expiresAt"])) for key, lease in held}
        return cls(
            version=int(item.get("version", 0)),
            leases={key: lease for key, lease in leases.items() if lease[1] > now},
            foreign_jobs=int(item.get("foreignJobs", 0)),
            foreign_servers=int(item.get("foreignServers", 0)),
            foreign_digest=item.get("foreignDigest", ""),
            observed_at=float(item.get("observedAt", 0)),
            observing_until=float(item.get("observingUntil", 0)),
            changed_at=float(item.get("changedAt", now)),
        )

    def to_item(self) -> dict[str, Any]:
        """The row, as its next version."""
        return {
            "version": self.version + 1,
            "leases": {
                key: {"servers": servers, "expiresAt": int(until)} for key, (servers, until) in self.leases.items()
            },
            "foreignJobs": self.foreign_jobs,
            "foreignServers": self.foreign_servers,
            "foreignDigest": self.foreign_digest,
            "observedAt": int(self.observed_at),
            "observingUntil": int(self.observing_until),
            "changedAt": int(self.changed_at),
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
        """Is there a slot, and room for as many servers?"""
        return self.jobs < quotas.concurrent_jobs and self.servers + servers <= quotas.servers_in_jobs

    def with_lease(self, key: str, servers: int, now: float) -> "Load":
        """The load once the batch holds its lease."""
        return replace(self, leases={**self.leases, key: (servers, now + LEASE_SECONDS)}, changed_at=now)

    def without_lease(self, key: str, now: float) -> "Load":
        """The load once the batch has given it back."""
        return replace(self, leases={k: lease for k, lease in self.leases.items() if k != key}, changed_at=now)

    def with_foreign(self, jobs: Iterable[Job], now: float) -> "Load":
        """The load with what DescribeJobs shows of others; jobs of batches that hold a lease are in it already."""
        foreign = [job for job in jobs if "#".join(map(str, job.started_by)) not in self.leases]
        stages = sorted(f"{job.job_id} {job.status} {job.count('LAUNCHED')}" for job in foreign)
        digest = sha256("\n".join(stages).encode()).hexdigest()[:16]
        moved = digest != self.foreign_digest or now - self.observed_at > FORGET_SECONDS
        return replace(
            self,
            foreign_jobs=len(foreign),
            foreign_servers=sum(len(job.launches) for job in foreign),
            foreign_digest=digest,
            observed_at=now,
            observing_until=0,
            changed_at=now if moved else self.changed_at,
        )


def lease(batch: Holder) -> bool:
    """Take a job slot for the batch's coming attempt, or tell that there is none now. Asking again is granted again.

    Raise CapacityTimeout when nothing in the target has moved for the configured time and no lease of ours is
    held there, that is, when others fill the quota and do not finish.
    """
    quotas, target, servers = settings(), batch.ref.target, len(batch.server_ids)
    key = _holder(batch, batch.lease_attempt)
    for tries in range(1, WRITE_TRIES + 1):
        now = clock.now()
        load = _read(target, now)
        if key in load.leases:
            return True
        if now - load.observed_at >= OBSERVE_SECONDS:
            # Of many batches that find it stale, one asks DRS; what the others run is not known until it is back.
            claimed = now >= load.observing_until and _write(
                target, replace(load, observing_until=now + OBSERVE_SECONDS)
            )
            observed = _observe(target) if claimed else None
            if observed is None:
                time.sleep(random.uniform(0, 0.05 * tries))
                continue
            load = observed
        if not load.has_room(servers, quotas):
            _raise_if_stuck(target, load, quotas, now)
            return False
        if _write(target, load.with_lease(key, servers, now)):
            return True
        time.sleep(random.uniform(0, 0.05 * tries))
    return False


def look(target: Target) -> Load:
    """What the target carries at this moment, leased or run by others. It is read afresh, and nothing is kept."""
    jobs = drs.live_jobs(target)
    now = clock.now()
    return _read(target, now).with_foreign(jobs, now)


def _observe(target: Target) -> Load | None:
    """Read who else runs jobs, and keep it; None when neighbours always wrote first."""
    jobs = drs.live_jobs(target)
    for tries in range(1, WRITE_TRIES + 1):
        now = clock.now()
        load = _read(target, now).with_foreign(jobs, now)
        if _write(target, load):
            return replace(load, version=load.version + 1)
        time.sleep(random.uniform(0, 0.05 * tries))
    return None


def _raise_if_stuck(target: Target, load: Load, quotas: Settings, now: float) -> None:
    waited = now - load.changed_at
    if not load.leases and waited > quotas.capacity_timeout_seconds:
        raise CapacityTimeout(
            f"{target.key}: {load.jobs} of {quotas.concurrent_jobs} jobs and {load.servers} of "
            f"{quotas.servers_in_jobs} servers in jobs are in use by others; nothing moved for {waited:.0f} s",
            jobs=load.jobs,
            servers=load.servers,
            waitedSeconds=round(waited),
        )


def give_back(batch: Holder, attempt: int) -> None:
    """Free the slot of that attempt; nothing happens when it holds none, as when this is said again later."""
    key = _holder(batch, attempt)
    for tries in range(1, WRITE_TRIES + 1):
        now = clock.now()
        load = _read(batch.ref.target, now)
        if key not in load.leases or _write(batch.ref.target, load.without_lease(key, now)):
            return
        time.sleep(random.uniform(0, 0.05 * tries))
    # Not fatal: the lease runs out by itself, and blocks a slot until then.
    logger.warning("lease not given back", extra={"holder": key})


def _holder(batch: Holder, attempt: int) -> str:
    """A lease belongs to an attempt, so a late message of an earlier one cannot give back what a later one holds."""
    return f"{batch.ref.key}#{attempt}"


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "what": "LEASES"}


def _read(target: Target, now: float) -> Load:
    return Load.from_item(dynamo.get(settings().limits_table, _key(target)), now)


def _write(target: Target, load: Load) -> bool:
    """Write the row if nobody has since it was read."""
    return dynamo.move_on(
        settings().limits_table,
        _key(target),
        load.to_item(),
        condition="attribute_not_exists(#version) OR #version = :version",
        given={"version": load.version},
    )
