"""Launches a batch: leases capacity, starts its DRS job and polls the job."""

from aws_lambda_powertools import Logger

from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.execution import ExecutionStatus, Mode
from recovery.domain.polling import CapacityCheck, JobPoll
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import LateMessage, QuotaExceeded, RunHalted, RunPaused, ServerBusy
from recovery.runs.watch import overdue
from recovery.store import batches, executions, job_durations, progress

logger = Logger(child=True)


# --- capacity ---------------------------------------------------------------------------------------------------
def check_capacity(ref: BatchRef, checks: int) -> CapacityCheck:
    """Lease capacity for the batch's next job, unless the run is paused; `checks` counts the checks before this one.

    Raise LateMessage when the batch is settled, RunHalted, CapacityTimeout.
    """
    batch = batches.get_batch(ref)
    if batch.status is BatchStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    paused = _is_paused(batch)
    granted = not paused and capacity_leases.acquire_lease(batch)
    if granted:
        progress.end_outage(batch)
    return CapacityCheck(granted, batch.lease_attempt, checks + 1, paused)


def _is_paused(batch: Batch) -> bool:
    """Whether the batch waits for the run to be resumed. A batch with a job does not. Raise RunHalted."""
    if _require_running(batch.ref.execution_id):
        return False
    return batch.job_id is None and (batch.status is BatchStatus.PENDING or drs.find_job(batch) is None)


def _require_running(execution_id: str) -> bool:
    """Return False when the run is paused. Raise RunHalted when it was cancelled or has ended."""
    run = executions.get_run(execution_id)
    if run.is_halted:
        raise RunHalted(run.halted_because)
    return run.status is not ExecutionStatus.PAUSED


# --- start ------------------------------------------------------------------------------------------------------
def start_batch(ref: BatchRef, mode: Mode, attempt: int) -> JobPoll:
    """Start the job of this attempt, or return the one that was started; a repeated call starts nothing twice.

    Raise LateMessage when the batch is past this attempt, RunHalted when the run was cancelled or has ended,
    RunPaused, and what DRS raises. After RunPaused, ServerBusy and QuotaExceeded the batch's capacity is released, so
    that others can use it while the batch waits.
    """
    batch = batches.get_batch(ref)
    if batch.status is BatchStatus.PENDING:
        _require_running(ref.execution_id)
    is_reentry = batch.status is not BatchStatus.PENDING or not batches.record_intent(batch)
    batch = batches.get_batch(ref)
    if batch.attempt != attempt or not batch.status.is_in_attempt:
        raise LateMessage(
            f"{ref.key} is {batch.status} at attempt {batch.attempt}, past the start of attempt {attempt}"
        )
    if batch.job_id is None:
        job = drs.find_job(batch) if is_reentry else None
        try:
            if job is None and is_reentry and not _require_running(ref.execution_id):
                raise RunPaused(f"{ref.execution_id} is paused, and {ref.key} has no job yet")
            job = job or drs.start_recovery(batch, mode)
        except (RunPaused, ServerBusy, QuotaExceeded):
            capacity_leases.release_lease(batch, attempt)
            raise
        batch = record_job(batch, job)
    executions.record_start(ref.execution_id)
    return JobPoll.of_new_job(str(batch.job_id), job_durations.expected_seconds(ref.target, mode))


def record_job(batch: Batch, job: Job) -> Batch:
    """Record the job of the batch's attempt. Raise LateMessage when the batch has another job or has moved on."""
    if batches.record_job(batch, job.job_id, job.created_at):
        return batches.get_batch(batch.ref)
    batch = batches.get_batch(batch.ref)
    if batch.job_id != job.job_id:
        # The run was closed while DRS was starting the job. A run that continues this one finds the job by its tag.
        batches.record_orphaned_job(batch, job.job_id, job.created_at)
        logger.critical("no batch follows this job", extra={"batch": batch.ref.key, "job": job.job_id})
        raise LateMessage(f"{job.job_id} runs for {batch.ref.key}, which has moved on to {batch.status}")
    return batch


# --- poll -------------------------------------------------------------------------------------------------------
def poll_batch(ref: BatchRef, job_id: str, expected_seconds: int) -> JobPoll:
    """Poll the job once and record its progress."""
    job = drs.describe_job(ref.target, job_id)
    launched = [launch.server_id for launch in job.launches if launch.status == LaunchStatus.LAUNCHED]
    failed = [launch.server_id for launch in job.launches if launch.status == LaunchStatus.FAILED]
    if (launched or failed) and not job.is_completed:
        batches.record_progress(ref, job_id, launched, failed)
    if not job.is_completed:
        overdue.follow_job(ref, job, expected_seconds)
    return JobPoll.of_job(job, expected_seconds)
