"""BATCH# rows: the batches of a run, with the results of their servers. `inspections` creates them.

What happens to a batch and to its servers in one moment is one write. So a function that is killed leaves either all of
it on record or nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.launch_failures import FailureKind, LaunchFailure
from recovery.domain.server_result import Attempt, Recorded, ServerResult, add_results
from recovery.domain.tally import Tally
from recovery.errors import AwsUnavailable
from recovery.packing import pack
from recovery.store import executions, inspections
from recovery.store.batch_servers import MAX_CHANGES

# What a batch's row keeps of the start of an attempt, until the next attempt or round.
_OF_CONFLICT = ("conflicts", "conflictSince", "conflictServer")
_OF_ATTEMPT = ("intentAt", "unansweredSince", "startRepeated", "lastTry", *_OF_CONFLICT)


def _key(ref: BatchRef) -> dict[str, str]:
    return {"executionId": ref.execution_id, "item": ref.sort_key}


def _if_at(status: BatchStatus, attempt: int) -> dict[str, Any]:
    """The condition that the batch is still at this status of this attempt."""
    return {"condition": "#status = :status AND #attempt = :attempt", "given": {"status": status, "attempt": attempt}}


def get_batch(ref: BatchRef) -> Batch:
    """Read a batch. Raise KeyError when there is none, which only a defect of a state machine can cause."""
    item = dynamodb.get(executions.table(), _key(ref))
    if item is None:
        raise KeyError(f"no row {ref.sort_key} in execution {ref.execution_id}")
    return replace(Batch.from_item(item), ref=ref)  # its key decides in which account and Region it is launched


def list_batches(execution_id: str, wave: str | None = None) -> list[Batch]:
    """Read the batches of a wave, or of all waves."""
    rows = executions.query_rows(execution_id, f"BATCH#{wave}#" if wave else "BATCH#")
    return [Batch.from_item(row) for row in rows if row["item"] == BatchRef.from_event(row).sort_key]


def find_batch_of_job(execution_id: str, job_id: str) -> BatchRef | None:
    """The batch that this job is or was of; None if the run has no such job."""
    for row in executions.query_rows(execution_id, "BATCH#"):
        if job_id == row.get("jobId") or any(job_id == job["jobId"] for job in row.get("jobs", ())):
            return BatchRef.from_event(row)
    return None


def tally_servers(execution_id: str, wave: str | None = None) -> Tally:
    """Count the servers of a wave, or of the run, by outcome."""
    return tally(list_batches(execution_id, wave), inspections.list_summaries(execution_id, wave))


def tally_waves(execution_id: str) -> dict[str, Tally]:
    """Count the servers of each wave by outcome; waves without servers are left out."""
    counted: dict[str, Tally] = {}
    for batch in list_batches(execution_id):
        counted[batch.ref.wave] = counted.get(batch.ref.wave, Tally()) + batch.tally
    for summary in inspections.list_summaries(execution_id):
        counted[summary.wave] = counted.get(summary.wave, Tally()) + summary.tally
    return counted


def tally(batches: Iterable[Batch], summaries: Iterable[WaveTargetSummary]) -> Tally:
    """Count the servers by outcome: those in batches, and those that inspection excluded."""
    in_batches = sum((batch.tally for batch in batches), Tally())
    return sum((summary.tally for summary in summaries), in_batches)


def record_intent(batch: Batch, withheld: Mapping[str, str] | None = None, last_try: Collection[str] = ()) -> bool:
    """Record the intent to call StartRecovery for the servers that are not `withheld`.

    `withheld` has the reason for each server that is left out of the attempt; they are FAILED. Those of them in
    `last_try` are included again in the next attempt. Return False when another invocation has recorded its intent
    since the batch was read.
    """
    now, is_first, withheld = clock.iso(), batch.status is BatchStatus.PENDING, withheld or {}
    left = [server_id for server_id in batch.server_ids if server_id not in withheld]
    values = {
        "status": BatchStatus.STARTING,
        "attempt": batch.attempt + 1 if is_first else batch.attempt,
        "intentAt": batch.intent_at or (now if left else None),
        "unansweredSince": now if left else None,
        "startRepeated": True if batch.unanswered_since else None,
        **({"serverIds": left, "dropped": [*batch.dropped, *withheld]} if withheld else {}),
        **({"lastTry": [*batch.last_try, *last_try]} if last_try else {}),
    }
    is_unchanged = _if_at(batch.status, batch.attempt)
    if batch.unanswered_since:
        is_unchanged["condition"] += " AND #unansweredSince = :unanswered"
        is_unchanged["given"]["unanswered"] = batch.unanswered_since
    else:
        is_unchanged["condition"] += " AND attribute_not_exists(#unansweredSince)"
    return _write_with_results(batch, _withhold(batch, withheld), values, is_unchanged)


def _withhold(batch: Batch, withheld: Mapping[str, str]) -> list[ServerResult]:
    """The results of servers that are left out of an attempt: FAILED with the reason, to which the last one is added.

    A server whose earlier launch failed keeps that reason as well, and the kind of its cause.
    """
    results, on_record = [], batch.results if withheld else {}
    for server_id, reason in withheld.items():
        recorded = on_record.get(server_id, {})
        before = recorded.get("reason") or ""
        if before and not before.startswith(reason):
            reason = f"{reason}; before that: {before}"
        kind = FailureKind(recorded.get("cause") or FailureKind.NOT_STARTED)
        reason = max(reason, before, key=len)
        results.append(ServerResult(server_id, ServerStatus.FAILED, reason=reason, failure=LaunchFailure(kind, reason)))
    return results


def _write_with_results(
    batch: Batch,
    results: Sequence[ServerResult],
    values: Mapping[str, Any],
    is_unchanged: Mapping[str, Any],
    **more: Any,
) -> bool:
    """Write `values` to the batch, and add the results to those on record, in one write; False if it has moved on.

    `is_unchanged` is the condition on the batch, `more` goes to `update_parameters`. The sync of the cache may have
    added an instance to a result since the batch was read, and this must not be lost: the results are then added to
    what is on record by now. Raise AwsUnavailable if that happens again and again.
    """
    if not results:
        return dynamodb.update_if(executions.table(), _key(batch.ref), values, **more, **is_unchanged)
    now = clock.iso()
    for _ in range(MAX_CHANGES):
        merged = add_results(batch.results, results, now)
        as_read = "#results = :before" if batch.packed_results else "attribute_not_exists(#results)"
        given = {**is_unchanged["given"], **({"before": batch.packed_results} if batch.packed_results else {})}
        counted = {**values, "results": pack(merged), **_count(batch, merged)}
        condition = f"{is_unchanged['condition']} AND {as_read}"
        if dynamodb.update_if(executions.table(), _key(batch.ref), counted, **more, condition=condition, given=given):
            return True
        read = get_batch(batch.ref)
        if read.packed_results == batch.packed_results:  # so it was the other condition
            return False
        batch = replace(batch, packed_results=read.packed_results)
    raise AwsUnavailable(f"the results of {batch.ref.key} change again and again")


def _count(batch: Batch, results: Mapping[str, Recorded]) -> dict[str, int]:
    """The counts of a batch's servers, by their results on record."""
    launched = {server_id for server_id, result in results.items() if result["status"] == ServerStatus.LAUNCHED}
    failed = len(results) - len(launched)
    return {"launched": len(launched), "failed": failed, "optionalLaunched": len(batch.optional & launched)}


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


