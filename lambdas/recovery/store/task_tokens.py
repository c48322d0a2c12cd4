"""TOKEN# rows: the task tokens by which states of the machines wait.

The answer to a token carries no decision; the state then judges the record again, so an extra answer is harmless.
A waiting task saves its token before it reads the record, and a decision is written to the record before it reads the
tokens. So at least one of the two sees the other, and every waiting task is woken.
"""

from hashlib import sha256

from recovery.aws import dynamodb, step_functions
from recovery.domain.verdicts import WaveGate
from recovery.store import executions


def save_token(execution_id: str, gate: WaveGate, wave: str, token: str) -> None:
    """Save a token by which the wave, or a batch of it, waits. A task that was retried has several."""
    name = sha256(token.encode()).hexdigest()[:24]
    row = {"executionId": execution_id, "item": f"TOKEN#{gate.value}#{wave}#{name}", "token": token}
    dynamodb.put(executions.table(), row)


def release_tokens(execution_id: str, gate: WaveGate | None = None, wave: str | None = None) -> int:
    """Answer the tokens that wait at this gate, of this wave, or all tokens of the run; return how many there were."""
    prefix = "TOKEN#" if gate is None else f"TOKEN#{gate.value}#" + (f"{wave}#" if wave else "")
    rows = list(executions.query_rows(execution_id, prefix))
    for row in rows:
        step_functions.send_task_success(row["token"])
        dynamodb.delete(executions.table(), {"executionId": execution_id, "item": row["item"]})
    return len(rows)
