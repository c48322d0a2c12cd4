"""Metrics, as embedded metric format in the log: no call, so none that can fail.

Metrics of calls are in the namespace DRS/RateLimits, those of the cache in DRS/RecoveryInstances, those of runs in
DRS/Runs, those of drills in DRS/Drills. Calls are counted while a function runs and written at its end, in one line
wherever their dimensions agree. POWERTOOLS_METRICS_DISABLED=true switches them off. The lines are put together here and
not by powertools, which wants a line for each set of dimensions and adds a dimension of its own when the service has a
name.

Every metric has the dimension Stack, so that two stacks of one account do not set off each other's alarms. An alarm
cannot sum a metric over its dimensions. So every counted metric is also written by Stack only, Calls also by Stack and
Outcome, and CircuitChanges also by Stack and State.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger

from recovery.domain.target import Target
from recovery.settings import stack_name

logger = Logger(child=True)

NAMESPACE, CACHE_NAMESPACE, RUNS_NAMESPACE = "DRS/RateLimits", "DRS/RecoveryInstances", "DRS/Runs"
DRILLS_NAMESPACE = "DRS/Drills"

STACK = "Stack"

# Dimensions by which alarms sum a metric over all accounts and Regions.
ROLLUP_DIMENSION = {"Calls": "Outcome", "CircuitChanges": "State"}

_TRUE_VALUES = {"1", "true", "t", "yes", "y", "on"}


class Series(NamedTuple):
    """What is counted: a metric and its dimensions, sorted by name."""

    metric: str
    dimensions: tuple[tuple[str, str], ...]


_pending: Counter[Series] = Counter()

_lock = Lock()

# Each attempt is a metric of its own, which CloudWatch bills. A task that Lambda refuses can have a hundred.
LAST_ATTEMPT = 10


def count_call(target: Target, operation: str, outcome: str) -> None:
    """Count a call to DRS or EC2. `outcome` is `ok` or the name of an error, which may have prevented the call."""
    logger.debug("call", extra={"operation": operation, "target": target.key, "outcome": outcome})
    _count("Calls", target, Operation=operation, Outcome=outcome)


def count_rate_limit(target: Target, error: str) -> None:
    """Count a call that DRS or our own rate limit refused; `error` names which."""
    _count("RateLimitErrors", target, ErrorType=error)


def count_retry(target: Target, operation: str, attempt: int) -> None:
    """Count a repetition of a call or a task; `attempt` is 2 for the first."""
    _count("Retries", target, Operation=operation, Attempt=str(min(attempt, LAST_ATTEMPT)))


def count_exhausted(target: Target, operation: str) -> None:
    """Count a task whose retries are exhausted."""
    _count("RetriesExhausted", target, Operation=operation)


def count_circuit_change(target: Target, state: str) -> None:
    """Count a change of the target's circuit to `open`, `half-open` or `closed`."""
    _count("CircuitChanges", target, State=state)


def emit_leases(target: Target, jobs: int, servers: int) -> None:
    """Emit how much of the target's quotas is in use after a lease, including jobs of others."""
    named = {"Account": target.account_id, "Region": target.region}
    emit(NAMESPACE, named, {"LeasedJobs": ("Count", jobs), "LeasedServers": ("Count", servers)})


def flush() -> None:
    """Write the counts. A metrics failure never fails the task."""
    with _lock:
        counts = dict(_pending)
        _pending.clear()
    write_lines(lambda: build_lines(counts, round(time.time() * 1000), stack_name()))


def emit(namespace: str, dimensions: Mapping[str, str], values: Mapping[str, tuple[str, float]]) -> None:
    """Write values with their units in a line of their own."""
    write_lines(
        lambda: [
            {
                "_aws": {
                    "Timestamp": round(time.time() * 1000),
                    "CloudWatchMetrics": [
                        {
                            "Namespace": namespace,
                            "Dimensions": [[STACK, *dimensions]],
                            "Metrics": [{"Name": name, "Unit": unit} for name, (unit, _) in values.items()],
                        }
                    ],
                },
                STACK: stack_name(),
                **dimensions,
                **{name: value for name, (_, value) in values.items()},
            }
        ]
    )


