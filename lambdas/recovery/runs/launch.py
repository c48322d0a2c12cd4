"""Launches a batch: starts its DRS job, polls the job, and settles the batch with the result of each server."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain import readiness
from recovery.domain.batch import Attempt, Batch, BatchRef, BatchStatus, ServerResult
from recovery.domain.caught_errors import CaughtError
from recovery.domain.drs_shapes import Job, LaunchStatus
from recovery.domain.execution import ExecutionStatus, Mode, ServerStatus
from recovery.domain.polling import CapacityCheck, JobPoll, JobState
from recovery.domain.readiness import ServerFacts
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import DrsRefused, LateMessage, QuotaExceeded, RunHalted, RunPaused, ServerBusy
from recovery.settings import settings
from recovery.store import batches, executions, job_durations

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
        batch = _record_job(batch, job)
    executions.record_start(ref.execution_id)
    return JobPoll.of_new_job(str(batch.job_id), job_durations.expected_seconds(ref.target, mode))


def _record_job(batch: Batch, job: Job) -> Batch:
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
    launched, failed = job.count(LaunchStatus.LAUNCHED), job.count(LaunchStatus.FAILED)
    if (launched or failed) and not job.is_completed:
        batches.record_progress(ref, job_id, launched, failed)
    return JobPoll.of_job(job, expected_seconds)


# --- settle -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended, as the state machine saw it.

    `job_id` is the job that the machine polled, if any, and `error` the error that it caught, if any. A server is
    tried at most `launch_attempts` times.
    """

    job_id: str | None
    error: CaughtError | None
    launch_attempts: int

    @property
    def problem(self) -> str:
        """Why servers without a job failed."""
        return str(self.error or "no job was started")

    @property
    def was_refused(self) -> bool:
        """Whether DRS refused to start the job."""
        return self.error is not None and self.error.is_a(DrsRefused) and self.error.operation == "StartRecovery"

    @property
    def was_halted(self) -> bool:
        """Whether the run was cancelled or ended before the job could be started."""
        return self.error is not None and self.error.is_a(RunHalted)


class SettlementState(TypedDict):
    """The output of SettleBatch."""

    serversToRetry: int
    follow: JobState | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is left to do: servers to try again, or a job that is still running and has to be polled further."""

    servers_to_retry: int = 0
    follow: JobPoll | None = None

    def to_state(self) -> SettlementState:
        """The output of SettleBatch."""
        return {"serversToRetry": self.servers_to_retry, "follow": self.follow.to_state() if self.follow else None}


def settle_batch(ref: BatchRef, mode: Mode, outcome: AttemptOutcome) -> Settlement:
    """Record each server's result and release the batch's capacity.

    An error alone does not make a server fail: if DRS has a job for this attempt, use its results, or keep polling it
    if it is still running.
    """
    batch = batches.get_batch(ref)
    if earlier := _find_earlier_settlement(batch, outcome):
        return earlier
    job = _find_current_job(batch)
    if job is None:
        return _settle_without_job(batch, outcome)
    if not job.is_completed:
        return Settlement(follow=JobPoll.of_job(job, job_durations.expected_seconds(ref.target, mode)))
    return _settle_completed_job(batch, job, mode, outcome)


def _find_earlier_settlement(batch: Batch, outcome: AttemptOutcome) -> Settlement | None:
    """What is left to do if an earlier invocation settled this attempt, or if the batch now has another job."""
    has_ended = outcome.job_id or outcome.was_refused
    if batch.status is BatchStatus.PENDING and batch.attempt > batch.attempts_before and has_ended:
        capacity_leases.release_lease(batch, batch.attempt)
        return Settlement(len(batch.server_ids))
    if batch.status is BatchStatus.SETTLED or (outcome.job_id and batch.job_id != outcome.job_id):
        return Settlement()
    return None


def _find_current_job(batch: Batch) -> Job | None:
    """The job of the batch's attempt as DRS describes it now, found by its tag if its id was never recorded."""
    if batch.job_id is None:
        return drs.find_job(batch)
    try:
        return drs.describe_job(batch.ref.target, batch.job_id)
    except DrsRefused:  # DRS no longer knows it
        return None


def _settle_completed_job(batch: Batch, job: Job, mode: Mode, outcome: AttemptOutcome) -> Settlement:
    if batch.job_id is None:
        batch = _record_job(batch, job)
    job_durations.record_duration(batch.ref.target, mode, job)
    results = _build_results(batch, job)
    attempt = _build_attempt(results, job)
    may_retry = batch.attempt - batch.attempts_before < outcome.launch_attempts
    reason = f"{len(attempt.launched_ids)} launched, {len(attempt.failed_ids)} failed"
    return _end_attempt(batch, results, attempt, attempt.failed_ids if may_retry else (), reason)


