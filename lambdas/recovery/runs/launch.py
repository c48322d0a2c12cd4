"""The life of a batch: its job is started, looked at until it has ended, and its servers' results are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.aws.caught_errors import CaughtError
from recovery.domain import readiness
from recovery.domain.batch import Attempt, Batch, BatchRef, ServerResult
from recovery.domain.drs_shapes import Job
from recovery.domain.execution import ExecutionStatus, Mode, ServerStatus
from recovery.domain.polling import JobPoll
from recovery.domain.readiness import ServerFacts
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import DrsRefused, LateMessage, QuotaExceeded, RunHalted, RunPaused, ServerBusy
from recovery.settings import settings
from recovery.store import batches, executions, job_durations

logger = Logger(child=True)


def start_batch(ref: BatchRef, mode: Mode, attempt: int) -> JobPoll:
    """Start the job of this attempt once, however often this is called.

    Raise LateMessage when the batch is past this attempt, RunHalted when nothing may start any more, RunPaused, and
    what DRS raises. After RunPaused, ServerBusy and QuotaExceeded the batch's capacity is given back, for others to
    use while it waits.
    """
    batch = batches.get_batch(ref)
    if batch.status == "PENDING":
        require_running(ref.execution_id)
    is_reentry = batch.status != "PENDING" or not batches.record_intent(batch)
    batch = batches.get_batch(ref)
    if batch.attempt != attempt or batch.status not in ("STARTING", "LAUNCHING"):
        raise LateMessage(
            f"{ref.key} is {batch.status} at attempt {batch.attempt}, past the start of attempt {attempt}"
        )
    if batch.job_id is None:
        job = drs.find_job(batch) if is_reentry else None
        try:
            if job is None and is_reentry and not require_running(ref.execution_id):
                raise RunPaused(f"{ref.execution_id} is paused, and {ref.key} has no job yet")
            job = job or drs.start_recovery(batch, mode)
        except (RunPaused, ServerBusy, QuotaExceeded):
            capacity_leases.release_lease(batch, attempt)
            raise
        batch = _record_job(batch, job)
    executions.begin_polling(ref.execution_id)
    expected = job_durations.expected_seconds(ref.target, mode)
    return JobPoll.of_new_job(str(batch.job_id), expected)


def require_running(execution_id: str) -> bool:
    """Is the run not paused? Raise RunHalted when it was cancelled or is over."""
    run = executions.get_run(execution_id)
    if run.is_halted:
        raise RunHalted(run.halted_because)
    return run.status is not ExecutionStatus.PAUSED


def is_paused(batch: Batch) -> bool:
    """Does a pause hold the batch? Not when it has a job, which has to be followed. Raise RunHalted."""
    if require_running(batch.ref.execution_id):
        return False
    return batch.job_id is None and (batch.status == "PENDING" or drs.find_job(batch) is None)


def _record_job(batch: Batch, job: Job) -> Batch:
    if not batches.record_job(batch, job.job_id, job.created_at):
        batch = batches.get_batch(batch.ref)
        if batch.job_id != job.job_id:
            # The run was closed while DRS was starting it. Whoever continues the run finds it by its tag.
            batches.record_orphaned_job(batch, job.job_id, job.created_at)
            logger.critical("a job runs that nobody follows", extra={"batch": batch.ref.key, "job": job.job_id})
            raise LateMessage(f"{job.job_id} runs for {batch.ref.key}, which has moved on to {batch.status}")
        return batch
    return batches.get_batch(batch.ref)


def poll_batch(ref: BatchRef, job_id: str, expected_seconds: int) -> JobPoll:
    """Look at the job once and keep how far it is."""
    job = drs.describe_job(ref.target, job_id)
    launched, failed = job.count("LAUNCHED"), job.count("FAILED")
    if (launched or failed) and not job.is_completed:
        batches.record_progress(ref, job_id, launched, failed)
    return JobPoll.of_job(job, expected_seconds)


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt came to its end, as the state machine saw it.

    `job_id` is the job it followed, if any, and `error` the error that it caught, if any. `launch_attempts` is how
    often a server is tried at most.
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


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is left to do: servers to try again, or a job that runs after all and has to be followed."""

    servers_to_retry: int = 0
    follow: JobPoll | None = None

    def to_state(self) -> dict[str, Any]:
        """The output of SettleBatch."""
        return {"serversToRetry": self.servers_to_retry, "follow": self.follow.to_state() if self.follow else None}