def write_lines(build: Callable[[], list[dict[str, Any]]]) -> None:
    """Write lines, unless metrics are switched off. A metrics failure never fails the task."""
    if os.environ.get("POWERTOOLS_METRICS_DISABLED", "").strip().lower() in _TRUE_VALUES:
        return
    try:
        for line in build():
            sys.stdout.write(json.dumps(line) + "\n")
    except Exception:  # a metric must not fail work that is done
        logger.warning("metrics not written", exc_info=True)


def build_lines(counts: Mapping[Series, int], milliseconds: int, stack: str) -> list[dict[str, Any]]:
    """Pack the counts into as few lines as possible; a line holds one value per metric and per dimension.

    `milliseconds` since the epoch, on the real clock, because CloudWatch knows no other.
    """
    written: list[dict[str, Any]] = []
    for (metric, dimensions), count in counts.items():
        named = dict(dimensions)
        fits = (
            line
            for line in written
            if metric not in line and all(line.get(name, value) == value for name, value in named.items())
        )
        if (line := next(fits, None)) is None:
            line = {"_aws": {"Timestamp": milliseconds, "CloudWatchMetrics": []}, STACK: stack}
            written.append(line)
        rollups = [[STACK, ROLLUP_DIMENSION[metric]], [STACK]] if metric in ROLLUP_DIMENSION else [[STACK]]
        line["_aws"]["CloudWatchMetrics"].append(
            {
                "Namespace": NAMESPACE,
                "Dimensions": [[STACK, *named], *rollups],
                "Metrics": [{"Name": metric, "Unit": "Count"}],
            }
        )
        line.update(named)
        line[metric] = count
    return written


def _count(metric: str, target: Target, **dimensions: str) -> None:
    named = {"Account": target.account_id, "Region": target.region, **dimensions}
    with _lock:
        _pending[Series(metric, tuple(sorted(named.items())))] += 1


def emit_cache_lookups(hits: int, misses: int) -> None:
    """Emit how many of the requested servers are in the cache, and how many are not."""
    emit(CACHE_NAMESPACE, {}, {"CacheHits": ("Count", hits), "CacheMisses": ("Count", misses)})


def emit_target_sync(target: Target, seconds: float, instances: int, changes: int) -> None:
    """Emit the result of a target's sync."""
    emit(
        CACHE_NAMESPACE,
        {"Account": target.account_id, "Region": target.region},
        {"SyncSeconds": ("Seconds", seconds), "Instances": ("Count", instances), "Changes": ("Count", changes)},
    )


def emit_sync(seconds: float, failed: int) -> None:
    """Emit the result of a sync of all targets; `failed` of them ended with an error."""
    emit(CACHE_NAMESPACE, {}, {"AllSyncSeconds": ("Seconds", seconds), "SyncErrors": ("Count", failed)})


def emit_overdue(*, runs: int = 0, waves: int = 0, jobs: int = 0) -> None:
    """Emit runs and waves that have missed their RTO target, and jobs far over their usual time, as each is noticed."""
    counts = {"RunsOverdue": runs, "WavesOverdue": waves, "JobsOverdue": jobs}
    emit(RUNS_NAMESPACE, {}, {name: ("Count", count) for name, count in counts.items() if count})


def emit_compliance(overdue: int, unplanned: int) -> None:
    """Emit how many plans are overdue for a drill, and how many servers replicate and are in no plan."""
    emit(DRILLS_NAMESPACE, {}, {"OverduePlans": ("Count", overdue), "UnplannedServers": ("Count", unplanned)})


def emit_plan_drills(plan_id: str, since: float | None, until: float | None) -> None:
    """Emit the days since a plan's last drill that counts, and until the next is due: negative when it is overdue."""
    days = {"DaysSinceDrillThatCounts": since, "DaysUntilDrillDue": until}
    values = {name: ("None", round(each, 2)) for name, each in days.items() if each is not None}
    if values:
        emit(DRILLS_NAMESPACE, {"Plan": plan_id}, values)
