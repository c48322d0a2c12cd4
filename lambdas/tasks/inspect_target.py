"""Find out which source servers a run recovers in one target, and cut them into batches."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task
from recovery.runs import inspect
from recovery.settings import settings
from recovery.store import executions, inspections


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, accountId, region}`; return counts only, the servers themselves are kept in the record.

    `done` is False when servers are left to be looked at one by one: ask again.
    """
    execution = executions.get_execution(event["executionId"])
    target = Target.from_state(event)
    if execution.run.is_halted:  # nobody wants to know any more
        return {**target.to_state(), "done": True, "servers": 0, "blocked": 0}
    shares = inspect.inspect_target(execution, target)
    if shares is None:
        logger.info("target not wholly inspected yet", extra={"target": target.key})
        return {**target.to_state(), "done": False}
    counts = inspections.persist_inspection(execution.execution_id, shares, settings().servers_per_job)
    servers, blocked = sum(count.servers for count in counts), sum(count.blocked for count in counts)
    logger.info("target inspected", extra={"target": target.key, "servers": servers, "blocked": blocked})
    return {**target.to_state(), "done": True, "servers": servers, "blocked": blocked}
