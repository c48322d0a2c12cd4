"""Judge by the inspection whether the run may start."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.observability.task_handler import logger, task
from recovery.runs import judge_readiness
from tasks.states import ExecutionInput, JudgeReadinessOutput, OrderedWave


@task
def handler(event: ExecutionInput, context: LambdaContext) -> JudgeReadinessOutput:
    """End a run that is refused, and a readiness run."""
    readiness = judge_readiness.judge_run(event["executionId"])
    logger.info("readiness judged", extra={"reasons": readiness.refusals})
    waves: list[OrderedWave] = [{"wave": wave, "order": order} for order, wave in enumerate(readiness.waves, start=1)]
    return {"ready": not readiness.refusals, "dryRun": readiness.is_readiness_run, "waves": waves}
