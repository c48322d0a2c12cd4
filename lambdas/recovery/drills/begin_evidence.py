"""Starts keep-evidence for what has happened to a run."""

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.errors import AwsUnavailable
from recovery.settings import settings

logger = Logger(child=True)

# The occasion of the evidence that every run has.
END = "end"


def begin_evidence(execution_id: str, occasion: str = END) -> bool:
    """Start keep-evidence once for this occasion; return whether it runs or has run.

    No work waits for it or fails because of it: what is not started here, the next look of StartDrills starts.
    """
    arn = settings().keep_evidence_arn
    if arn is None:  # a function that may not start it
        return False
    payload = {"executionId": execution_id, "occasion": occasion}
    try:
        step_functions.start_once(arn, f"{execution_id}_{occasion}"[:80], payload)
    except (AwsUnavailable, ClientError) as error:
        logger.warning("evidence not begun", extra={"executionId": execution_id, "reason": str(error)})
        return False
    return True
