"""Judge the run, close its record and free its plan."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import cleanup_schedule, closing, problem, store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}` and the `error` that broke the run, if any; return `{status, reason}`."""
    execution, broke = store.get_execution(event["executionId"]), problem.describe(event.get("error"))
    if broke:  # a target's machine may still run, and must launch nothing into a run that ends
        store.let_die(execution.execution_id, broke)
    closing.settle_left(execution, "its part of the run broke")
    ended = waves.finish(execution, broke)
    cleanup_schedule.schedule_or_tell(execution)
    logger.info("execution finished", extra={"status": ended.status})
    return {"status": ended.status.value, "reason": ended.reason}
