"""The clean-up of a drill: its beginning and its end, kept in the CLEANUP row of the drill's record.

What is in between, the instances that are terminated and how that went, is in `chunks`.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from recovery import aws, chunks, clock, dynamo, store
from recovery.chunks import Chunk
from recovery.errors import AwsUnavailable, CleanupRunning, ExecutionStillRunning, LateMessage, NotADrill, StartFailed
from recovery.execution import Mode, Run
from recovery.settings import settings
from recovery.tokens import step_functions

RUNNING = "RUNNING"


def read(execution_id: str) -> dict[str, Any] | None:
    """The CLEANUP row, None when the execution was never cleaned up."""
    return dynamo.get(store.table(), _key(execution_id))


def _key(execution_id: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": "CLEANUP"}


def start(execution_id: str, asked_by: str) -> dict[str, Any]:
    """Start the clean-up of a drill, or find the one that is on; return its row.

    Raise ExecutionNotFound, NotADrill, ExecutionStillRunning, StartFailed. The row is written before the machine is
    started; a start that was cut off in between is made up for by the next.
    """
    allow(store.get_run(execution_id))
    row = read(execution_id)
    if row and row["status"] == RUNNING:
        if _starts(row["machine"], execution_id) or _is_on(row["machine"]):
            return row
        # Its machine ended without closing the record; what it did is kept, a new one does the rest.
        _close(execution_id, row["machine"], "FAILED", {"reason": "its state machine ended before it did"})
    name = f"{execution_id}.cleanup-{int(row['run']) + 1 if row else 1}"
    row = claim(execution_id, name, asked_by)
    _starts(row["machine"], execution_id)
    return row


def allow(run: Run) -> None:
    """Raise NotADrill, ExecutionStillRunning."""
    if run.mode is not Mode.DRILL:
        raise NotADrill(f"execution {run.execution_id} is of mode {run.mode.value}, not a drill")
    if not run.status.is_final:
        raise ExecutionStillRunning(f"execution {run.execution_id} is {run.status.value}")


def claim(execution_id: str, machine: str, asked_by: str) -> dict[str, Any]:
    """Open a clean-up for the state machine execution of this name; return its row, the same when asked again.

    Raise CleanupRunning when another one is on.
    """
    row = read(execution_id)
    if row and row["machine"] == machine:
        return row
    if row and row["status"] == RUNNING and not _is_on(row["machine"]):
        # It was aborted or timed out; what it did is kept, and this one does the rest.
        _close(execution_id, row["machine"], "FAILED", {"reason": "its state machine ended before it did"})
        row = read(execution_id)
    run = int(row["run"]) + 1 if row else 1
    values = {
        "run": run,
        "status": RUNNING,
        "machine": machine,
        "askedAt": clock.iso(),
        "askedBy": asked_by,
    }
    # Not `requestedAt`: with `status` it would put the row into the index of executions.
    dynamo.move_on(
        store.table(),
        _key(execution_id),
        values,
        remove=["endedAt", "reason", "chunks", "total", "terminated", "failed"],
        condition="attribute_not_exists(#run) OR (#run < :run AND #status <> :running)",
        given={"run": run, "running": RUNNING},
    )
    row = read(execution_id) or values
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} is cleaning up {execution_id}", cleanup=row["machine"])
    return row


def machine_arn() -> str:
    arn = settings().clean_up_drill_arn
    if not arn:
        raise KeyError("CLEAN_UP_DRILL_ARN")
    return arn


def _starts(name: str, execution_id: str) -> bool:
    """Start the machine under this name; False when there was one of the name already, be it over or not."""
    try:
        with aws.unavailable("StartExecution"):
            step_functions().start_execution(
                stateMachineArn=machine_arn(), name=name, input=json.dumps({"executionId": execution_id})
            )
    except AwsUnavailable as error:
        raise StartFailed("Step Functions did not answer; ask for the clean-up again") from error
    except ClientError as error:
        if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
            return False
        raise StartFailed(f"the state machine could not be started: {error}") from error
    return True


def _is_on(name: str) -> bool:
    """Does the machine of this name run? One whose start never came through does not."""
    arn = machine_arn().replace(":stateMachine:", ":execution:") + f":{name}"
    try:
        with aws.unavailable("DescribeExecution"):
            return step_functions().describe_execution(executionArn=arn)["status"] in ("RUNNING", "PENDING_REDRIVE")
    except step_functions().exceptions.ExecutionDoesNotExist:
        return False


def find(execution_id: str, machine: str) -> tuple[int, list[Chunk]]:
    """Open the clean-up if nobody has and cut its instances into chunks; return its number and those not settled yet.

    Raise NotADrill, ExecutionStillRunning, CleanupRunning, LateMessage when this clean-up is over.
    """
    allow(store.get_run(execution_id))
    row = claim(execution_id, machine, "schedule")
    if row["status"] != RUNNING:
        raise LateMessage(f"{machine} is {row['status']} already")
    run = int(row["run"])
    if "chunks" not in row:
        cut = chunks.cut(execution_id, run)
        dynamo.put_all_new(store.table(), [chunk.to_item() for chunk in cut], "executionId")
        dynamo.move_on(
            store.table(),
            _key(execution_id),
            {"chunks": len(cut)},
            condition="#run = :run AND attribute_not_exists(#chunks)",
            given={"run": run},
        )
    return run, [chunk for chunk in chunks.of(execution_id, run) if chunk.status != "SETTLED"]


def finish(execution_id: str, machine: str, problem: str | None) -> dict[str, Any]:
    """Judge the clean-up by its chunks and close its row; return the row. Raise CleanupRunning when it is another's."""
    row = read(execution_id) or {"machine": None, "run": 0}
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} has the clean-up of {execution_id}", cleanup=row["machine"])
    of_run = chunks.of(execution_id, int(row["run"]))
    total = sum(len(chunk.instances) for chunk in of_run)
    terminated = sum(len(chunk.gone) for chunk in of_run)
    counts = {"total": total, "terminated": terminated, "failed": total - terminated}
    if terminated == total and not problem:
        status, reason = "COMPLETED", f"all {total} instances are gone" if total else "there was nothing to clean up"
    else:
        status = "PARTIAL" if terminated else "FAILED"
        reason = "; ".join(filter(None, [f"{terminated} of {total} instances are gone", problem]))
    _close(execution_id, machine, status, {**counts, "reason": reason})
    return read(execution_id) or row


def _close(execution_id: str, machine: str, status: str, values: Mapping[str, Any]) -> None:
    dynamo.move_on(
        store.table(),
        _key(execution_id),
        {"status": status, "endedAt": clock.iso(), **values},
        condition="#machine = :machine AND #status = :running",
        given={"machine": machine, "running": RUNNING},
    )
