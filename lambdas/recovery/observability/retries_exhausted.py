"""Notifies operators that all retries of a task have failed: which task, where, how often, and what to do."""

from collections.abc import Mapping

from aws_lambda_powertools import Logger

from recovery import errors
from recovery.aws import sns
from recovery.domain.batch import BatchRef
from recovery.domain.caught_errors import CaughtError
from recovery.errors import (
    AwsUnavailable,
    DrsThrottled,
    DrsUnavailable,
    DrsWavesError,
    RateBudgetExhausted,
    RetryExhausted,
)
from recovery.observability import metrics

logger = Logger(child=True)

# Transient errors normally need no action. This is the advice for one that persists.
PERSISTENT_ERROR_ADVICE: Mapping[type[DrsWavesError], str] = {
    DrsThrottled: (
        "See in CloudTrail which callers use DRS in that account and Region, and stop those that can wait. "
        "If it is drs-waves alone, lower CallsPerSecond."
    ),
    DrsUnavailable: "See AWS Health for DRS in that Region, and open a case with AWS Support if it shows nothing.",
    RetryExhausted: (
        "The error has the last answer of DRS. Throttled: see in CloudTrail which callers use DRS there. "
        "Otherwise see AWS Health for DRS in that Region."
    ),
    RateBudgetExhausted: (
        "Runs share CallsPerSecond in that account and Region: start fewer at a time, "
        "or raise it as long as DRS itself does not throttle."
    ),
    AwsUnavailable: "See AWS Health for DynamoDB and STS in the Region of drs-waves.",
}


def notify_retries_exhausted(ref: BatchRef, task: str, error: CaughtError, attempts: int | None = None) -> None:
    """Log, count and report to operators that a task failed with this error on all of its `attempts`, if known."""
    logger.critical("retries exhausted", extra={"operation": task, "attempts": attempts, "reason": str(error)})
    metrics.count_exhausted(ref.target, task)
    sns.publish(
        "RETRIES_EXHAUSTED",
        "{error} in {target}",
        {"error": error.name, "target": ref.target.key},
        sns.format_facts(
            {
                "Kind": ref.execution_id.partition("-")[0],  # an id begins with it
                "Operation": task,
                "Target": ref.target.key,
                "Error": str(error),
                "Attempts": attempts or "all that the state machine makes in a row",
                "Execution": ref.execution_id,
                "Wave": f"{ref.wave}, batch {ref.number}",
                "What happens": "the batch waits up to ten minutes and goes on; no server has failed because of this",
                "What to do": advice_for(error.name),
            }
        ),
        target=ref.target.key,
        executionId=ref.execution_id,
    )


def advice_for(name: str) -> str:
    """The advice on an error of this name, which can be an error of Lambda or Step Functions too."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, DrsWavesError)):
        kind = DrsWavesError
    return PERSISTENT_ERROR_ADVICE.get(kind, kind.advice)
