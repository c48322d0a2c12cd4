"""BATCH# and SERVER# rows: the batches of a run, and the result of each server. `inspections` creates these rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Attempt, Batch, BatchRef, BatchStatus, ServerResult
from recovery.domain.drs_shapes.recovery_instances import LaunchedInstance
from recovery.domain.execution import ServerStatus, Tally
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.launch_failures import FailureKind, LaunchFailure
from recovery.store import executions, inspections

# What a batch's row keeps of the start of an attempt, until the next attempt or round.
_OF_CONFLICT = ("conflicts", "conflictSince", "conflictServer")
_OF_ATTEMPT = ("intentAt", "unansweredSince", "startRepeated", "lastTry", *_OF_CONFLICT)


def _key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": ref.sort_key}


def _server_key(ref: BatchRef, server_id: str) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": f"SERVER#{ref.wave}#{ref.target.key}#{server_id}"}


def _if_at(status: BatchStatus, attempt: int) -> dict[str, Any]:
    """The condition that the batch is still at this status of this attempt."""
    return {"condition": "#status = :status AND #attempt = :attempt", "given": {"status": status, "attempt": attempt}}


def get_batch(ref: BatchRef) -> Batch:
    """Read a batch. Raise KeyError when there is none, which only a defect of a state machine can cause."""
    item = dynamodb.get(executions.table(), _key(ref))
    if item is None:
        raise KeyError(f"no row {ref.sort_key} in execution {ref.execution_id}")
    return Batch.from_item(item)


def list_batches(execution_id: str, wave: str | None = None) -> list[Batch]:
    """Read the batches of a wave, or of all waves."""
    return [Batch.from_item(row) for row in executions.query_rows(execution_id, f"BATCH#{wave}#" if wave else "BATCH#")]


def find_batch_of_job(execution_id: str, job_id: str) -> BatchRef | None:
    """The batch that this job is or was of; None if the run has no such job."""
    for row in executions.query_rows(execution_id, "BATCH#"):
        if job_id == row.get("jobId") or any(job_id == job["jobId"] for job in row.get("jobs", ())):
            return BatchRef.from_event(row)
    return None


def list_failed_rows(execution_id: str, wave: str) -> list[dict[str, Any]]:
    """Read the SERVER# rows of the servers of a wave that failed."""
    rows = executions.query_rows(execution_id, f"SERVER#{wave}#")
    return [row for row in rows if row["status"] == ServerStatus.FAILED.value]


def tally_servers(execution_id: str, wave: str | None = None) -> Tally:
    """Count the servers of a wave, or of the run, by outcome."""
    return tally(list_batches(execution_id, wave), inspections.list_summaries(execution_id, wave))


def tally(batches: Iterable[Batch], summaries: Iterable[WaveTargetSummary]) -> Tally:
    """Count the servers by outcome: those in batches, and those that inspection excluded."""
    in_batches = sum((batch.tally for batch in batches), Tally())
    return sum((summary.tally for summary in summaries), in_batches)


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


def record_intent(batch: Batch, withheld: Collection[str] = (), last_try: Collection[str] = ()) -> bool:
    """Record the intent to call StartRecovery for the servers that are not `withheld`.

    Those of them in `last_try` are included again in the next attempt. Return False when another invocation has
    recorded its intent since the batch was read.
    """
    now, is_first = clock.iso(), batch.status is BatchStatus.PENDING
    left = [server_id for server_id in batch.server_ids if server_id not in withheld]
    dropped = [*batch.dropped, *withheld]
    unchanged = _if_at(batch.status, batch.attempt)
    if batch.unanswered_since:
        unchanged["condition"] += " AND #unansweredSince = :unanswered"
        unchanged["given"]["unanswered"] = batch.unanswered_since
    else:
        unchanged["condition"] += " AND attribute_not_exists(#unansweredSince)"
    return dynamodb.update_if(
        executions.table(),
        _key(batch.ref),
        {
            "status": BatchStatus.STARTING,
            "attempt": batch.attempt + 1 if is_first else batch.attempt,
            "intentAt": batch.intent_at or (now if left else None),
            "unansweredSince": now if left else None,
            "startRepeated": True if batch.unanswered_since else None,
            **({"serverIds": left, "dropped": dropped, "failed": len(dropped)} if withheld else {}),
            **({"lastTry": [*batch.last_try, *last_try]} if last_try else {}),
        },
        **unchanged,
    )


def record_refusal(batch: Batch, conflict_server: str | None = None) -> None:
    """Record that DRS refused StartRecovery or did not get it: no job can come of the call.

    For a conflict give the server that DRS or a job names, "" for none: refusals for a conflict are counted.
    """
    unchanged = _if_at(batch.status, batch.attempt)
    if batch.unanswered_since:
        unchanged["condition"] += " AND #unansweredSince = :unanswered"
        unchanged["given"]["unanswered"] = batch.unanswered_since
    conflict, forgotten = dict[str, Any](), ["unansweredSince"]
    if conflict_server is not None:
        conflict = {
            "conflicts": batch.conflicts + 1,
            "conflictSince": batch.conflict_since or clock.iso(),
            "conflictServer": conflict_server or None,
        }
        forgotten += [] if conflict_server else ["conflictServer"]
    dynamodb.update_if(executions.table(), _key(batch.ref), conflict, remove=forgotten, **unchanged)


def forget_conflict(batch: Batch) -> None:
    """Count refusals for a conflict from zero again. Write nothing if there were none."""
    if batch.conflicts:
        unchanged = _if_at(batch.status, batch.attempt)
        dynamodb.update_if(executions.table(), _key(batch.ref), {}, remove=list(_OF_CONFLICT), **unchanged)


