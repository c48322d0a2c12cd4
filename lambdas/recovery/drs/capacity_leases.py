"""Capacity leases: each reserves a part of DRS's quotas (per target: 20 jobs, 500 servers in jobs) for one DRS job.

Before a batch or a chunk starts its job, it leases a job slot and its servers, in one row per target, so two functions
never take the same slot. DescribeJobs shows the jobs of others; it is called at most every 15 s per target, however
many batches wait. An unreleased lease expires. If its job still runs then, it counts as a job of others.

Before a batch calls StartRecovery, its lease also holds its servers, in the same row, so that two runs never start them
at once. The hold outlasts the time in which DRS may hide the new job, and goes with the lease.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb
from recovery.call_shares import CallShare, use_share
from recovery.domain.capacity.usage import LEASE_SECONDS, QuotaUsage, lease_key
from recovery.domain.caught_errors import describe_call
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs.visibility import HOLD_NEEDED_SECONDS, HOLD_SECONDS
from recovery.errors import AwsUnavailable, JobTooLarge, QuotaExceeded, ServerBusy
from recovery.observability import metrics, operator_messages
from recovery.settings import settings

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


def acquire_lease(request: LeaseRequest) -> bool:
    """Lease a job slot for the next attempt; return False when none is free. A repeated request is granted again.

    Jobs of others are waited for, however long they take; operators get a message about those that are older than the
    configured time. Raise JobTooLarge when the servers are more than the quota allows at all.
    """
    quotas, target, servers = settings(), request.ref.target, len(request.server_ids)
    key = lease_key(request.ref.key, request.lease_attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        usage = _read(target, now)
        if key in usage.leases:
            return True
        if now - usage.observed_at >= OBSERVATION_INTERVAL_SECONDS:
            # One of the functions that find the observation stale asks DRS; the others wait for its result.
            claimed = now >= usage.observing_until and _write(
                target, replace(usage, observing_until=now + OBSERVATION_INTERVAL_SECONDS)
            )
            observed = _observe_jobs(target) if claimed else None
            if observed is None:
                time.sleep(random.uniform(0, 0.05 * tries))
                continue
            usage = observed
        if not usage.has_room(servers, quotas):
            _raise_if_impossible(target, usage, servers)
            _report_old_jobs(target, usage, now)
            return False
        taken = usage.with_lease(key, servers, now)
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


def list_ends(target: Target, expected_seconds: float) -> list[float]:
    """In how many seconds each job with a lease in the target should end, if such a job takes `expected_seconds`."""
    now = clock.now()
    ages = [LEASE_SECONDS - (lease.expires_at - now) for lease in _read(target, now).leases.values()]
    return [expected_seconds - age for age in ages]


def _observe_jobs(target: Target) -> QuotaUsage | None:
    """Read the jobs of others and store the counts; None when other writers won every attempt."""
    with use_share(CallShare.RUN):  # runs wait for this answer, too
        jobs = drs.list_live_jobs(target)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        usage = _read(target, now).with_foreign(jobs, now)
        if _write(target, usage):
            return replace(usage, version=usage.version + 1)
        time.sleep(random.uniform(0, 0.05 * tries))
    return None


def _raise_if_impossible(target: Target, usage: QuotaUsage, servers: int) -> None:
    if not usage.can_ever_have_room(servers, settings()):
        quota = settings().servers_in_jobs
        raise JobTooLarge(
            f"{target.key}: {servers} servers never fit into the quota of {quota} servers in jobs",
            servers=servers,
            quota=quota,
        )


def _report_old_jobs(target: Target, usage: QuotaUsage, now: float) -> None:
    """Tell operators which jobs of others hold the quota for longer than jobs usually take, once in that time."""
    patience = settings().quota_held_after_seconds
    old = usage.old_jobs(now, patience)
    if old and now - usage.reported_at > patience and _write(target, replace(usage, reported_at=now)):
        logger.warning("quota held by old jobs", extra={"target": target.key, "jobs": sorted(old)})
        operator_messages.send_quota_held(target, usage.jobs, usage.servers, old)


def hold_servers(request: LeaseRequest, attempt: int) -> None:
    """Let the lease of that attempt hold its servers, so that no other batch starts a job with one of them.

    To be called before DRS is asked for the jobs that run: from then on, another batch finds either the hold or the
    job. A repeated call finds the servers held, and renews a hold that would end too early. One write of the row.
    Raise ServerBusy while another batch holds one of the servers, QuotaExceeded when the lease has expired and its slot
    is taken, and AwsUnavailable when other writers won every attempt.
    """
    target, server_ids, key = request.ref.target, request.server_ids, lease_key(request.ref.key, attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        usage = _read(target, now)
        if found := usage.find_holder(key, server_ids):
            server_id, holder = found
            raise ServerBusy(
                f"{describe_call('StartRecovery', target.key)} has to wait: batch {holder} is starting {server_id}"
            )
        if usage.holds(key, server_ids, now + HOLD_NEEDED_SECONDS):
            return
        if key not in usage.leases and not usage.has_room(len(server_ids), settings()):
            raise QuotaExceeded(f"{target.key}: the lease of {key} has expired, and its slot is taken")
        if _write(target, usage.with_hold(key, server_ids, now, HOLD_SECONDS)):
            return
        time.sleep(random.uniform(0, 0.05 * tries))
    raise AwsUnavailable(f"{target.key}: other writers of its leases came first each time")


def find_holder(ref: LeaseKey, server_id: str) -> str | None:
    """The name of another batch that holds the server; None if there is none. One read of the row."""
    found = _read(ref.target, clock.now()).find_holder(ref.key, [server_id])
    return found[1] if found else None


def release_lease(request: LeaseRequest, attempt: int) -> None:
    """Release the slot and the servers of that attempt. Does nothing if the attempt holds none: it may be repeated."""
    _change_lease(request, attempt, QuotaUsage.without_lease)


def release_lease_after_hold(request: LeaseRequest, attempt: int) -> None:
    """Let the lease of that attempt, whose job may still appear, expire with its hold of the servers."""
    _change_lease(request, attempt, QuotaUsage.with_hold_only)


def _change_lease(request: LeaseRequest, attempt: int, change: Callable[[QuotaUsage, str], QuotaUsage]) -> None:
    key = lease_key(request.ref.key, attempt)
    for tries in range(1, MAX_WRITE_ATTEMPTS + 1):
        now = clock.now()
        usage = _read(request.ref.target, now)
        if key not in usage.leases or _write(request.ref.target, change(usage, key)):
            return
        time.sleep(random.uniform(0, 0.05 * tries))
    # Not fatal: the lease blocks a slot only until it expires.
    logger.warning("lease not released", extra={"holder": key})


def _key(target: Target) -> dict[str, str]:
    return {"target": target.key, "item": "LEASES"}


def _read(target: Target, now: float) -> QuotaUsage:
    return QuotaUsage.from_item(dynamodb.get(settings().limits_table, _key(target)), now)


def _write(target: Target, usage: QuotaUsage) -> bool:
    """Write the row unless another writer has since it was read."""
    return dynamodb.update_if(
        settings().limits_table,
        _key(target),
        usage.to_item(),
        condition="attribute_not_exists(#version) OR #version = :version",
        given={"version": usage.version},
    )
