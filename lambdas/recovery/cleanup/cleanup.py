"""The clean-up of a drill: its beginning and its end, kept in the CLEANUP row of the drill's record.

What is in between, the instances that are terminated and how that went, is in `chunks`.
"""

from typing import Any

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import Chunk
from recovery.domain.execution import Mode, Run
from recovery.errors import AwsUnavailable, CleanupRunning, ExecutionStillRunning, LateMessage, NotADrill, StartFailed
from recovery.store import cleanups, executions
from recovery.store.cleanups import RUNNING


def start_cleanup(execution_id: str, asked_by: str) -> dict[str, Any]:
    """Start the clean-up of a drill, or find the one that is on; return its row.

    Raise ExecutionNotFound, NotADrill, ExecutionStillRunning, StartFailed. The row is written before the machine is
    started; a start that was cut off in between is made up for by the next.
    """
    require_ended_drill(executions.get_run(execution_id))
    row = cleanups.get_cleanup(execution_id)
    if row and row["status"] == RUNNING:
        if _start_machine(row["machine"], execution_id) or _is_machine_running(row["machine"]):
            return row
        # Its machine ended without closing the record; what it did is kept, a new one does the rest.
        cleanups.close_cleanup(
            execution_id, row["machine"], "FAILED", {"reason": "its state machine ended before it did"}
        )
    name = f"{execution_id}.cleanup-{int(row['run']) + 1 if row else 1}"
    row = claim_cleanup(execution_id, name, asked_by)
    _start_machine(row["machine"], execution_id)
    return row


def require_ended_drill(run: Run) -> None:
    """Raise NotADrill, ExecutionStillRunning."""
    if run.mode is not Mode.DRILL:
        raise NotADrill(f"execution {run.execution_id} is of mode {run.mode.value}, not a drill")
    if not run.status.is_final:
        raise ExecutionStillRunning(f"execution {run.execution_id} is {run.status.value}")


def claim_cleanup(execution_id: str, machine: str, asked_by: str) -> dict[str, Any]:
    """Open a clean-up for the state machine execution of this name; return its row, the same when asked again.

    Raise CleanupRunning when another one is on.
    """
    row = cleanups.get_cleanup(execution_id)
    if row and row["machine"] == machine:
        return row
    if row and row["status"] == RUNNING and not _is_machine_running(row["machine"]):
        # It was aborted or timed out; what it did is kept, and this one does the rest.
        cleanups.close_cleanup(
            execution_id, row["machine"], "FAILED", {"reason": "its state machine ended before it did"}
        )
        row = cleanups.get_cleanup(execution_id)
    run = int(row["run"]) + 1 if row else 1
    opened = cleanups.open_cleanup(execution_id, run, machine, asked_by)
    row = cleanups.get_cleanup(execution_id) or opened
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} is cleaning up {execution_id}", cleanup=row["machine"])
    return row


def _start_machine(name: str, execution_id: str) -> bool:
    """Start the machine under this name; False when the name is taken, by a running or an ended execution."""
    try:
        return step_functions.start_once(step_functions.clean_up_drill_arn(), name, {"executionId": execution_id})
    except AwsUnavailable as error:
        raise StartFailed("Step Functions did not answer; ask for the clean-up again") from error
    except ClientError as error:
        raise StartFailed(f"the state machine could not be started: {error}") from error


def _is_machine_running(name: str) -> bool:
    """Whether the machine of this name runs. A machine whose start was lost does not."""
    status = step_functions.get_status(step_functions.clean_up_drill_arn(), name)
    return status in step_functions.RUNNING_STATUSES


def find_chunks(execution_id: str, machine: str) -> tuple[int, list[Chunk]]:
    """Open the clean-up if nobody has and cut its instances into chunks; return its number and those not settled yet.

    Raise NotADrill, ExecutionStillRunning, CleanupRunning, LateMessage when this clean-up is over.
    """
    require_ended_drill(executions.get_run(execution_id))
    row = claim_cleanup(execution_id, machine, "schedule")
    if row["status"] != RUNNING:
        raise LateMessage(f"{machine} is {row['status']} already")
    run = int(row["run"])
    if "chunks" not in row:
        cleanups.create_chunks(execution_id, run, terminate.split_into_chunks(execution_id, run))
    return run, [chunk for chunk in cleanups.list_chunks(execution_id, run) if chunk.status != "SETTLED"]


def finish_cleanup(execution_id: str, machine: str, problem: str | None) -> dict[str, Any]:
    """Judge the clean-up by its chunks and close its row; return the row. Raise CleanupRunning when it is another's."""
    row = cleanups.get_cleanup(execution_id) or {"machine": None, "run": 0}
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} has the clean-up of {execution_id}", cleanup=row["machine"])
    of_run = cleanups.list_chunks(execution_id, int(row["run"]))
    total = sum(len(chunk.instances) for chunk in of_run)
    terminated = sum(len(chunk.gone) for chunk in of_run)
    counts = {"total": total, "terminated": terminated, "failed": total - terminated}
    if terminated == total and not problem:
        status, reason = "COMPLETED", f"all {total} instances are gone" if total else "there was nothing to clean up"
    else:
        status = "PARTIAL" if terminated else "FAILED"
        reason = "; ".join(filter(None, [f"{terminated} of {total} instances are gone", problem]))
    cleanups.close_cleanup(execution_id, machine, status, {**counts, "reason": reason})
    return cleanups.get_cleanup(execution_id) or row
