"""Find out which source servers a run recovers in one target, and cut them into batches."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import fleet, store
from recovery.inspection import inspect
from recovery.settings import settings
from recovery.target import Target
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, accountId, region}`; return counts only, the servers themselves are kept in the record."""
    execution = store.get_execution(event["executionId"])
    target = Target.from_state(event)
    counts = fleet.settle(execution.execution_id, inspect(execution, target), settings().servers_per_job)
    servers, blocked = sum(count.servers for count in counts), sum(count.blocked for count in counts)
    logger.info("target inspected", extra={"target": target.key, "servers": servers, "blocked": blocked})
    return {**target.to_state(), "servers": servers, "blocked": blocked}
