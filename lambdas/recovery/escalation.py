"""What people are told when retries are used up: what, where, how often, and what they can do."""

from aws_lambda_powertools import Logger

from recovery import errors, metrics, notify
from recovery.batch import BatchRef

logger = Logger(child=True)


def tell(ref: BatchRef, task: str, problem: str) -> None:
    """Log, count and send it. `problem` begins with the name of an error."""
    name = problem.partition(":")[0]
    kind = getattr(errors, name, errors.DrsWavesError)
    logger.critical("retries exhausted", extra={"batch": ref.key, "task": task, "reason": problem})
    metrics.exhausted(ref.target, task)
    notify.send(
        "RETRIES_EXHAUSTED",
        f"drs-waves: {name} in {ref.target.key}",
        notify.paragraphs(
            {
                "Operation": task,
                "Target": ref.target.key,
                "Error": problem,
                "Attempts": "all that the state machine makes in a row; it goes on after a pause",
                "Execution": ref.execution_id,
                "Wave": f"{ref.wave}, batch {ref.number}",
                "What to do": kind.advice,
            }
        ),
        target=ref.target.key,
        executionId=ref.execution_id,
    )
