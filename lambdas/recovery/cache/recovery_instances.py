"""Rows of the cache of recovery instances: reads by server, run, plan and target, and the writes of the sync.

A row without a recovery instance marks one that is gone. It is in no index and is never shown; it keeps a late sync
from writing the instance back. The API's function has no permission to write.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws import dynamodb, pagination
from recovery.aws.dynamodb_expressions import Partition
from recovery.aws.pagination import Page
from recovery.cache import sync_status
from recovery.domain.recovery_instance import RecoveryInstance
from recovery.domain.target import Target
from recovery.observability import metrics
from recovery.settings import settings

logger = Logger(child=True)

# How long a warm function caches the sync versions. They change every five minutes.
SYNC_STATUS_CACHE_SECONDS = 30

# How long a row marks its instance as gone. Only a sync that began earlier could write the instance back.
GONE_ROW_LIFETIME_SECONDS = 24 * 3_600

_sync_versions: dict[str, Any] = {}


def table() -> str:
    """The recovery-instances table."""
    return settings().recovery_instances_table


def get_instance_rows(server_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The row of each server that has a recovery instance, a hundred with each call. Counts hits and misses."""
    found = {row["sourceServerId"]: row for row in get_rows(server_ids).values() if "recoveryInstanceId" in row}
    misses = [server_id for server_id in server_ids if server_id not in found]
    metrics.emit_cache_lookups(hits=len(found), misses=len(misses))
    if misses:
        logger.info("no recovery instance in the cache", extra={"misses": len(misses), "examples": misses[:5]})
    return found


def get_rows(server_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Rows by server id, including those of instances that are gone."""
    keys = [{"sourceServerId": server_id} for server_id in dict.fromkeys(server_ids)]
    return {row["sourceServerId"]: row for row in dynamodb.batch_get(table(), keys)}


def find_by_execution(execution_id: str) -> list[RecoveryInstance]:
    """Every instance in the cache that the run launched."""
    rows = dynamodb.query(table(), Partition("sourceExecutionId", execution_id), index="byExecution")
    return [RecoveryInstance.from_item(row) for row in rows]


def find_by_plan(plan_id: str) -> list[RecoveryInstance]:
    """Every instance in the cache that runs of the plan launched."""
    rows = dynamodb.query(table(), Partition("sourcePlanId", plan_id), index="byPlan")
    return [RecoveryInstance.from_item(row) for row in rows]


def find_servers_of_target(target: Target) -> list[str]:
    """The servers of the target that have a row in the cache."""
    rows = dynamodb.query(table(), Partition("target", target.key), index="byTarget", attribute="sourceServerId")
    return [row["sourceServerId"] for row in rows]


def find_by_target(target: Target) -> list[RecoveryInstance]:
    """Every instance in the cache of the target."""
    rows = dynamodb.query(table(), Partition("target", target.key), index="byTarget")
    return [RecoveryInstance.from_item(row) for row in rows]


def list_by_plan(plan_id: str, limit: int, token: str | None) -> Page:
    """A page of rows."""
    return pagination.query_page(table(), Partition("sourcePlanId", plan_id), limit, token, index="byPlan")


def list_by_execution(execution_id: str, limit: int, token: str | None) -> Page:
    """A page of rows."""
    launched_by = Partition("sourceExecutionId", execution_id)
    return pagination.query_page(table(), launched_by, limit, token, index="byExecution")


def list_by_target(target: Target, limit: int, token: str | None) -> Page:
    """A page of rows."""
    return pagination.query_page(table(), Partition("target", target.key), limit, token, index="byTarget")


def summarize_drill_instances(plan_id: str) -> dict[str, Any]:
    """Instances of the plan's drills that still run: `{count, since, executions}`; `since` is the oldest launch."""
    left = [instance for instance in find_by_plan(plan_id) if instance.is_drill and instance.exists]
    return {
        "count": len(left),
        "since": min((instance.launch_time for instance in left if instance.launch_time), default=None),
        "executions": sorted({instance.execution_id for instance in left if instance.execution_id}),
    }


def last_sync_at(row: dict[str, Any]) -> str:
    """When the row was last confirmed: by the last sync of its target or, if later, by its own write."""
    known = _read_sync_versions().get(Target.from_state(row).key, 0)
    return clock.iso(max(int(row["version"]), known) / 1000)


def _read_sync_versions() -> dict[str, int]:
    now = clock.now()
    if not _sync_versions or now - _sync_versions["at"] > SYNC_STATUS_CACHE_SECONDS:
        targets, _ = sync_status.read_all()
        versions = {row.target.key: row.version for row in targets}
        _sync_versions.update(at=now, versions=versions)
    found: dict[str, int] = _sync_versions["versions"]
    return found


# --- writing ----------------------------------------------------------------------------------------------------
def write_instance(instance: RecoveryInstance, version: int) -> bool:
    """Write what a sync found; return False when a sync that began later has written the row."""
    return dynamodb.put_if(
        table(),
        {**instance.to_item(), "target": instance.target.key, "version": version},
        "attribute_not_exists(#version) OR #version <= :version",
        {"version": version},
    )


def mark_gone(instance: RecoveryInstance, version: int) -> bool:
    """Mark an instance that a sync did not find as gone; return False when a later sync has written the row."""
    return dynamodb.put_if(
        table(),
        _gone_row(instance.server_id, version),
        "attribute_not_exists(#version) OR #version <= :version",
        {"version": version},
    )


def mark_terminated(server_id: str, instance_id: str, began_at: float = 0) -> None:
    """Mark a terminated instance as gone, unless the server has another instance by now.

    `began_at` is the start of the job that terminated it, if known (epoch seconds): a row that is older describes an
    earlier instance, whatever its id.

    The row is not deleted, because a sync that began before the termination would write it back. DynamoDB deletes it
    when it expires.
    """
    dynamodb.put_if(
        table(),
        _gone_row(server_id, int(clock.now() * 1000)),
        "attribute_not_exists(#recoveryInstanceId) OR #recoveryInstanceId = :gone OR #version < :began",
        {"gone": instance_id, "began": int(began_at * 1000)},
    )


def _gone_row(server_id: str, version: int) -> dict[str, Any]:
    return {"sourceServerId": server_id, "version": version, "expiresAt": version // 1000 + GONE_ROW_LIFETIME_SECONDS}
