"""Read what a run is to recover, and open a row for each of its waves."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import store
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return the mode, the attempts for each server and the targets. Raise ExecutionNotFound."""
    execution = store.get_execution(event["executionId"])
    store.create_waves(execution)
    logger.info("plan loaded", extra={"executionId": execution.execution_id, "planId": execution.plan.plan_id})
    return {
        "mode": execution.mode.value,
        "launchAttempts": execution.plan.launch_attempts,
        "targets": [target.to_state() for target in execution.targets],
    }
