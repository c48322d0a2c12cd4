"""Inspect the source servers that a run recovers in one target, and divide them into batches.

While the job of a batch runs, read the launch configurations of later batches.
"""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.target import Target
from recovery.observability.task_handler import logger, task
from recovery.runs import inspect
from recovery.runs.inspection import configurations
from tasks.states import InspectTargetInput, InspectTargetOutput


@task
def handler(event: InspectTargetInput, context: LambdaContext) -> InspectTargetOutput:
    """Return counts and the numbers of batches only; the servers themselves are in the record."""
    target, execution_id = Target.from_state(event), event["executionId"]
    if "batch" in event:
        counts = inspect.InspectionCounts(done=configurations.read_ahead(BatchRef.from_event(event)))
    elif wave := event.get("wave"):
        counts = inspect.inspect_for_wave(execution_id, target, wave)
    else:
        counts = inspect.inspect_target(execution_id, target)
    logger.info(
        "read ahead" if "batch" in event else "target inspected", extra={"target": target.key, **counts.to_state()}
    )
    return {**target.to_state(), **counts.to_state()}