def record_left_out(batch: Batch, server_ids: Collection[str]) -> None:
    """Leave these servers out of the attempt, whose job has started without them; the next attempt includes them."""
    dropped = [*batch.dropped, *server_ids]
    values = {
        "serverIds": [server_id for server_id in batch.server_ids if server_id not in server_ids],
        "dropped": dropped,
        "failed": len(dropped),
        "lastTry": [*batch.last_try, *server_ids],
    }
    dynamodb.update_if(executions.table(), _key(batch.ref), values, **_if_at(batch.status, batch.attempt))


def record_launches_into(batch: Batch, launches_into: Mapping[str, str]) -> None:
    """Record the EC2 instance that DRS launches each server into, "" for a new one."""
    unchanged = _if_at(batch.status, batch.attempt)
    dynamodb.update_if(executions.table(), _key(batch.ref), {"launchesInto": dict(launches_into)}, **unchanged)


def record_job(batch: Batch, job_id: str, started_at: str) -> bool:
    """Record the job of this attempt; return False when the batch has moved on."""
    return dynamodb.update_if(
        executions.table(),
        _key(batch.ref),
        {
            "status": BatchStatus.LAUNCHING,
            "jobId": job_id,
            "jobStartedAt": started_at,
            "startedAt": batch.started_at or started_at,
        },
        **_if_at(BatchStatus.STARTING, batch.attempt),
    )


def record_progress(ref: BatchRef, job_id: str, launched: int, failed: int) -> None:
    """Record how many servers the running job has launched so far, so that the record shows progress."""
    dynamodb.update_if(
        executions.table(),
        _key(ref),
        {"inFlightLaunched": launched, "inFlightFailed": failed},
        condition="#status = :launching AND #jobId = :job",
        given={"launching": BatchStatus.LAUNCHING, "job": job_id},
    )


def retry_batch(
    batch: Batch, attempt: Attempt, retry_ids: Collection[str], snapshots: Mapping[str, str] | None = None
) -> None:
    """Move the batch back to PENDING with the servers to try again, and drop the others that failed.

    `snapshots` has the snapshot to launch each server from, if that has changed.
    """
    dropped = [server_id for server_id in (*batch.dropped, *attempt.failed_ids) if server_id not in retry_ids]
    values = {"status": BatchStatus.PENDING, "serverIds": list(retry_ids), "dropped": dropped, "failed": len(dropped)}
    _close_attempt(batch, attempt, {**values, "snapshots": snapshots}, ["jobId", *_OF_ATTEMPT])


def close_batch(batch: Batch, attempt: Attempt, reason: str) -> None:
    """Settle the batch for this round."""
    failed = [*batch.dropped, *attempt.failed_ids]
    values = {"status": BatchStatus.SETTLED, "reason": reason, "endedAt": clock.iso()}
    _close_attempt(batch, attempt, {**values, "serverIds": failed, "failed": len(failed)}, ["dropped", "lastTry"])


def skip_batch(batch: Batch, reason: str) -> None:
    """Settle a batch whose servers were not tried. They have not failed, so their rows stay as they are."""
    values = {"status": BatchStatus.SETTLED, "reason": reason, "endedAt": clock.iso()}
    _close_attempt(batch, Attempt((), ()), values, [])


def _close_attempt(batch: Batch, attempt: Attempt, values: Mapping[str, Any], remove: list[str]) -> None:
    launched = attempt.launched_ids
    dynamodb.update_if(
        executions.table(),
        _key(batch.ref),
        {
            **values,
            "launched": batch.launched + len(launched),
            "optionalLaunched": batch.optional_launched + len(batch.optional.intersection(launched)),
        },
        remove=["inFlightLaunched", "inFlightFailed", *remove],
        append={"jobs": attempt.to_item(batch.attempt)} if attempt.job_id else None,
        **_if_at(batch.status, batch.attempt),
    )


def record_orphaned_job(batch: Batch, job_id: str, started_at: str) -> bool:
    """Record a job that no machine polls: DRS started it after the batch was closed, or beside the job of the attempt.

    Return False when it is on record.
    """
    row = dynamodb.get(executions.table(), _key(batch.ref)) or {}
    if any(job["jobId"] == job_id for job in row.get("jobs", ())):
        return False
    job = {
        "attempt": batch.attempt,
        "jobId": job_id,
        "startedAt": started_at,
        "launched": 0,
        "failed": 0,
        "orphaned": True,
    }
    dynamodb.update(executions.table(), _key(batch.ref), {}, append={"jobs": job})
    return True


def start_round(batch: Batch, round_: int) -> bool:
    """Open a settled batch for another round with the servers that failed; return False when that has been done."""
    return dynamodb.update_if(
        executions.table(),
        _key(batch.ref),
        {"status": BatchStatus.PENDING, "failed": 0, "round": round_, "attemptsBefore": batch.attempt},
        remove=["jobId", "endedAt", "reason", *_OF_ATTEMPT],
        **_if_at(BatchStatus.SETTLED, batch.attempt),
    )


def record_results(ref: BatchRef, results: Sequence[ServerResult]) -> None:
    """Write each server's result. A server that is LAUNCHED stays so, whatever a late task writes.

    These are single conditional updates, a few at a time. A transaction would cost twice as much, and one server that
    was written before would make it refuse all the others.
    """
    now = clock.iso()
    dynamodb.write_each(lambda result: _record_result(ref, result, now), results)


def _record_result(ref: BatchRef, result: ServerResult, now: str) -> None:
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
    dynamodb.update_if(
        executions.table(),
        _server_key(ref, result.server_id),
        {**values, "status": result.status.value, "endedAt": now},
        remove=[name for name, value in values.items() if value is None and name not in kept],
        condition="#status <> :launched",
        given={"launched": ServerStatus.LAUNCHED.value},
    )


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
