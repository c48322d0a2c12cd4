"""Decide from what inspection found whether the run may start."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import decide, store, waves
from recovery.inspection import fleets_of
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return `{ready, waves: [{wave, order, waits}]}`. A refused run is closed here."""
    execution = store.get_execution(event["executionId"])
    reasons = decide.judge_readiness(fleets_of(execution))
    if reasons:
        waves.refuse(execution, reasons)
    logger.info("readiness judged", extra={"executionId": execution.execution_id, "reasons": reasons})
    ordered = [
        {"wave": wave.name, "order": order, "waits": bool(wave.depends_on)}
        for order, wave in enumerate(execution.plan.waves, start=1)
    ]
    return {"ready": not reasons, "waves": ordered}
