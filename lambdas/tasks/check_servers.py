"""Look once at the launched servers of a batch, to learn whether they pass their checks."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from recovery.domain.batch import BatchRef
from recovery.observability.task_handler import logger, task
from recovery.verification import batch_looks
from recovery.verification.batch_looks import LookRequest, LookState
from tasks.step_states import CheckServersInput


@task
def handler(event: CheckServersInput, context: LambdaContext) -> LookState:
    """Return whether every server of the batch has an answer, and when to look again."""
    ref = BatchRef.from_event(event)
    request = LookRequest(
        turn=event["turn"],
        batches=event["batches"],
        is_after_end=event["afterEnd"],
        was_postponed=event["failures"] > 0 or event.get("retries", 0) > 0,
    )
    found = batch_looks.look_at_batch(ref, request).to_state()
    logger.info("servers checked", extra={"batch": ref.key, **found})
    return found
