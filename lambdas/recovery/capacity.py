"""Room in DRS's quotas: 20 jobs and 500 servers in jobs per account and Region.

A batch leases a job slot and its servers in one item per target before it starts, so two functions never take
the same slot. What others run beside drs-waves is counted from DescribeJobs, read at most every 15 s per target
however many batches wait. A lease that its holder never gives back runs out; should its job still be going on by
then, that job is counted as any foreign one.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock, drs, dynamo
from recovery.batch import Batch
from recovery.drs import Job
from recovery.dynamo import ConditionRefused
from recovery.errors import CapacityTimeout
from recovery.settings import Settings, settings
from recovery.target import Target

logger = Logger(child=True)

LEASE_SECONDS = 3_600
OBSERVE_SECONDS = 15
WAIT_SECONDS = 15
# A write lost to a neighbour is tried again; twenty batches that start at once need a few rounds.
WRITE_TRIES = 8


@dataclass(frozen=True, slots=True)
class Load:
    """What a target's quotas carry: leases (batch key to servers and expiry) and the jobs of others.

    `changed_at` is when the load last changed, as far as was seen: the measure of progress while waiting.
    """

    version: int
    leases: Mapping[str, tuple[int, float]]
    foreign_jobs: int
    foreign_servers: int
    observed_at: float
    changed_at: float

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
            observed_at=float(item.get("observedAt", 0)),
            changed_at=float(item.get("changedAt", now)),
        )

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
        counts = len(foreign), sum(len(job.launches) for job in foreign)
        changed = counts != (self.foreign_jobs, self.foreign_servers)
        return replace(
            self,
            foreign_jobs=counts[0],
            foreign_servers=counts[1],
            observed_at=now,
            changed_at=now if changed else self.changed_at,
        )


def lease(batch: Batch) -> bool:
    """Take a job slot for the batch's coming attempt, or tell that there is none now. Asking again is granted again.

    Raise CapacityTimeout when nothing in the target has moved for the configured time and no lease of ours is
    held there, that is, when others fill the quota and do not finish.
    """
    quotas, target, servers = settings(), batch.ref.target, len(batch.server_ids)
    key = _holder(batch, batch.lease_attempt)
    for attempt in range(WRITE_TRIES):
        now = clock.now()
        load = _read(target, now)
        if key in load.leases:
            return True
        if now - load.observed_at >= OBSERVE_SECONDS:
            # Claim the observation first: of many batches that find it stale, one asks DRS.
            if not _write(target, replace(load, observed_at=now)):
                continue
            load = replace(load, version=load.version + 1, observed_at=now)
            load = load.with_foreign(drs.live_jobs(target), now)
            if not load.has_room(servers, quotas):
                _write(target, load)  # so that the others need not ask
        if not load.has_room(servers, quotas):
            _raise_if_stuck(target, load, quotas, now)
            return False
        if _write(target, load.with_lease(key, servers, now)):
            return True
        time.sleep(0.02 * attempt)
    return False


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


def give_back(batch: Batch, attempt: int) -> None:
    """Free the slot of that attempt; nothing happens when it holds none, as when this is said again later."""
    key = _holder(batch, attempt)
    for tries in range(WRITE_TRIES):
        now = clock.now()
        load = _read(batch.ref.target, now)
        if key not in load.leases or _write(batch.ref.target, load.without_lease(key, now)):
            return
        time.sleep(0.02 * tries)
    # Not fatal: the lease runs out by itself, and blocks a slot until then.
    logger.warning("lease not given back", extra={"holder": key})


def _holder(batch: Batch, attempt: int) -> str:
    """A lease belongs to an attempt, so a late message of an earlier one cannot give back what a later one holds."""
    return f"{batch.ref.key}#{attempt}"


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "what": "LEASES"}


def _read(target: Target, now: float) -> Load:
    return Load.from_item(dynamo.get(settings().limits_table, _key(target)), now)


def _write(target: Target, load: Load) -> bool:
    """Write the row if nobody has since it was read."""
    row = {
        **_key(target),
        "version": load.version + 1,
        "leases": {key: {"servers": servers, "expiresAt": int(until)} for key, (servers, until) in load.leases.items()},
        "foreignJobs": load.foreign_jobs,
        "foreignServers": load.foreign_servers,
        "observedAt": int(load.observed_at),
        "changedAt": int(load.changed_at),
    }
    try:
        key = _key(target)
        dynamo.update(
            settings().limits_table,
            key,
            {name: value for name, value in row.items() if name not in key},
            condition="attribute_not_exists(#version) OR #version = :version",
            given={"version": load.version},
        )
        return True
    except ConditionRefused:
        return False
