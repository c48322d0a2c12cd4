"""Judge the run, close its record and free its plan."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import cleanup_schedule, closing, problem, store, waves
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}` and the `error` that broke the run, if any; return `{status, reason}`."""
    execution = store.get_execution(event["executionId"])
    closing.settle_left(execution, "its part of the run broke")
    ended = waves.finish(execution, problem.describe(event.get("error")))
    cleanup_schedule.schedule_or_tell(execution)
    logger.info("execution finished", extra={"status": ended.status})
    return {"status": ended.status.value, "reason": ended.reason}
