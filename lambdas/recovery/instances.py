"""Reading the cache of recovery instances. Nothing here writes: the API's function may not.

Rows come from `sync`. A row without a recovery instance stands for one that is gone (see `sync.forget`) and is never
shown; it is in no index.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from recovery import cache_metrics, clock, dynamo, freshness
from recovery.instance import RecoveryInstance
from recovery.pages import Page, read_page
from recovery.settings import settings
from recovery.target import Target

logger = Logger(child=True)

# A warm function reads how fresh the targets are no more often than this. They change every five minutes.
FRESHNESS_SECONDS = 30
_freshness: dict[str, Any] = {}


def table() -> str:
    """The recovery-instances table."""
    return settings().recovery_instances_table


def of_servers(server_ids: Sequence[str]) -> dict[str, RecoveryInstance]:
    """The recovery instance of each server that has one, by one BatchGetItem for each hundred; misses are counted."""
    return {server_id: RecoveryInstance.from_item(row) for server_id, row in rows_of_servers(server_ids).items()}


def rows_of_servers(server_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """As `of_servers`, as rows with their versions."""
    found = {row["sourceServerId"]: row for row in every_row_of(server_ids).values() if "recoveryInstanceId" in row}
    misses = [server_id for server_id in server_ids if server_id not in found]
    cache_metrics.looked_up(hits=len(found), misses=len(misses))
    if misses:
        logger.info("no recovery instance in the cache", extra={"misses": len(misses), "examples": misses[:5]})
    return found


def every_row_of(server_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Rows by server id, those of instances that are gone among them."""
    keys = [{"sourceServerId": server_id} for server_id in dict.fromkeys(server_ids)]
    return {row["sourceServerId"]: row for row in dynamo.batch_get(table(), keys)}


def of_execution(execution_id: str) -> list[RecoveryInstance]:
    """Every instance that the run launched, as far as the cache knows."""
    rows = dynamo.query_all(TableName=table(), IndexName="byExecution", **_where("sourceExecutionId", execution_id))
    return [RecoveryInstance.from_item(row) for row in rows]


def of_plan(plan_id: str) -> list[RecoveryInstance]:
    """Every instance that runs of the plan launched."""
    rows = dynamo.query_all(TableName=table(), IndexName="byPlan", **_where("sourcePlanId", plan_id))
    return [RecoveryInstance.from_item(row) for row in rows]


def servers_of_target(target: Target) -> list[str]:
    """The servers of the target that the cache has a row for."""
    rows = dynamo.query_all(
        TableName=table(), IndexName="byTarget", ProjectionExpression="sourceServerId", **_where("target", target.key)
    )
    return [row["sourceServerId"] for row in rows]


def list_of_plan(plan_id: str, limit: int, token: str | None) -> Page:
    """A page of rows."""
    where = _where("sourcePlanId", plan_id)
    return read_page(dynamo.client().query, limit, token, TableName=table(), IndexName="byPlan", **where)


def list_of_execution(execution_id: str, limit: int, token: str | None) -> Page:
    """A page of rows."""
    where = _where("sourceExecutionId", execution_id)
    return read_page(dynamo.client().query, limit, token, TableName=table(), IndexName="byExecution", **where)


def list_of_target(target: Target, limit: int, token: str | None) -> Page:
    """A page of rows."""
    where = _where("target", target.key)
    return read_page(dynamo.client().query, limit, token, TableName=table(), IndexName="byTarget", **where)


def _where(name: str, value: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "#name = :value",
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": dynamo.to_wire({":value": value}),
    }


def drill_instances(plan_id: str) -> dict[str, Any]:
    """What drills of the plan have left running: `{count, since, executions}`; `since` is the oldest launch."""
    left = [instance for instance in of_plan(plan_id) if instance.is_drill and instance.is_there]
    return {
        "count": len(left),
        "since": min((instance.launch_time for instance in left if instance.launch_time), default=None),
        "executions": sorted({instance.execution_id for instance in left if instance.execution_id}),
    }


def last_sync_at(row: dict[str, Any]) -> str:
    """As of when the row is right: its target's last sync found it so, or it was written later still."""
    known = _versions().get(Target.from_state(row).key, 0)
    return clock.iso(max(int(row["version"]), known) / 1000)


def _versions() -> dict[str, int]:
    now = clock.now()
    if not _freshness or now - _freshness["at"] > FRESHNESS_SECONDS:
        targets, _ = freshness.read_all()
        versions = {row.target.key: row.version for row in targets}
        _freshness.update(at=now, versions=versions)
    found: dict[str, int] = _freshness["versions"]
    return found
