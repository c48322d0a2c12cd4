"""Idempotency keys: which execution a caller's Idempotency-Key stands for, for a day.

A request with a key first claims the key for an execution id. Everything after that is written once under this id:
the record only where there is none, and the state machine under the id as its name. So the next request with the key
continues where an interrupted one stopped, and two concurrent requests do the same work.
"""

import hashlib
import json
from dataclasses import dataclass

from recovery import clock
from recovery.aws import dynamodb
from recovery.errors import AwsUnavailable, IdempotencyConflict
from recovery.settings import settings

KEY_LIFETIME_SECONDS = 24 * 60 * 60

# The key can change hands between reads. After this many attempts, give up.
MAX_CLAIM_ATTEMPTS = 3

SORT_KEY = "STARTED"


@dataclass(frozen=True, slots=True)
class RequestKey:
    """A caller's key, the route it was sent to, and the body that came with it."""

    caller: str
    place: str
    key: str
    body: str

    @property
    def row(self) -> dict[str, str]:
        """Its row of the limits table. The parts are hashed as a list, so that none runs into the next."""
        parts = json.dumps([self.caller, self.place, self.key])
        return {"target": f"REQUEST#{_digest(parts)}", "item": SORT_KEY}

    @property
    def fingerprint(self) -> str:
        """A hash that differs for another body."""
        return _digest(self.body)

    @property
    def digest(self) -> str:
        """Names the request in the entry of a decision. A key that comes with another body is another request."""
        return _digest(json.dumps([self.caller, self.place, self.key, self.body]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def find_execution(key: RequestKey) -> str | None:
    """The execution that the key stands for, or None. Raise IdempotencyConflict if it came with another body."""
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
    """Claim the key for this execution unless it is claimed; return its execution. Raise IdempotencyConflict."""
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
    raise AwsUnavailable("other requests are claiming and releasing this Idempotency-Key; try again")


def release_key(key: RequestKey, execution_id: str) -> None:
    """Release the key if it stands for this execution, which never began."""
    dynamodb.update_if(
        settings().limits_table,
        key.row,
        {},
        remove=["executionId"],
        condition="#executionId = :mine",
        given={"mine": execution_id},
    )