def _settle_without_job(batch: Batch, outcome: AttemptOutcome) -> Settlement:
    """Settle an attempt that has no job: skip its servers if the run was halted, else fail them.

    When DRS refused the start, drop the servers that it will never launch, and try the others without them or from
    other snapshots.
    """
    if outcome.was_halted:
        capacity_leases.release_lease(batch, batch.lease_attempt)
        batches.skip_batch(batch, outcome.problem)
        return Settlement()
    refused = _find_refused_servers(batch) if outcome.was_refused else {}
    snapshots = _renew_snapshots(batch, refused) if outcome.was_refused else None
    results = [
        ServerResult(server_id, ServerStatus.FAILED, batch.job_id, reason=refused.get(server_id, outcome.problem))
        for server_id in batch.server_ids
    ]
    may_differ = refused or snapshots  # else the next attempt would be the same
    retry_ids = [server_id for server_id in batch.server_ids if server_id not in refused] if may_differ else []
    return _end_attempt(batch, results, _build_attempt(results), retry_ids, outcome.problem, snapshots)


def _end_attempt(
    batch: Batch,
    results: Sequence[ServerResult],
    attempt: Attempt,
    retry_ids: Collection[str],
    reason: str,
    snapshots: Mapping[str, str] | None = None,
) -> Settlement:
    """Record the results, then retry or close the batch.

    The lease is released before the batch is written: if the function is killed in between, the next invocation does
    both again.
    """
    batches.record_results(batch.ref, results)
    capacity_leases.release_lease(batch, batch.lease_attempt)
    if retry_ids:
        batches.retry_batch(batch, attempt, retry_ids, snapshots)
    else:
        batches.close_batch(batch, attempt, reason)
    return Settlement(len(retry_ids))


def _build_results(batch: Batch, job: Job) -> list[ServerResult]:
    launches = {launch.server_id: launch for launch in job.launches}
    results = []
    for server_id in batch.server_ids:
        launch = launches.get(server_id)
        if launch and launch.status == LaunchStatus.LAUNCHED:
            results.append(ServerResult(server_id, ServerStatus.LAUNCHED, job.job_id, launch.recovery_instance_id))
        else:
            reason = f"launch status {launch.status}" if launch else "the job does not name this server"
            reason = f"{job.job_id}: {reason}"
            results.append(ServerResult(server_id, ServerStatus.FAILED, batch.job_id, reason=reason))
    return results


def _build_attempt(results: Sequence[ServerResult], job: Job | None = None) -> Attempt:
    launched = [result.server_id for result in results if result.status is ServerStatus.LAUNCHED]
    failed = [result.server_id for result in results if result.status is ServerStatus.FAILED]
    if job is None:
        return Attempt(launched, failed)
    return Attempt(launched, failed, job.job_id, job.created_at, job.ended_at)


def _find_refused_servers(batch: Batch) -> dict[str, str]:
    """The servers that DRS will never launch, with the reason, as far as can be told: DRS does not name them."""
    known = {server.server_id: server for server in drs.describe_source_servers(batch.ref.target, batch.server_ids)}
    refused = {}
    for server_id in batch.server_ids:
        if server_id not in known:
            refused[server_id] = "DRS no longer knows it"
        elif (verdict := readiness.judge_server(ServerFacts(known[server_id].replication_state), None, 0)).is_blocked:
            refused[server_id] = "; ".join(verdict.reasons)
    return refused


def _renew_snapshots(batch: Batch, refused: dict[str, str]) -> dict[str, str] | None:
    """The snapshot to launch each server from now; None when nothing has changed. Add servers without one to `refused`.

    DRS keeps ten-minute snapshots for an hour and hourly ones for a day. A wave that starts long after its inspection
    may find that a snapshot is gone, and is then launched from an older one.
    """
    if not batch.snapshots:
        return None
    point_in_time, renewed = executions.get_run(batch.ref.execution_id).point_in_time, dict[str, str]()
    for server_id in batch.server_ids:
        if server_id in refused:
            continue
        if snapshot := drs.find_newest_snapshot(batch.ref.target, server_id, point_in_time):
            renewed[server_id] = snapshot.snapshot_id
        else:
            refused[server_id] = "DRS no longer has a snapshot of it from the requested point in time or before"
        clock.sleep(1 / settings().calls_per_second)
    before = {server_id: snapshot for server_id, snapshot in batch.snapshots.items() if server_id in renewed}
    return renewed if renewed != before else None
