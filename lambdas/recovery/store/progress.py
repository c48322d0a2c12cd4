"""Marks in META, WAVE# and BATCH# rows: a running job's stage, what is overdue, and batches that DRS keeps waiting.

Each mark is a conditional write, so that what follows from it, such as a message, happens once.
"""

from typing import Any

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.execution import OPEN_STATUSES, WaveStatus
from recovery.store import executions
from recovery.store.conditions import status_condition


def _key(execution_id: str, item: str) -> dict[str, str]:
    return {"executionId": execution_id, "item": item}


def _while_job_runs(job_id: str) -> tuple[str, dict[str, Any]]:
    return "#status = :launching AND #jobId = :job", {"launching": BatchStatus.LAUNCHING, "job": job_id}


# --- jobs -------------------------------------------------------------------------------------------------------
def record_stage(batch: Batch, job_id: str, stage: str, usual_seconds: int) -> None:
    """Record the stage of the running job, and that its log was read. `stageAt` is when the stage was first seen."""
    condition, given = _while_job_runs(job_id)
    now = clock.iso()
    values = {
        "stage": stage,
        "stageAt": now if stage != batch.stage else None,
        "logReadAt": now,
        "usualSeconds": usual_seconds,
    }
    key = _key(batch.ref.execution_id, batch.ref.sort_key)
    dynamodb.update_if(executions.table(), key, values, condition=condition, given=given)


def record_job_overdue(ref: BatchRef, job_id: str) -> bool:
    """Mark the running job as overdue; return False when it is marked already, or has ended."""
    condition, given = _while_job_runs(job_id)
    now = clock.iso()
    return dynamodb.update_if(
        executions.table(),
        _key(ref.execution_id, ref.sort_key),
        {"overdueAt": now},
        append={"overdueJobs": {"jobId": job_id, "at": now}},
        condition=f"{condition} AND attribute_not_exists(#overdueAt)",
        given=given,
    )


# --- RTO targets ------------------------------------------------------------------------------------------------
def record_run_overdue(execution_id: str) -> bool:
    """Mark an open run as past its RTO target; return False when it is marked already, or has ended."""
    is_open, given = status_condition(*OPEN_STATUSES)
    return _mark_overdue(_key(execution_id, "META"), is_open, given)


def record_wave_overdue(execution_id: str, wave: str) -> bool:
    """Mark a wave that has not ended as past its RTO target; return False when it is marked already, or has ended."""
    is_open, given = status_condition(*(status for status in WaveStatus if not status.is_final))
    return _mark_overdue(_key(execution_id, f"WAVE#{wave}"), is_open, given)


def record_reminder(execution_id: str, wave: str) -> bool:
    """Mark a wave that waits for an approval as reminded of; return False when it is marked, or waits no more."""
    is_waiting, given = status_condition(WaveStatus.AWAITING_APPROVAL)
    return dynamodb.update_if(
        executions.table(),
        _key(execution_id, f"WAVE#{wave}"),
        {"remindedAt": clock.iso()},
        condition=f"{is_waiting} AND attribute_not_exists(#remindedAt)",
        given=given,
    )


def _mark_overdue(key: dict[str, str], condition: str, given: dict[str, Any]) -> bool:
    return dynamodb.update_if(
        executions.table(),
        key,
        {"overdueAt": clock.iso()},
        condition=f"{condition} AND attribute_not_exists(#overdueAt)",
        given=given,
    )


# --- batches that DRS keeps waiting -----------------------------------------------------------------------------
def record_outage(ref: BatchRef, reason: str) -> None:
    """Mark the batch as kept waiting by DRS, unless it is settled or marked already."""
    dynamodb.update_if(
        executions.table(),
        _key(ref.execution_id, ref.sort_key),
        {"outageSince": clock.iso(), "outageReason": reason},
        condition="attribute_exists(#status) AND #status <> :settled AND attribute_not_exists(#outageSince)",
        given={"settled": BatchStatus.SETTLED},
    )


def end_outage(batch: Batch) -> None:
    """Move the mark to the list of those that are over; do nothing without a mark."""
    if batch.outage_since is None:
        return
    dynamodb.update_if(
        executions.table(),
        _key(batch.ref.execution_id, batch.ref.sort_key),
        {},
        append={"outages": batch.ended_outage},
        remove=["outageSince", "outageReason"],
        condition="#outageSince = :since",
        given={"since": batch.outage_since},
    )
