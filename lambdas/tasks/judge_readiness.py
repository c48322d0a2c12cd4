"""Judge by the inspection whether the run may start."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task
from recovery.runs import judge_readiness
from tasks.states import JudgeReadinessInput, JudgeReadinessOutput, OrderedWave


@task
def handler(event: JudgeReadinessInput, context: LambdaContext) -> JudgeReadinessOutput:
    """End a run that is refused, and a readiness run."""
    # A run that began with an older machine has no targets that were not inspected.
    errors = {Target.from_state(part): str(CaughtError.from_state(part)) for part in event.get("uninspected", ())}
    readiness = judge_readiness.judge_run(event["executionId"], errors)
    logger.info("readiness judged", extra={"reasons": readiness.refusals})
    waves: list[OrderedWave] = [{"wave": wave, "order": order} for order, wave in enumerate(readiness.waves, start=1)]
    return {
        "ready": not readiness.refusals,
        "dryRun": readiness.is_readiness_run,
        "waves": waves,
        "reserveIn": [target.to_state() for target in readiness.reserves_in],
        "actionsBefore": readiness.has_actions_before,
        "actionsAfter": readiness.has_actions_after,
    }
