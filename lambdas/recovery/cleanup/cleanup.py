"""Starts, claims and closes clean-ups of drills.

A clean-up covers the whole chain of the drill: the runs that it continues, and those that continue it. The CLEANUP row
in the record of the first of them describes the latest one. `find` and `terminate` do the work in between.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from recovery.aws import step_functions
from recovery.cleanup import find
from recovery.domain import polling
from recovery.domain.cleanup_chunk import Chunk, ChunkStatus, CleanupStatus, FoundInstances
from recovery.domain.execution import Mode
from recovery.errors import (
    AwsUnavailable,
    CleanupRunning,
    ExecutionStillRunning,
    LateMessage,
    NotADrill,
    StartFailed,
    Transient,
)
from recovery.store import batches, chains, cleanups, idempotency_keys
from recovery.store.chains import Chain
from recovery.store.idempotency_keys import RequestKey
from recovery.wording import all_of, first_of

# Errors that the reason of a clean-up lists.
MAX_PROBLEMS = 5


@dataclass(frozen=True, slots=True)
class Search:
    """What a clean-up has to terminate: chunks that are not settled, in the record of `execution_id`.

    `run` is the number of the clean-up. With `is_incomplete`, targets gave no answer that may give one later.
    """

    execution_id: str
    run: int
    chunks: Sequence[Chunk]
    is_incomplete: bool


def start_cleanup(execution_id: str, requested_by: str, key: RequestKey | None = None) -> dict[str, Any]:
    """Start the clean-up of a drill and its chain, or find the one that is running; return its row.

    Requests with the same key start one clean-up: a repetition returns it, or a later one, also after its end. Raise
    ExecutionNotFound, NotADrill, ExecutionStillRunning, StartFailed, IdempotencyConflict. The row is written before the
    state machine is started; if the function is killed in between, the next request starts it.
    """
    chain = chains.read_chain(execution_id)
    _require_ended_drills(chain)
    first = chain.first.execution_id
    row = cleanups.get_cleanup(first)
    if row and row["status"] == CleanupStatus.RUNNING:
        if _start_machine(row["machine"], first) or _is_machine_running(row["machine"]):
            if key:
                idempotency_keys.claim_key(key, row["machine"])
            return row
        cleanups.close_abandoned(first, row["machine"])
    name = machine_name(first, _next_number(row))
    if key and idempotency_keys.claim_key(key, name) != name and row:
        return row  # the clean-up of an earlier request with this key has ended
    row = _claim_cleanup(chain, name, requested_by)
    _start_machine(row["machine"], first)
    return row


def machine_name(execution_id: str, run: int) -> str:
    """The name of the execution of clean-up-drill; `run` is the number of the clean-up.

    CloudWatch Logs takes only letters, digits, `-` and `_` in the name of an execution that it logs.
    """
    return f"{execution_id}_cleanup-{run}"


def read_cleanup(execution_id: str) -> tuple[dict[str, Any] | None, list[Chunk]]:
    """Read the latest clean-up that covers the run, and its chunks; None if there was none.

    Raise ExecutionNotFound.
    """
    first = chains.read_chain(execution_id).first.execution_id
    row = cleanups.get_cleanup(first)
    if row is None or execution_id not in row.get("executions", [first]):
        return None, []
    return row, cleanups.list_chunks(first, int(row["run"]))


def open_and_search(execution_id: str, machine: str, *, is_last_try: bool) -> Search:
    """Open the clean-up, search the targets that have not been searched, and divide what was found into chunks.

    A clean-up that a schedule started has no row until now. Raise NotADrill, ExecutionStillRunning, CleanupRunning;
    LateMessage when this clean-up has ended, or when a schedule asks for a run that was continued: the last run of the
    chain has a schedule of its own.
    """
    chain = chains.read_chain(execution_id)
    _require_ended_drills(chain)
    row = cleanups.get_cleanup(chain.first.execution_id)
    if (row is None or row["machine"] != machine) and chain.last.execution_id != execution_id:
        raise LateMessage(f"{execution_id} was continued; the clean-up of {chain.last.execution_id} includes it")
    row = _claim_cleanup(chain, machine, "schedule")
    if row["status"] != CleanupStatus.RUNNING:
        raise LateMessage(f"{machine} is {row['status']} already")
    first, run = chain.first.execution_id, int(row["run"])
    unasked = find.search_targets(chain, run, is_last_try=is_last_try)
    cleanups.record_unasked(first, machine, {target.key: error.message for target, error in unasked.items()})
    chunks = [chunk for chunk in find.create_chunks(first, run) if chunk.status is not ChunkStatus.SETTLED]
    return Search(first, run, chunks, any(isinstance(error, Transient) for error in unasked.values()))


def finish_cleanup(execution_id: str, machine: str, problems: Sequence[str]) -> dict[str, Any]:
    """Judge the clean-up by its chunks; close and return its row. Raise CleanupRunning if another execution has it."""
    first = chains.read_chain(execution_id).first.execution_id
    row = cleanups.get_cleanup(first) or {"machine": None, "run": 0}
    if row["machine"] != machine:
        raise CleanupRunning(f"{row['machine']} has the clean-up of {first}", cleanup=row["machine"])
    chunks = cleanups.list_chunks(first, int(row["run"]))
    total = sum(len(chunk.instances) for chunk in chunks)
    terminated = sum(len(chunk.gone) for chunk in chunks)
    counts = {"total": total, "terminated": terminated, "failed": total - terminated}
    found = cleanups.list_found(first, int(row["run"]))
    unproven = [text for each in found for text in _describe_unproven(each)]
    unasked = [f"{target} was not searched: {reason}" for target, reason in sorted(row.get("unasked", {}).items())]
    if terminated == total and not problems and not unasked:
        status = CleanupStatus.COMPLETED
        nothing = f"nothing to clean up: {'DRS has none of its instances' if found else 'it started no job'}"
        reason = all_of(total, "instance", "is gone", "are gone") if total else nothing
    else:
        status = CleanupStatus.PARTIAL if terminated else CleanupStatus.FAILED
        reason = "; ".join(
            [f"{terminated} of {total} instances are gone", *first_of([*unasked, *problems], MAX_PROBLEMS)]
        )
    reason = "; ".join([reason, *first_of(unproven, MAX_PROBLEMS)])
    cleanups.close_cleanup(first, machine, status, {**counts, "reason": reason})
    return cleanups.get_cleanup(first) or row


def _describe_unproven(found: FoundInstances) -> Iterator[str]:
    """What a person has to look at, with the command that terminates it; the clean-up never does."""
    account_id, region = found.target.account_id, found.target.region
    for instance_id, server_id in sorted(found.unproven.items()):
        yield (
            f"{instance_id} of {server_id} in account {account_id} is left alone, because DRS does not say which job "
            f"launched it; if it is of this drill, terminate it there: aws drs terminate-recovery-instances "
            f"--region {region} --recovery-instance-ids {instance_id}"
        )


def _require_ended_drills(chain: Chain) -> None:
    for run in chain.runs:
        if run.mode is not Mode.DRILL:
            raise NotADrill(f"execution {run.execution_id} is of mode {run.mode.value}, not a drill")
        if run.cancelled_by and not run.status.is_final:
            why = polling.describe_cancelling(run, batches.list_batches(run.execution_id))
            raise ExecutionStillRunning(why, advice=polling.WHILE_CANCELLING, executionId=run.execution_id)
        if not run.status.is_final:
            why = f"execution {run.execution_id} is {run.status.value}"
            raise ExecutionStillRunning(why, executionId=run.execution_id)


def _claim_cleanup(chain: Chain, machine: str, requested_by: str) -> dict[str, Any]:
    """Open a clean-up for this state machine execution; return its row, the same one on every call.

    Raise CleanupRunning when another one is running, ExecutionStillRunning when the chain has just been continued.
    """
    first = chain.first.execution_id
    row = cleanups.get_cleanup(first)
    if row and row["machine"] == machine:
        return row
    if row and row["status"] == CleanupStatus.RUNNING and not _is_machine_running(row["machine"]):
        cleanups.close_abandoned(first, row["machine"])
    cleanups.open_cleanup(chain, _next_number(row), machine, requested_by)
    row = cleanups.get_cleanup(first)
    if row and row["machine"] == machine:
        return row
    if row and row["status"] == CleanupStatus.RUNNING:
        raise CleanupRunning(f"{row['machine']} is cleaning up {first}", cleanup=row["machine"])
    raise ExecutionStillRunning(f"execution {chain.last.execution_id} is being continued")


def _next_number(row: dict[str, Any] | None) -> int:
    return int(row["run"]) + 1 if row else 1


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
