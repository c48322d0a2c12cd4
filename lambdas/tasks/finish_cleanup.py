"""Judge a clean-up and close its record."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.aws import caught_errors
from recovery.cleanup import cleanup
from recovery.observability.task_handler import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId, machine, errors}`, what broke on the way; return `{status, reason}`."""
    problems = "; ".join(caught_errors.describe_all(event["errors"])[:5]) or None
    row = cleanup.finish_cleanup(event["executionId"], event["machine"], problems)
    logger.info("clean-up finished", extra={"status": row["status"], "reason": row["reason"]})
    return {"status": row["status"], "reason": row["reason"]}