def settle_batch(ref: BatchRef, mode: Mode, end: AttemptOutcome) -> Settlement:
    """Keep each server's result and give the batch's capacity back.

    A problem alone fails no server: if DRS has a job of this attempt, its results count, and one that still runs is
    followed on. A message about another job than the batch's comes late and changes nothing. When DRS refused the
    start, the servers it will never launch are dropped, and the others are tried without them.
    """
    batch = batches.get_batch(ref)
    problem, was_refused = end.problem, end.was_refused
    if batch.status == "PENDING" and batch.attempt > batch.attempts_before and (end.job_id or was_refused):
        # settled by an earlier try of this task
        capacity_leases.release_lease(batch, batch.attempt)
        return Settlement(len(batch.server_ids))
    if batch.status == "SETTLED" or (end.job_id and batch.job_id != end.job_id):
        return Settlement(0)
    job = _current_job(batch)
    if job and not job.is_completed:
        return Settlement(follow=JobPoll.of_job(job, job_durations.expected_seconds(ref.target, mode)))
    if job and batch.job_id is None:
        batch = _record_job(batch, job)
    if job:
        job_durations.record_duration(ref.target, mode, job)
    if not job and end.was_halted:
        capacity_leases.release_lease(batch, batch.lease_attempt)
        batches.skip_batch(batch, problem)
        return Settlement(0)
    refused = _find_refused_servers(batch) if was_refused and not job else {}
    renewed = _renew_snapshots(batch, refused) if was_refused and not job else None
    results = _build_results(batch, job, problem, refused)
    batches.record_results(ref, results)
    attempt = _build_attempt(job, results)
    if job:
        again = attempt.failed_ids if batch.attempt - batch.attempts_before < end.launch_attempts else ()
    else:  # what is refused for others' sake is tried without them; each time there are fewer
        again = (
            [server_id for server_id in attempt.failed_ids if server_id not in refused] if refused or renewed else ()
        )
    # First the lease, then the batch's last word: killed in between, the next try does both again.
    capacity_leases.release_lease(batch, batch.lease_attempt)
    if again:
        batches.retry_batch(batch, attempt, again, renewed)
        return Settlement(len(again))
    said = f"{len(attempt.launched_ids)} launched, {len(attempt.failed_ids)} failed"
    batches.close_batch(batch, attempt, said if job else problem)
    return Settlement(0)


def _build_attempt(job: Job | None, results: Sequence[ServerResult]) -> Attempt:
    launched = [result.server_id for result in results if result.status is ServerStatus.LAUNCHED]
    failed = [result.server_id for result in results if result.status is ServerStatus.FAILED]
    times = (job.job_id, job.created_at, job.ended_at) if job else (None, None, None)
    return Attempt(launched, failed, *times)


def _find_refused_servers(batch: Batch) -> dict[str, str]:
    """Why DRS will never launch each of these servers, if that can be seen: it does not say for whom it refused."""
    known = {server.server_id: server for server in drs.describe_source_servers(batch.ref.target, batch.server_ids)}
    refused = {}
    for server_id in batch.server_ids:
        if server_id not in known:
            refused[server_id] = "DRS no longer knows it"
        elif (verdict := readiness.judge_server(ServerFacts(known[server_id].replication_state), None, 0)).is_blocked:
            refused[server_id] = "; ".join(verdict.reasons)
    return refused


def _current_job(batch: Batch) -> Job | None:
    """The job of the batch's attempt as DRS has it now, found by its tag if its id never came back."""
    if batch.job_id is None:
        return drs.find_job(batch)
    try:
        return drs.describe_job(batch.ref.target, batch.job_id)
    except DrsRefused:  # DRS no longer knows it
        return None


def _renew_snapshots(batch: Batch, refused: dict[str, str]) -> dict[str, str] | None:
    """What each server is launched from now, None when that is what it was; one without a snapshot is refused.

    DRS keeps snapshots of ten minutes for an hour, of an hour for a day. A wave that starts long after it was
    inspected may find that its snapshot is gone, and an older one stands in for it.
    """
    if not batch.snapshots:
        return None
    until, found = executions.get_run(batch.ref.execution_id).point_in_time, dict[str, str]()
    for server_id in batch.server_ids:
        if server_id in refused:
            continue
        if snapshot := drs.find_newest_snapshot(batch.ref.target, server_id, until):
            found[server_id] = snapshot.snapshot_id
        else:
            refused[server_id] = "DRS no longer has a snapshot of it from the point in time asked for, or before"
        clock.sleep(1 / settings().calls_per_second)
    before = {server_id: snapshot for server_id, snapshot in batch.snapshots.items() if server_id in found}
    return found if found != before else None


def _build_results(batch: Batch, job: Job | None, problem: str, refused: Mapping[str, str]) -> list[ServerResult]:
    launches = {launch.server_id: launch for launch in job.launches} if job else {}
    results = []
    for server_id in batch.server_ids:
        launch = launches.get(server_id)
        if job and launch and launch.status == "LAUNCHED":
            results.append(ServerResult(server_id, ServerStatus.LAUNCHED, job.job_id, launch.recovery_instance_id))
        else:
            why = f"{job.job_id}: {_failure_reason(launch.status if launch else None)}" if job else problem
            why = refused.get(server_id, why)
            results.append(ServerResult(server_id, ServerStatus.FAILED, batch.job_id, reason=why))
    return results


def _failure_reason(launch_status: str | None) -> str:
    return f"launch status {launch_status}" if launch_status else "the job does not name this server"
