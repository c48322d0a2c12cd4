"""Read what a run recovers, and create a row for each of its waves."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability.task_handler import logger, task
from recovery.runs import open_run
from tasks.states import ExecutionInput, LoadPlanOutput


@task
def handler(event: ExecutionInput, context: LambdaContext) -> LoadPlanOutput:
    """Raise LateMessage when the run has ended."""
    execution, targets = open_run.open_run(event["executionId"])
    logger.info("plan loaded", extra={"executionId": execution.execution_id, "planId": execution.plan.plan_id})
    return {
        "launchAttempts": execution.plan.launch_attempts,
        "targets": [target.to_state() for target in targets],
    }