def record_left_out(batch: Batch, withheld: Mapping[str, str]) -> None:
    """Leave these servers out of the attempt, whose job has started without them; the next attempt includes them.

    `withheld` has the reason for each.
    """
    values = {
        "serverIds": [server_id for server_id in batch.server_ids if server_id not in withheld],
        "dropped": [*batch.dropped, *withheld],
        "lastTry": [*batch.last_try, *withheld],
    }
    _write_with_results(batch, _withhold(batch, withheld), values, _if_at(batch.status, batch.attempt))


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


def record_progress(ref: BatchRef, job_id: str, launched: Sequence[str], failed: Sequence[str]) -> None:
    """Record which servers the running job has launched so far, and which failed, so that the record shows progress."""
    dynamodb.update_if(
        executions.table(),
        _key(ref),
        {"launchedInJob": list(launched), "failedInJob": list(failed)},
        condition="#status = :launching AND #jobId = :job",
        given={"launching": BatchStatus.LAUNCHING, "job": job_id},
    )


def retry_batch(
    batch: Batch, attempt: Attempt, retry_ids: Collection[str], snapshots: Mapping[str, str] | None = None
) -> None:
    """Record the results, and move the batch back to PENDING with the servers to try again.

    The others that failed are dropped. All of them have failed so far, and still have if no further job tries them.
    `snapshots` has the snapshot to launch each server from, if that has changed.
    """
    dropped = [server_id for server_id in (*batch.dropped, *attempt.failed_ids) if server_id not in retry_ids]
    values = {"status": BatchStatus.PENDING, "serverIds": list(retry_ids), "dropped": dropped, "snapshots": snapshots}
    _close_attempt(batch, attempt, values, ["jobId", *_OF_ATTEMPT])


def close_batch(batch: Batch, attempt: Attempt, reason: str) -> None:
    """Record the results, and settle the batch for this round."""
    failed = [*batch.dropped, *attempt.failed_ids]
    values = {"status": BatchStatus.SETTLED, "reason": reason, "endedAt": clock.iso(), "serverIds": failed}
    _close_attempt(batch, attempt, values, ["dropped", "lastTry"])


def skip_batch(batch: Batch, reason: str) -> None:
    """Settle a batch whose servers were not tried, or not again. Their results stay as they are."""
    values = {"status": BatchStatus.SETTLED, "reason": reason, "endedAt": clock.iso()}
    _close_attempt(batch, Attempt(()), values, [])


# What is known of the running job.
_OF_JOB = ("launchedInJob", "failedInJob", "stage", "stageAt", "logReadAt", "usualSeconds", "overdueAt")


def _close_attempt(batch: Batch, attempt: Attempt, values: Mapping[str, Any], remove: list[str]) -> None:
    append = {
        **({"jobs": attempt.to_item(batch.attempt)} if attempt.job_id else {}),
        **({"outages": batch.ended_outage} if batch.outage_since else {}),
    }
    forgotten = [*_OF_JOB, "outageSince", "outageReason", *remove]
    is_unchanged = _if_at(batch.status, batch.attempt)
    _write_with_results(batch, attempt.results, values, is_unchanged, remove=forgotten, append=append)


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
        {"status": BatchStatus.PENDING, "round": round_, "attemptsBefore": batch.attempt},
        remove=["jobId", "endedAt", "reason", *_OF_ATTEMPT],
        **_if_at(BatchStatus.SETTLED, batch.attempt),
    )
