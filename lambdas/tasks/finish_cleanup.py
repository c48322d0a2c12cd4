"""Judge a clean-up and close its record."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.cleanup import cleanup
from recovery.domain import caught_errors
from recovery.drills.begin_evidence import begin_occasion, name_occasion
from recovery.observability.task_handler import logger, task
from tasks.states import ClosedRecord, FinishCleanupInput


@task
def handler(event: FinishCleanupInput, context: LambdaContext) -> ClosedRecord:
    """Evidence of each run that it covers follows. Raise CleanupRunning when another execution has the clean-up."""
    problems = caught_errors.describe_all(event["errors"])
    row = cleanup.finish_cleanup(event["executionId"], event["machine"], problems)
    for execution_id in row["executions"]:
        begin_occasion(execution_id, name_occasion("cleanup", event["machine"]))
    logger.info("clean-up finished", extra={"status": row["status"], "reason": row["reason"]})
    return {"status": row["status"], "reason": row["reason"]}
