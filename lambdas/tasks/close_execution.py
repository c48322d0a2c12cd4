"""Close the record of a run whose state machine ended without doing so: aborted, timed out, broken."""

from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import schedule
from recovery.errors import ExecutionNotFound
from recovery.observability.task_handler import logger, task
from recovery.runs import abandoned
from recovery.store import executions


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take EventBridge's "Step Functions Execution Status Change" of recover-plan; return `{closed}`."""
    detail = event["detail"]
    logger.append_keys(executionId=detail["name"])
    closed = abandoned.close_run(detail["name"], f"the state machine ended as {detail['status']}")
    # Whoever closed it: the schedule is named after the run, so it is made once.
    with suppress(ExecutionNotFound):
        schedule.schedule_or_notify(executions.get_execution(detail["name"]))
    logger.info("run closed" if closed else "the record was closed already")
    return {"closed": closed}
