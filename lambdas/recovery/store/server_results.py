"""SERVER# rows: the result of each server. `inspections` creates these rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Batch, BatchRef, ServerResult
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import FailureKind, LaunchFailure
from recovery.store import executions


def _server_key(ref: BatchRef, server_id: str) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": f"SERVER#{ref.wave}#{ref.target.key}#{server_id}"}


def list_notable_rows(execution_id: str, wave: str) -> list[dict[str, Any]]:
    """Read the SERVER# rows of the servers of a wave that failed, or were launched with a warning."""
    rows = executions.query_rows(execution_id, f"SERVER#{wave}#")
    return [row for row in rows if row["status"] == ServerStatus.FAILED.value or row.get("launchWarnings")]


def read_statuses(ref: BatchRef) -> dict[str, ServerStatus]:
    """The status on record of each server of the wave in the batch's target, by server."""
    rows = executions.query_rows(ref.execution_id, f"SERVER#{ref.wave}#{ref.target.key}#")
    return {row["sourceServerId"]: ServerStatus(row["status"]) for row in rows}


def record_results(ref: BatchRef, results: Sequence[ServerResult]) -> frozenset[str]:
    """Write each server's result. A server that is LAUNCHED stays so, whatever a late task writes; return those.

    These are single conditional updates, a few at a time. A transaction would cost twice as much, and one server that
    was written before would make it refuse all the others.
    """
    now = clock.iso()
    written = dynamodb.write_each(lambda result: _record_result(ref, result, now), results)
    return frozenset(result.server_id for result, is_written in zip(results, written, strict=True) if not is_written)


def _record_result(ref: BatchRef, result: ServerResult, now: str) -> bool:
    values = {
        "jobId": result.job_id,
        "recoveryInstanceId": result.recovery_instance_id,
        "dataAt": result.data_at,
        "reason": result.reason,
        "cause": result.failure.kind.value if result.failure else None,
        "advice": result.failure.advice if result.failure else None,
        "launchWarnings": list(result.warnings) or None,
    }
    # An instance of an earlier attempt may still be there when a later one fails, so that clean-up needs its id.
    kept = {"jobId"} if result.status is ServerStatus.LAUNCHED else {"jobId", "recoveryInstanceId", "dataAt"}
    return dynamodb.update_if(
        executions.table(),
        _server_key(ref, result.server_id),
        {**values, "status": result.status.value, "endedAt": now},
        remove=[name for name, value in values.items() if value is None and name not in kept],
        condition="#status <> :launched",
        given={"launched": ServerStatus.LAUNCHED.value},
    )


def record_withheld_results(batch: Batch, withheld: Mapping[str, str]) -> None:
    """Record servers that are left out of the attempt as FAILED with the reason, to which their last one is added.

    A server whose earlier launch failed keeps that reason as well, and the kind of its cause.
    """
    results = []
    for server_id, reason in withheld.items():
        row = dynamodb.get(executions.table(), _server_key(batch.ref, server_id)) or {}
        before = row.get("reason") or ""
        if before and not before.startswith(reason):
            reason = f"{reason}; before that: {before}"
        kind = FailureKind(row.get("cause") or FailureKind.NOT_STARTED)
        reason = max(reason, before, key=len)
        results.append(ServerResult(server_id, ServerStatus.FAILED, reason=reason, failure=LaunchFailure(kind, reason)))
    record_results(batch.ref, results)


def add_instances(execution_id: str, launched: Iterable[LaunchedInstance]) -> int:
    """Add the instances, and the times of their data, to servers that were settled before DRS showed them.

    Only a server that an instance's own job launched, and only what its row lacks, is written. Return how many rows
    were.
    """
    by_server = {instance.server_id: instance for instance in launched if instance.job_id}
    if not by_server:
        return 0
    rows = [row for row in executions.query_rows(execution_id, "SERVER#") if row["sourceServerId"] in by_server]
    return sum(dynamodb.write_each(lambda row: _add_instance(row, by_server[row["sourceServerId"]]), rows))


def _add_instance(row: Mapping[str, Any], instance: LaunchedInstance) -> bool:
    if row["status"] != ServerStatus.LAUNCHED or row.get("jobId") != instance.job_id:
        return False
    found = {"recoveryInstanceId": instance.instance_id, "dataAt": instance.snapshot_at}
    missing = {name: value for name, value in found.items() if value and row.get(name) is None}
    if not missing or row.get("recoveryInstanceId", instance.instance_id) != instance.instance_id:
        return False
    return dynamodb.update_if(
        executions.table(),
        {"executionId": row["executionId"], "item": row["item"]},
        missing,
        condition="#jobId = :job AND #status = :launched",
        given={"job": instance.job_id, "launched": ServerStatus.LAUNCHED.value},
    )
