"""Read what a run is to recover, and open a row for each of its waves."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import messages, store
from recovery.errors import LateMessage
from recovery.execution import Mode
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return the mode, the attempts for a server and the targets. Raise LateMessage."""
    execution = store.get_execution(event["executionId"])
    run = execution.run
    if run.status.is_final:
        raise LateMessage(f"execution {execution.execution_id} is {run.status.value} already")
    if store.create_waves(execution) and run.mode is not Mode.READINESS:
        messages.started(execution)
    targets = sorted({group.target for group in store.groups_of(execution.execution_id).values()})
    logger.info("plan loaded", extra={"executionId": execution.execution_id, "planId": execution.plan.plan_id})
    return {
        "mode": run.mode.value,
        "launchAttempts": execution.plan.launch_attempts,
        "targets": [target.to_state() for target in targets],
    }
