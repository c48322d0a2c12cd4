"""Judge the run, close its record and free its plan."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws.caught_errors import CaughtError
from recovery.cleanup import schedule
from recovery.observability.task_handler import logger, task
from recovery.runs import abandoned, finish
from recovery.store import executions


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}` and the `error` that broke the run, if any; return `{status, reason}`."""
    execution, error = executions.get_execution(event["executionId"]), CaughtError.from_state(event.get("error"))
    problem = str(error) if error else None
    if problem:
        execution = abandoned.abort_run(execution, problem)
    abandoned.settle_open_batches(execution, "its part of the run broke")
    ended = finish.finish_run(execution, problem)
    schedule.schedule_or_notify(execution)
    logger.info("execution finished", extra={"status": ended.status})
    return {"status": ended.status, "reason": ended.reason}
