"""Close the record of a run whose state machine ended without doing so: aborted, timed out, broken."""

from contextlib import suppress
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import cleanup_schedule, closing, store
from recovery.errors import ExecutionNotFound
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take EventBridge's "Step Functions Execution Status Change" of recover-plan; return `{closed}`."""
    detail = event["detail"]
    logger.append_keys(executionId=detail["name"])
    closed = closing.close(detail["name"], f"the state machine ended as {detail['status']}")
    # Whoever closed it: the schedule is named after the run, so it is made once.
    with suppress(ExecutionNotFound):
        cleanup_schedule.schedule_or_tell(store.get_execution(detail["name"]))
    logger.info("run closed" if closed else "the record was closed already")
    return {"closed": closed}
