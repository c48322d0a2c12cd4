"""Find out which source servers a run recovers in one target, and cut them into batches."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import store
from recovery.inspection import inspect
from recovery.settings import settings
from recovery.target import Target
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, accountId, region}`; return counts only, the servers themselves are kept in the record."""
    execution = store.get_execution(event["executionId"])
    target = Target.from_state(event)
    shares = inspect(execution, target, settings().servers_per_job)
    store.write_shares(execution.execution_id, target, shares)
    servers = sum(share.total for share in shares)
    blocked = sum(len(share.blocked) for share in shares)
    logger.info("target inspected", extra={"target": target.key, "servers": servers, "blocked": blocked})
    return {**target.to_state(), "servers": servers, "blocked": blocked}
