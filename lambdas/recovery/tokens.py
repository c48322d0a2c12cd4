"""Task tokens: what waits in Step Functions is answered by one, and then looks at the record again.

A token is kept before the record is looked at, and the record is written before tokens are looked for; so whichever
comes second lets the wait go. An answer says nothing but "look again": one too many does no harm.
"""

import json
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from recovery import aws, dynamo, store
from recovery.decide import Hold

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# What Step Functions says of a token that was answered before, or whose execution is over.
_SPENT = ("TaskTimedOut", "InvalidToken", "TaskDoesNotExist")


@lru_cache(maxsize=1)
def step_functions() -> "SFNClient":
    """The client that answers task tokens and starts executions."""
    made: SFNClient = aws.client("stepfunctions")
    return made


def keep(execution_id: str, hold: Hold, wave: str, token: str) -> None:
    """Keep a token by which the wave, or a batch of it, waits. A task that was repeated has several."""
    name = sha256(token.encode()).hexdigest()[:24]
    row = {"executionId": execution_id, "item": f"TOKEN#{hold.value}#{wave}#{name}", "token": token}
    dynamo.put(store.table(), row)


def release(execution_id: str, hold: Hold | None = None, wave: str | None = None) -> int:
    """Answer the tokens of what waits so, or of all that waits in the run; return how many there were."""
    prefix = "TOKEN#" if hold is None else f"TOKEN#{hold.value}#" + (f"{wave}#" if wave else "")
    found = list(store.rows(execution_id, prefix))
    for row in found:
        _answer(row["token"])
        dynamo.delete(store.table(), {"executionId": execution_id, "item": row["item"]})
    return len(found)


def _answer(token: str) -> None:
    with aws.unavailable("SendTaskSuccess"):
        try:
            step_functions().send_task_success(taskToken=token, output=json.dumps({"lookAgain": True}))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _SPENT:
                raise
