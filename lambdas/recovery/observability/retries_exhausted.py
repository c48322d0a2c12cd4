"""Notifies operators that all retries of a task have failed: which task, where, how often, and what to do."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from recovery import clock, errors
from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.caught_errors import CaughtError
from recovery.domain.target import Target
from recovery.errors import (
    AwsUnavailable,
    DrsThrottled,
    DrsUnavailable,
    DrsWavesError,
    RateBudgetExhausted,
    RetryExhausted,
    StartUnanswered,
)
from recovery.observability import metrics
from recovery.observability.operator_messages import name_section

logger = Logger(child=True)

# Transient errors normally need no action. This is the advice for one that persists.
PERSISTENT_ERROR_ADVICE: Mapping[type[DrsWavesError], str] = {
    DrsThrottled: (
        "See in CloudTrail which callers use DRS in that account and Region, and stop those that can wait. "
        "If it is drs-waves alone, lower CallsPerSecond."
    ),
    DrsUnavailable: "See AWS Health for DRS in that Region, and open a case with AWS Support if it shows nothing.",
    StartUnanswered: (
        "See in the DRS console whether the job of the batch exists, and in AWS Health whether DRS works there."
    ),
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


@dataclass(frozen=True, slots=True)
class WaitingPlace:
    """What waits: an action, a batch of a wave or, without both, the whole part of the wave in a target.

    `plan` is a name; `wave` is empty for an action of the plan.
    """

    execution_id: str
    wave: str
    target: Target
    batch: int | None = None
    plan: str | None = None
    action: str | None = None


def notify_retries_exhausted(
    place: WaitingPlace, task: str, error: CaughtError, attempts: int | None = None, wait_seconds: int | None = None
) -> None:
    """Log, count and report to operators that a task failed with this error on all of its `attempts`, if known.

    `wait_seconds` is how long it waits now; None in a run that began before an upgrade.
    """
    logger.critical("retries exhausted", extra={"operation": task, "attempts": attempts, "reason": str(error)})
    metrics.count_exhausted(place.target, task)
    waits = "the batch" if place.batch else "the wave's part in this account and Region"
    waits = f"action {place.action}" if place.action else waits
    again = f"at {_minute(clock.now() + wait_seconds)}" if wait_seconds else "within ten minutes"
    mode = place.execution_id.partition("-")[0].upper()  # an id begins with it
    sns.publish(
        "RETRIES_EXHAUSTED",
        f"{mode}{' of {plan}' if place.plan else ''}: {{error}} in {{target}}",
        {"plan": place.plan or "", "error": error.name, "target": place.target.key},
        sns.format_facts(
            {
                "Kind": mode,
                "Plan": place.plan,
                "Execution": place.execution_id,
                "Wave": f"{place.wave}, batch {place.batch}" if place.batch else place.wave or None,
                "Action": place.action,
                "Target": place.target.key,
                "Operation": task,
                "Error": str(error),
                "Attempts": attempts or "all that the state machine makes in a row",
                "What happens": f"{waits} waits and goes on {again}; no server has failed because of this",
                "What to do": advice_for(error.name),
                "See it": format_command("status", place.execution_id),
                "Runbook": name_section(_name_section(place)),
            }
        ),
        target=place.target.key,
        executionId=place.execution_id,
    )


def _name_section(place: WaitingPlace) -> str:
    if place.action:
        return "An action waits, failed or hangs"
    return "A Region does not answer" if place.batch is None else "DRS does not answer"


def _minute(moment: float) -> str:
    """`08:36 UTC`, the minute in which the moment is past."""
    return f"{clock.iso(math.ceil(moment / 60) * 60)[11:16]} UTC"


def advice_for(name: str) -> str:
    """The advice on an error of this name, which can be an error of Lambda or Step Functions too."""
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, DrsWavesError)):
        kind = DrsWavesError
    return PERSISTENT_ERROR_ADVICE.get(kind, kind.advice)
