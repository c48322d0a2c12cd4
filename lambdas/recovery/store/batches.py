"""BATCH# rows: the batches of a run. `inspections` creates them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Attempt, Batch, BatchRef, BatchStatus
from recovery.domain.execution import ServerStatus
from recovery.domain.inspection import WaveTargetSummary
from recovery.domain.tally import Tally
from recovery.store import executions, inspections, server_results

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
    """Move the batch back to PENDING with the servers to try again, and drop the others that failed.

    All of them have failed so far, and still have if no further job tries them. `snapshots` has the snapshot to launch
    each server from, if that has changed.
    """
    dropped = [server_id for server_id in (*batch.dropped, *attempt.failed_ids) if server_id not in retry_ids]
    failed = len(dropped) + len(retry_ids)
    values = {"status": BatchStatus.PENDING, "serverIds": list(retry_ids), "dropped": dropped, "failed": failed}
    _close_attempt(batch, attempt, {**values, "snapshots": snapshots}, ["jobId", *_OF_ATTEMPT])


def close_batch(batch: Batch, attempt: Attempt, reason: str) -> None:
    """Settle the batch for this round."""
    failed = [*batch.dropped, *attempt.failed_ids]
    values = {"status": BatchStatus.SETTLED, "reason": reason, "endedAt": clock.iso()}
    _close_attempt(batch, attempt, {**values, "serverIds": failed, "failed": len(failed)}, ["dropped", "lastTry"])


def skip_batch(batch: Batch, reason: str) -> None:
    """Settle a batch whose servers were not tried, or not again. Their rows stay as they are, and are counted.

    A function that was killed may have written results that the batch does not count yet.
    """
    statuses = server_results.read_statuses(batch.ref)
    launched = [each for each in batch.server_ids if statuses.get(each) is ServerStatus.LAUNCHED]
    failed = [each for each in batch.server_ids if statuses.get(each) is ServerStatus.FAILED]
    values = {
        "status": BatchStatus.SETTLED,
        "reason": reason,
        "endedAt": clock.iso(),
        "serverIds": [each for each in batch.server_ids if each not in launched],
        "failed": len(batch.dropped) + len(failed),
    }
    _close_attempt(batch, Attempt(launched, failed), values, [])


# What is known of the running job.
_OF_JOB = ("launchedInJob", "failedInJob", "stage", "stageAt", "logReadAt", "usualSeconds", "overdueAt")


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
        remove=[*_OF_JOB, "outageSince", "outageReason", *remove],
        append={
            **({"jobs": attempt.to_item(batch.attempt)} if attempt.job_id else {}),
            **({"outages": batch.ended_outage} if batch.outage_since else {}),
        },
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
        {"status": BatchStatus.PENDING, "round": round_, "attemptsBefore": batch.attempt},
        remove=["jobId", "endedAt", "reason", *_OF_ATTEMPT],
        **_if_at(BatchStatus.SETTLED, batch.attempt),
    )
