"""Task tokens: what waits in Step Functions is answered by one, and then looks at the record again.

A token is kept before the record is looked at, and the record is written before tokens are looked for; so whichever
comes second lets the wait go. An answer says nothing but "look again": one too many does no harm.
"""

from hashlib import sha256

from recovery.aws import dynamodb, step_functions
from recovery.domain.verdicts import WaveGate
from recovery.store import executions


def save_token(execution_id: str, gate: WaveGate, wave: str, token: str) -> None:
    """Keep a token by which the wave, or a batch of it, waits. A task that was repeated has several."""
    name = sha256(token.encode()).hexdigest()[:24]
    row = {"executionId": execution_id, "item": f"TOKEN#{gate.value}#{wave}#{name}", "token": token}
    dynamodb.put(executions.table(), row)


def release_tokens(execution_id: str, gate: WaveGate | None = None, wave: str | None = None) -> int:
    """Answer the tokens of what waits so, or of all that waits in the run; return how many there were."""
    prefix = "TOKEN#" if gate is None else f"TOKEN#{gate.value}#" + (f"{wave}#" if wave else "")
    found = list(executions.query_rows(execution_id, prefix))
    for row in found:
        step_functions.send_task_success(row["token"])
        dynamodb.delete(executions.table(), {"executionId": execution_id, "item": row["item"]})
    return len(found)
