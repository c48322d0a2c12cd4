"""Capacity leases: which batch may use DRS's quotas of 20 jobs and 500 servers in jobs per target.

Before a batch starts it leases a job slot and its servers, in one row per target, so two functions never take the
same slot. Jobs of others are counted through DescribeJobs, read at most every 15 s per target however many batches
wait. A lease that is never released expires; if its job still runs then, it counts as a job of others.
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

# Retry when another writer wins the race; twenty batches that start together need a few attempts.
MAX_WRITE_ATTEMPTS = 8


class LeaseKey(Protocol):
    """The target of a job, and a name that is unique across executions."""

    @property
    def target(self) -> Target:
        """The target whose quotas the job uses."""

    @property
    def key(self) -> str:
        """The same on every request for the same job."""


class LeaseRequest(Protocol):
    """What becomes one DRS job: a batch to launch, or a chunk of instances to terminate."""

    @property
    def ref(self) -> LeaseKey:
        """Its target and name."""

    @property
    def server_ids(self) -> Sequence[str]:
        """The servers of the job."""

    @property
    def lease_attempt(self) -> int:
        """The attempt that the lease is for."""


def acquire_lease(batch: LeaseRequest) -> bool:
    """Lease a job slot for the batch's next attempt; False when none is free. A repeated request is granted again.

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
            # One of the batches that find the observation stale asks DRS; the rest wait for its answer.
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
    """The target's usage at this moment: leases and jobs of others. Reads DRS and stores nothing."""
    jobs = drs.list_live_jobs(target)
    now = clock.now()
    return _read(target, now).with_foreign(jobs, now)


def _observe_jobs(target: Target) -> QuotaUsage | None:
    """Read the jobs of others and store the counts; None when other writers won every attempt."""
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
    """Release the slot of that attempt. Does nothing if the attempt holds none, so it may be repeated."""
    key = _holder_name(batch, attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        load = _read(batch.ref.target, now)
        if key not in load.leases or _write(batch.ref.target, load.without_lease(key, now)):
            return
        time.sleep(random.uniform(0, 0.05 * tries))
    # Not fatal: the lease expires by itself, and blocks a slot until then.
    logger.warning("lease not released", extra={"holder": key})


def _holder_name(batch: LeaseRequest, attempt: int) -> str:
    """The key of a lease. It names the attempt, so a late message cannot release the lease of a later attempt."""
    return f"{batch.ref.key}#{attempt}"


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "item": "LEASES"}


def _read(target: Target, now: float) -> QuotaUsage:
    return QuotaUsage.from_item(dynamodb.get(settings().limits_table, _key(target)), now)


def _write(target: Target, load: QuotaUsage) -> bool:
    """Write the row unless another writer has since it was read."""
    return dynamodb.update_if(
        settings().limits_table,
        _key(target),
        load.to_item(),
        condition="attribute_not_exists(#version) OR #version = :version",
        given={"version": load.version},
    )
