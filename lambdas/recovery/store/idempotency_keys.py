"""Requests that may be sent twice: what a caller's Idempotency-Key stands for, for a day.

A key names an execution before anything of it is written, and everything after that is made under this name and made
once: the record is written where there is none, and Step Functions knows an execution by its name. So a request that
was cut off anywhere is taken up where it stopped by the next one of its key, and two that race do the same work.
"""

import hashlib
import json
from dataclasses import dataclass

from recovery import clock
from recovery.aws import dynamodb
from recovery.errors import AwsUnavailable, IdempotencyConflict
from recovery.settings import settings

KEY_LIFETIME_SECONDS = 24 * 60 * 60

# A key may be given back between two looks; more often than this it is somebody's business.
MAX_CLAIM_ATTEMPTS = 3

SORT_KEY = "STARTED"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A key of a caller, in one place of the API, and the body that it came with."""

    caller: str
    place: str
    key: str
    body: str

    @property
    def row(self) -> dict[str, str]:
        """Its row of the limits table. The parts are hashed as a list, so that none runs into the next."""
        parts = json.dumps([self.caller, self.place, self.key])
        return {"target": f"REQUEST#{_digest(parts)}", "what": SORT_KEY}

    @property
    def fingerprint(self) -> str:
        """By which another body is told."""
        return _digest(self.body)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find_execution(key: RequestKey) -> str | None:
    """The execution that the key stands for, or None. Raise IdempotencyConflict when it came with another body."""
    row = dynamodb.get(settings().limits_table, key.row)
    # DynamoDB removes what has expired within days, not at once.
    if row is None or "executionId" not in row or int(row["expiresAt"]) <= clock.now():
        return None
    execution_id = str(row["executionId"])
    if row["fingerprint"] != key.fingerprint:
        raise IdempotencyConflict(
            f"this Idempotency-Key was sent with another body, for execution {execution_id}", executionId=execution_id
        )
    return execution_id


def claim_key(key: RequestKey, execution_id: str) -> str:
    """Have the key stand for this execution, unless it stands for one; return which. Raise IdempotencyConflict."""
    for _ in range(MAX_CLAIM_ATTEMPTS):
        now = int(clock.now())
        taken = dynamodb.update_if(
            settings().limits_table,
            key.row,
            {"executionId": execution_id, "fingerprint": key.fingerprint, "expiresAt": now + KEY_LIFETIME_SECONDS},
            condition="attribute_not_exists(#executionId) OR #expiresAt <= :now",
            given={"now": now},
        )
        if taken:
            return execution_id
        if found := find_execution(key):
            return found
    raise AwsUnavailable("this Idempotency-Key is being taken and given back by others; try again")


def release_key(key: RequestKey, execution_id: str) -> None:
    """Have the key stand for nothing, if it is for this execution: it was never begun."""
    dynamodb.update_if(
        settings().limits_table,
        key.row,
        {},
        remove=["executionId"],
        condition="#executionId = :mine",
        given={"mine": execution_id},
    )
