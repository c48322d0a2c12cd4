"""Starts keep-evidence for what has happened to a run."""

import hashlib

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.errors import AwsUnavailable
from recovery.settings import settings
from recovery.store.drills import evidence_rows
from recovery.store.drills.evidence_rows import END

logger = Logger(child=True)


def name_occasion(kind: str, what: str) -> str:
    """The name of an occasion, such as `cleanup-4f1c09d2`: it is the same whenever the same thing happens again."""
    return f"{kind}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"


def begin_occasion(execution_id: str, occasion: str) -> bool:
    """Make the evidence of an occasion after the end due, and begin it. Raise AwsUnavailable if it cannot be due."""
    if settings().keep_evidence_arn is None:
        return False
    evidence_rows.make_due(execution_id, occasion)
    return begin_evidence(execution_id, occasion)


def begin_evidence(execution_id: str, occasion: str = END, attempt: int = 0) -> bool:
    """Start keep-evidence for this occasion; return whether Step Functions has this start, or had it before.

    Step Functions starts an execution of one name once. `attempt` is above 0 where an earlier one may have failed. No
    work waits for it or fails because of it: what is due and is not started here, the next look of StartDrills starts.
    """
    arn = settings().keep_evidence_arn
    if arn is None:  # a function that may not start it
        return False
    payload = {"executionId": execution_id, "occasion": occasion}
    name = f"{execution_id}_{occasion}" + (f"_{attempt}" if attempt else "")
    try:
        step_functions.start_once(arn, name, payload)
    except (AwsUnavailable, ClientError) as error:
        logger.warning("evidence not begun", extra={"executionId": execution_id, "reason": str(error)})
        return False
    return True
