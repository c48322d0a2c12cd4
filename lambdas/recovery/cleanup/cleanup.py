"""Starts, claims and closes clean-ups of drills. The CLEANUP row of a drill's record describes the latest one.

`terminate` does the work in between: it finds the instances and terminates them, chunk by chunk.
"""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.cleanup import terminate
from recovery.domain.cleanup_chunk import Chunk, ChunkStatus, CleanupStatus
from recovery.domain.execution import Mode, Run
from recovery.errors import AwsUnavailable, CleanupRunning, ExecutionStillRunning, LateMessage, NotADrill, StartFailed
from recovery.store import cleanups, executions

# Errors that the reason of a clean-up lists.
MAX_PROBLEMS = 5


def start_cleanup(execution_id: str, requested_by: str) -> dict[str, Any]:
    """Start the clean-up of a drill, or find the one that is running; return its row.

    Raise ExecutionNotFound, NotADrill, ExecutionStillRunning, StartFailed. The row is written before the state machine
    is started; if the function is killed in between, the next request starts it.
    """
    _require_ended_drill(executions.get_run(execution_id))
    row = cleanups.get_cleanup(execution_id)
    if row and row["status"] == CleanupStatus.RUNNING:
        if _start_machine(row["machine"], execution_id) or _is_machine_running(row["machine"]):
            return row
        _close_abandoned(execution_id, row["machine"])
    name = machine_name(execution_id, _next_number(row))
    row = _claim_cleanup(execution_id, name, requested_by)
    _start_machine(row["machine"], execution_id)
    return row


def machine_name(execution_id: str, run: int) -> str:
    """The name of the execution of clean-up-drill; `run` is the number of the clean-up.

    CloudWatch Logs takes only letters, digits, `-` and `_` in the name of an execution that it logs.
    """
    return f"{execution_id}_cleanup-{run}"


def open_and_list_chunks(execution_id: str, machine: str) -> tuple[int, list[Chunk]]:
    """Open the clean-up and divide the drill's instances into chunks, unless that has been done.

    Return the number of the clean-up and the chunks that are not settled. A clean-up that a schedule started has no row
    until now. Raise NotADrill,
    ExecutionStillRunning, CleanupRunning, LateMessage when this clean-up has ended.
    """
    _require_ended_drill(executions.get_run(execution_id))
    row = _claim_cleanup(execution_id, machine, "schedule")
    if row["status"] != CleanupStatus.RUNNING:
        raise LateMessage(f"{machine} is {row['status']} already")
    number = int(row["run"])
    if "chunks" not in row:
        cleanups.create_chunks(execution_id, number, terminate.split_into_chunks(execution_id, number))
    chunks = cleanups.list_chunks(execution_id, number)
    return number, [chunk for chunk in chunks if chunk.status is not ChunkStatus.SETTLED]


def finish_cleanup(execution_id: str, machine: str, problems: Sequence[str]) -> dict[str, Any]:
    """Judge the clean-up by its chunks; close and return its row. Raise CleanupRunning if another execution has it."""
    row = cleanups.get_cleanup(execution_id) or {"machine": None, "run": 0}
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} has the clean-up of {execution_id}", cleanup=row["machine"])
    chunks = cleanups.list_chunks(execution_id, int(row["run"]))
    total = sum(len(chunk.instances) for chunk in chunks)
    terminated = sum(len(chunk.gone) for chunk in chunks)
    counts = {"total": total, "terminated": terminated, "failed": total - terminated}
    if terminated == total and not problems:
        status = CleanupStatus.COMPLETED
        reason = f"all {total} instances are gone" if total else "there was nothing to clean up"
    else:
        status = CleanupStatus.PARTIAL if terminated else CleanupStatus.FAILED
        reason = "; ".join([f"{terminated} of {total} instances are gone", *problems[:MAX_PROBLEMS]])
    cleanups.close_cleanup(execution_id, machine, status, {**counts, "reason": reason})
    return cleanups.get_cleanup(execution_id) or row


def _require_ended_drill(run: Run) -> None:
    if run.mode is not Mode.DRILL:
        raise NotADrill(f"execution {run.execution_id} is of mode {run.mode.value}, not a drill")
    if not run.status.is_final:
        raise ExecutionStillRunning(f"execution {run.execution_id} is {run.status.value}")


def _claim_cleanup(execution_id: str, machine: str, requested_by: str) -> dict[str, Any]:
    """Open a clean-up for this state machine execution; return its row, the same one on every call.

    Raise CleanupRunning when another one is running.
    """
    row = cleanups.get_cleanup(execution_id)
    if row and row["machine"] == machine:
        return row
    if row and row["status"] == CleanupStatus.RUNNING and not _is_machine_running(row["machine"]):
        _close_abandoned(execution_id, row["machine"])
    opened = cleanups.open_cleanup(execution_id, _next_number(row), machine, requested_by)
    row = cleanups.get_cleanup(execution_id) or opened
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} is cleaning up {execution_id}", cleanup=row["machine"])
    return row


def _next_number(row: dict[str, Any] | None) -> int:
    return int(row["run"]) + 1 if row else 1


def _close_abandoned(execution_id: str, machine: str) -> None:
    """Close a clean-up whose machine was aborted or timed out. Keep its results; the next clean-up does the rest."""
    reason = {"reason": "its state machine ended before it did"}
    cleanups.close_cleanup(execution_id, machine, CleanupStatus.FAILED, reason)


def _start_machine(name: str, execution_id: str) -> bool:
    """Start the machine under this name, unless it runs; return False when it has ended."""
    try:
        return step_functions.start_once(step_functions.clean_up_drill_arn(), name, {"executionId": execution_id})
    except AwsUnavailable as error:
        raise StartFailed("Step Functions did not answer; request the clean-up again") from error
    except ClientError as error:
        raise StartFailed(f"the state machine could not be started: {error}") from error


def _is_machine_running(name: str) -> bool:
    """Whether the machine of this name is running. A machine whose start was lost is not."""
    status = step_functions.get_status(step_functions.clean_up_drill_arn(), name)
    return status in step_functions.RUNNING_STATUSES
