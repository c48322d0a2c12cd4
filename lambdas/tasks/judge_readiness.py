"""Decide from what inspection found whether the run may start."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery import readiness, store, waves
from recovery.execution import Mode
from recovery.inspection import fleets_of, warned
from recovery.task import logger, task


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return `{ready, dryRun, waves: [{wave, order}]}`.

    A run that is refused, or only looked, is closed here.
    """
    execution = store.get_execution(event["executionId"])
    fleets = fleets_of(execution)
    reasons = readiness.judge_readiness(fleets)
    is_dry = execution.run.mode is Mode.READINESS
    if reasons:
        waves.close_looked_at(execution, readiness.judge_refusal(reasons), "the run was refused")
    elif is_dry:
        verdict = readiness.judge_dry_run(fleets, warned(execution.execution_id))
        waves.close_looked_at(execution, verdict, "nothing was to be launched")
    logger.info("readiness judged", extra={"reasons": reasons})
    ordered = [{"wave": wave.name, "order": order} for order, wave in enumerate(execution.plan.waves, start=1)]
    return {"ready": not reasons, "dryRun": is_dry, "waves": ordered}
