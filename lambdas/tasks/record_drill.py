"""Record whether a drill counts for its plan and servers, and if not, why."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.drills import record
from recovery.observability.task_handler import logger, task
from tasks.drill_states import OccasionInput, RecordDrillOutput


@task
def handler(event: OccasionInput, context: LambdaContext) -> RecordDrillOutput:
    """Record it once more after each occasion that can change it. Nothing is recorded of a run that is no drill."""
    outcome = record.record_drill(event["executionId"])
    counts = outcome is not None and outcome.counts
    logger.info("drill recorded", extra={"occasion": event["occasion"], "counts": counts})
    return {"counts": counts}
