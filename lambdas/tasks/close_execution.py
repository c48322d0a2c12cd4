"""Close the record of a run whose state machine ended without doing so: aborted, timed out, broken."""

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
    execution_id, status = event["detail"]["name"], event["detail"]["status"]
    logger.append_keys(executionId=execution_id)
    try:
        execution = executions.get_execution(execution_id)
    except ExecutionNotFound:
        logger.warning("no such run")
        return {"closed": False}
    closed = abandoned.close_run(execution, f"the state machine ended as {status}")
    schedule.schedule_or_notify(execution)
    logger.info("run closed" if closed else "the record was closed already")
    return {"closed": closed}
