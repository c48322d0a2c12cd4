"""Decide from what inspection found whether the run may start."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain import readiness
from recovery.domain.execution import Mode
from recovery.observability.task_handler import logger, task
from recovery.runs import finish, inspect
from recovery.store import executions


@task
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take `{executionId}`; return `{ready, dryRun, waves: [{wave, order}]}`.

    A run that is refused, or only looked, is closed here.
    """
    execution = executions.get_execution(event["executionId"])
    fleets = inspect.summarize_waves(execution)
    reasons = readiness.collect_refusals(fleets)
    is_dry = execution.run.mode is Mode.READINESS
    if reasons:
        finish.close_without_launch(execution, readiness.judge_refusal(reasons), "the run was refused")
    elif is_dry:
        verdict = readiness.judge_dry_run(fleets, inspect.count_warned(execution.execution_id))
        finish.close_without_launch(execution, verdict, "nothing was to be launched")
    logger.info("readiness judged", extra={"reasons": reasons})
    ordered = [{"wave": wave.name, "order": order} for order, wave in enumerate(execution.plan.waves, start=1)]
    return {"ready": not reasons, "dryRun": is_dry, "waves": ordered}
