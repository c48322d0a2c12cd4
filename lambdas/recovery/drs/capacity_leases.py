"""Room in DRS's quotas: 20 jobs and 500 servers in jobs per account and Region.

A batch leases a job slot and its servers in one item per target before it starts, so two functions never take
the same slot. What others run beside drs-waves is counted from DescribeJobs, read at most every 15 s per target
however many batches wait. A lease that its holder never gives back runs out; should its job still be going on by
then, that job is counted as any foreign one.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.quota_usage import QuotaUsage
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import CapacityTimeout
from recovery.observability import metrics
from recovery.settings import Settings, settings

logger = Logger(child=True)


OBSERVATION_INTERVAL_SECONDS = 15


# A write lost to a neighbour is tried again; twenty batches that start at once need a few rounds.
MAX_WRITE_ATTEMPTS = 8


class LeaseKey(Protocol):
    """Where a job is to run, and its name across executions."""

    @property
    def target(self) -> Target:
        """Whose quotas it takes from."""

    @property
    def key(self) -> str:
        """The same whenever it asks."""


class LeaseRequest(Protocol):
    """What becomes a DRS job: a batch that is launched, a chunk of instances that is terminated."""

    @property
    def ref(self) -> LeaseKey:
        """Its place and name."""

    @property
    def server_ids(self) -> Sequence[str]:
        """The servers that will be in the job."""

    @property
    def lease_attempt(self) -> int:
        """Which of its jobs the lease is for."""


def acquire_lease(batch: LeaseRequest) -> bool:
    """Take a job slot for the batch's coming attempt, or tell that there is none now. Asking again is granted again.

    Raise CapacityTimeout when nothing in the target has moved for the configured time and no lease of ours is
    held there, that is, when others fill the quota and do not finish.
    """
    quotas, target, servers = settings(), batch.ref.target, len(batch.server_ids)
    key = _holder_name(batch, batch.lease_attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        load = _read(target, now)
        if key in load.leases:
            return True
        if now - load.observed_at >= OBSERVATION_INTERVAL_SECONDS:
            # Of many batches that find it stale, one asks DRS; what the others run is not known until it is back.
            claimed = now >= load.observing_until and _write(
                target, replace(load, observing_until=now + OBSERVATION_INTERVAL_SECONDS)
            )
            observed = _observe_jobs(target) if claimed else None
            if observed is None:
                time.sleep(random.uniform(0, 0.05 * tries))
                continue
            load = observed
        if not load.has_room(servers, quotas):
            _raise_if_stuck(target, load, quotas, now)
            return False
        taken = load.with_lease(key, servers, now)
        if _write(target, taken):
            metrics.emit_leases(target, taken.jobs, taken.servers)
            return True
        time.sleep(random.uniform(0, 0.05 * tries))
    return False


def read_current_usage(target: Target) -> QuotaUsage:
    """What the target carries at this moment, leased or run by others. It is read afresh, and nothing is kept."""
    jobs = drs.list_live_jobs(target)
    now = clock.now()
    return _read(target, now).with_foreign(jobs, now)


def _observe_jobs(target: Target) -> QuotaUsage | None:
    """Read who else runs jobs, and keep it; None when neighbours always wrote first."""
    jobs = drs.list_live_jobs(target)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        load = _read(target, now).with_foreign(jobs, now)
        if _write(target, load):
            return replace(load, version=load.version + 1)
        time.sleep(random.uniform(0, 0.05 * tries))
    return None


def _raise_if_stuck(target: Target, load: QuotaUsage, quotas: Settings, now: float) -> None:
    waited = now - load.changed_at
    if not load.leases and waited > quotas.capacity_timeout_seconds:
        raise CapacityTimeout(
            f"{target.key}: {load.jobs} of {quotas.concurrent_jobs} jobs and {load.servers} of "
            f"{quotas.servers_in_jobs} servers in jobs are in use by others; nothing moved for {waited:.0f} s",
            jobs=load.jobs,
            servers=load.servers,
            waitedSeconds=round(waited),
        )


def release_lease(batch: LeaseRequest, attempt: int) -> None:
    """Free the slot of that attempt; nothing happens when it holds none, as when this is said again later."""
    key = _holder_name(batch, attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        load = _read(batch.ref.target, now)
        if key not in load.leases or _write(batch.ref.target, load.without_lease(key, now)):
            return
        time.sleep(random.uniform(0, 0.05 * tries))
    # Not fatal: the lease runs out by itself, and blocks a slot until then.
    logger.warning("lease not given back", extra={"holder": key})


def _holder_name(batch: LeaseRequest, attempt: int) -> str:
    """A lease belongs to an attempt, so a late message of an earlier one cannot give back what a later one holds."""
    return f"{batch.ref.key}#{attempt}"


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "what": "LEASES"}


def _read(target: Target, now: float) -> QuotaUsage:
    return QuotaUsage.from_item(dynamodb.get(settings().limits_table, _key(target)), now)


def _write(target: Target, load: QuotaUsage) -> bool:
    """Write the row if nobody has since it was read."""
    return dynamodb.update_if(
        settings().limits_table,
        _key(target),
        load.to_item(),
        condition="attribute_not_exists(#version) OR #version = :version",
        given={"version": load.version},
    )
