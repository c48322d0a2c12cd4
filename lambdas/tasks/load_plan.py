"""Read what a run is to recover, and open a row for each of its waves."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.execution import Mode
from recovery.errors import LateMessage
from recovery.observability import operator_messages
from recovery.observability.task_handler import logger, task
from recovery.store import executions, waves


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return the mode, the attempts for a server and the targets. Raise LateMessage."""
    execution = executions.get_execution(event["executionId"])
    run = execution.run
    if run.status.is_final:
        raise LateMessage(f"execution {execution.execution_id} is {run.status.value} already")
    if waves.create_waves(execution) and run.mode is not Mode.READINESS:
        operator_messages.send_run_started(execution)
    targets = sorted({group.target for group in executions.get_groups(execution.execution_id).values()})
    logger.info("plan loaded", extra={"executionId": execution.execution_id, "planId": execution.plan.plan_id})
    return {
        "mode": run.mode.value,
        "launchAttempts": execution.plan.launch_attempts,
        "targets": [target.to_state() for target in targets],
    }
