"""Record the result of every server of a batch and release its capacity."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.launch_settings import begin
from recovery.observability.task_handler import logger, task
from recovery.runs import settle
from recovery.runs.settle import AttemptOutcome, SettlementState
from tasks.states import SettleBatchInput


@task
def handler(event: SettleBatchInput, context: LambdaContext) -> SettlementState:
    """Return how many servers to try again, or a job to follow if the attempt's job is still running."""
    ref = BatchRef.from_event(event)
    outcome = AttemptOutcome(
        job_id=event["jobId"],
        error=CaughtError.from_state(event["error"]),
        launch_attempts=event["launchAttempts"],
        round=event.get("round"),
        attempt=event.get("attempt"),
    )
    settlement = settle.settle_batch(ref, outcome)
    if settlement.ends_batch:
        begin.begin_restore(ref.target, f"the end of {ref.key}")
    state = settlement.to_state()
    logger.info("batch settled", extra={"batch": ref.key, **state})
    return state
