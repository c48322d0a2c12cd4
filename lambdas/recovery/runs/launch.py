"""Launches a batch: leases capacity, starts its DRS job and polls the job."""

import time
from collections.abc import Iterable
from dataclasses import replace

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.caught_errors import describe_call
from recovery.domain.drs_shapes.jobs import Job, LaunchStatus
from recovery.domain.execution import ExecutionStatus, Run
from recovery.domain.polling import MIN_POLL_SECONDS, CapacityCheck, JobPoll
from recovery.drs import busy_servers, capacity_leases
from recovery.drs import client as drs
from recovery.drs.busy_servers import ConflictVerdict
from recovery.drs.visibility import UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS
from recovery.errors import (
    CircuitOpen,
    DrsRefused,
    DrsThrottled,
    DrsWavesError,
    JobNotVisible,
    LateMessage,
    NothingToLaunch,
    QuotaExceeded,
    RateBudgetExhausted,
    RunHalted,
    RunPaused,
    ServerBusy,
    StartUnanswered,
    TargetAccessDenied,
    TargetNotInitialized,
    TargetNotRegistered,
)
from recovery.observability import operator_messages
from recovery.runs import live_instances
from recovery.runs.inspection import configurations
from recovery.runs.watch import overdue
from recovery.store import batches, executions, job_durations, progress
from recovery.target_errors import SettingsNotApplied

logger = Logger(child=True)

# Real seconds for the checks before StartRecovery. Its answer may take 120 of the function's 180 seconds.
PREPARATION_SECONDS = 50

# The errors after which StartRecovery has surely started no job. The last three are raised before the call.
REFUSALS = (
    DrsThrottled,
    ServerBusy,
    QuotaExceeded,
    DrsRefused,
    TargetAccessDenied,
    TargetNotInitialized,
    RateBudgetExhausted,
    CircuitOpen,
    TargetNotRegistered,
)


# --- capacity ---------------------------------------------------------------------------------------------------
def check_capacity(ref: BatchRef, checks: int) -> CapacityCheck:
    """Lease capacity for the batch's next job, unless the run is paused; `checks` counts the checks before this one.

    Raise LateMessage when the batch is settled, RunHalted, JobTooLarge.
    """
    batch = batches.get_batch(ref)
    if batch.status is BatchStatus.SETTLED:
        raise LateMessage(f"{ref.key} is settled already")
    paused = _is_paused(batch)
    granted, ends_in = not paused and capacity_leases.acquire_lease(batch), list[float]()
    if not granted and not paused:
        ends_in = capacity_leases.list_ends(ref.target, job_durations.expected_seconds(ref.target, ref.mode))
    return CapacityCheck(granted, batch.lease_attempt, checks + 1, paused, ends_in)


def _is_paused(batch: Batch) -> bool:
    """Whether the batch waits for the run to be resumed. Raise RunHalted.

    A batch with a job does not wait, nor one whose job may still appear: StartRecovery finds out first.
    """
    if batch.job_id is None and is_unanswered(batch):
        return False
    if require_running(batch.ref.execution_id).status is not ExecutionStatus.PAUSED:
        return False
    return batch.job_id is None and (batch.status is BatchStatus.PENDING or drs.find_job(batch) is None)


def require_running(execution_id: str) -> Run:
    """The run, which may be paused. Raise RunHalted when it was cancelled or has ended."""
    run = executions.get_requested_run(execution_id)
    if run.is_halted:
        raise RunHalted(run.halted_because)
    return run


# --- start ------------------------------------------------------------------------------------------------------
def start_batch(ref: BatchRef, attempt: int) -> JobPoll:
    """Start the job of this attempt, or return the one that was started; a repeated call starts nothing twice.

    Raise LateMessage when the batch is past this attempt, RunHalted when the run was cancelled or has ended,
    RunPaused, SettingsNotApplied, NothingToLaunch, StartUnanswered while a job of an earlier call may still appear, and
    what DRS raises. If the batch has to wait, and does not wait for such a job, others can use its capacity meanwhile.
    """
    began = time.monotonic()
    batch = _get_batch_at(ref, attempt)
    if batch.job_id is None:
        job = find_job_of_attempt(batch)
        if job is None:
            try:
                batch, skipped = _prepare_start(batch, attempt, began)
                job = _start_job(batch, skipped)
            except (RunPaused, ServerBusy, QuotaExceeded, SettingsNotApplied):
                if not is_unanswered(batches.get_batch(ref)):  # unless another try of the task is calling StartRecovery
                    capacity_leases.release_lease(batch, attempt)
                raise
            batch = record_job(batch, job)
            batch = _withhold_skipped(batch, skipped) if skipped else batch
        else:
            batch = record_job(batch, job)
    progress.end_outage(batch)
    executions.record_start(ref.execution_id)
    return JobPoll.of_new_job(str(batch.job_id), job_durations.expected_seconds(ref.target, ref.mode))


def _get_batch_at(ref: BatchRef, attempt: int) -> Batch:
    """The batch, which is at this attempt or about to begin it. Raise LateMessage."""
    batch = batches.get_batch(ref)
    if batch.status is BatchStatus.SETTLED or batch.lease_attempt != attempt:
        raise LateMessage(
            f"{ref.key} is {batch.status} at attempt {batch.attempt}, past the start of attempt {attempt}"
        )
    return batch


def is_unanswered(batch: Batch) -> bool:
    """Whether the last call of StartRecovery has no answer on record, and its job may still appear."""
    if batch.unanswered_since is None or not batch.status.is_in_attempt:
        return False
    return clock.now() - clock.parse_iso(batch.unanswered_since) < UNANSWERED_SECONDS


def find_job_of_attempt(batch: Batch) -> Job | None:
    """The job of a batch that has none on record, by its tags. Raise StartUnanswered while one may still appear.

    Of several jobs the earliest is returned and the others are recorded as orphaned.
    """
    jobs = drs.find_jobs(batch) if batch.status.is_in_attempt else []
    if not jobs and is_unanswered(batch):
        raise StartUnanswered(
            f"{describe_call('StartRecovery', batch.ref.target.key)}: there was no answer to the call of "
            f"{batch.unanswered_since}; its job may still appear until {UNANSWERED_SECONDS // 60} minutes after it"
        )
    record_other_jobs(batch, jobs[1:])
    return jobs[0] if jobs else None


def find_current_job(batch: Batch) -> Job | None:
    """The job of the batch's attempt as DRS describes it now; None when there is none, or none any more.

    Raise StartUnanswered while DRS need not show it yet.
    """
    if batch.job_id is None:
        return find_job_of_attempt(batch)
    try:
        return drs.describe_job(batch.ref.target, batch.job_id)
    except DrsRefused:
        return None
    except JobNotVisible as error:
        if may_be_invisible(batch, batch.job_id):
            raise StartUnanswered(f"{error.message}, which was started a moment ago") from error
        return None


def record_other_jobs(batch: Batch, jobs: Iterable[Job]) -> None:
    """Record further jobs that DRS accepted for the same attempt; no machine follows them."""
    for job in jobs:
        if batches.record_orphaned_job(batch, job.job_id, job.created_at):
            logger.critical("DRS started a second job", extra={"batch": batch.ref.key, "job": job.job_id})


def _prepare_start(batch: Batch, attempt: int, began: float) -> tuple[Batch, tuple[str, ...]]:
    """Leave out the servers that must not or cannot be launched, and record that StartRecovery is about to be called.

    Return the batch, and the servers that this call leaves out to find one in a conflict. Raise RunHalted, RunPaused,
    SettingsNotApplied, NothingToLaunch, ServerBusy, and what DRS and EC2 raise.

    The servers are held first: from then on, no other batch of drs-waves starts a job with them. The jobs are read
    before the instances: a job that runs now may be launching an instance that DRS does not show yet.
    """
    run = require_running(batch.ref.execution_id)
    if run.status is ExecutionStatus.PAUSED:
        raise RunPaused(f"{run.execution_id} is paused, and {batch.ref.key} has no job yet")
    live_instances.require_members(batch)
    launches_into = {} if run.replace_existing else configurations.read_launches_into(batch, run.requested_at)
    _hold_servers(batch, attempt)
    jobs = drs.list_recent_jobs(batch.ref.target)
    conflict = _judge_conflict(batch, jobs)
    # Only a start needs it. Functions that settle batches import this module too, and start faster without it.
    from recovery.launch_settings import before_start

    obstacles = before_start.find_unsuitable(run, batch)
    if not run.replace_existing:
        live_instances.require_named_launches(batch.ref, jobs, clock.now())
        obstacles |= live_instances.find_obstacles(batch.ref.target, batch.server_ids, launches_into, jobs)
    if time.monotonic() - began > PREPARATION_SECONDS:
        raise RateBudgetExhausted(f"{batch.ref.target.key}: the checks before the start took long; it follows shortly")
    withheld = {**conflict.withheld, **obstacles}
    if not batches.record_intent(batch, withheld, conflict.withheld.keys() - obstacles.keys()):
        raise StartUnanswered(f"{batch.ref.key}: another try of the task is calling StartRecovery")
    if withheld:
        logger.warning("servers left out", extra={"batch": batch.ref.key, "servers": withheld})
        operator_messages.send_servers_withheld(run, batch.ref, withheld)
    # Others can write the batch's row meanwhile. What was checked is launched, whatever the row says now.
    checked = tuple(server_id for server_id in batch.server_ids if server_id not in withheld)
    snapshots = batch.snapshots if run.point_in_time else {}
    batch = replace(_get_batch_at(batch.ref, attempt), server_ids=checked, snapshots=snapshots)
    if not batch.server_ids:
        raise NothingToLaunch(f"{batch.ref.key}: no server is left to launch; each has its reason")
    skipped = tuple(server_id for server_id in conflict.skipped if server_id in batch.server_ids)
    return batch, skipped if len(skipped) < len(batch.server_ids) else ()


def _hold_servers(batch: Batch, attempt: int) -> None:
    """Hold the servers of the batch. A start of another batch ends, so that it counts like a usual job."""
    try:
        capacity_leases.hold_servers(batch, attempt)
    except ServerBusy:
        batches.forget_conflict(batch)
        raise


def _judge_conflict(batch: Batch, jobs: Iterable[Job]) -> ConflictVerdict:
    """What to do about servers that something holds. Raise ServerBusy while the batch has to wait for it."""
    target, now = batch.ref.target, clock.now()
    holds = busy_servers.find_job_holds(target, jobs, batch.server_ids, now)
    since = clock.parse_iso(batch.conflict_since) if batch.conflict_since else now
    lasts = batch.conflicts >= busy_servers.LASTING_REFUSALS and now - since >= busy_servers.LASTING_SECONDS
    if not lasts and not holds:
        return ConflictVerdict()
    if lasts and not holds:
        holds = busy_servers.find_plan_holds(target, batch.server_ids)
    verdict = busy_servers.judge_conflict(batch.server_ids, holds, batch.conflict_server, batch.conflicts)
    if lasts and not verdict.waits_for:
        return verdict
    server_id, hold = min(holds.items(), key=lambda item: (not item[1].is_usual, item[0]))
    if hold.is_usual:
        batches.forget_conflict(batch)
    else:
        batches.record_refusal(batch, conflict_server=server_id)
    raise ServerBusy(f"{describe_call('StartRecovery', target.key)} has to wait: {server_id} is in {hold.holder}")


def _start_job(batch: Batch, skipped: tuple[str, ...]) -> Job:
    """Call StartRecovery. When DRS has refused it, or it was not sent, record that no job can come of the call."""
    chosen = tuple(server_id for server_id in batch.server_ids if server_id not in skipped)
    try:
        return drs.start_recovery(replace(batch, server_ids=chosen), batch.ref.mode)
    except ServerBusy as error:
        named = busy_servers.server_id_of(str(error.facts.get("resource", "")))
        batches.record_refusal(batch, conflict_server=named if named in batch.server_ids else "")
        raise
    except DrsWavesError as error:
        if starts_nothing(error):
            batches.record_refusal(batch)
        raise


def _withhold_skipped(batch: Batch, skipped: tuple[str, ...]) -> Batch:
    """Leave the servers out of the attempt whose job has just started without them.

    If this does not come to pass, the settlement finds that the job does not name them.
    """
    reason = "DRS started the others of the batch without it: one of the servers that were left out is in a conflict"
    withheld = dict.fromkeys(skipped, reason)
    logger.warning("servers left out", extra={"batch": batch.ref.key, "servers": withheld})
    batches.record_left_out(batch, withheld)
    operator_messages.send_servers_withheld(executions.get_run(batch.ref.execution_id), batch.ref, withheld)
    return batches.get_batch(batch.ref)


def starts_nothing(error: DrsWavesError) -> bool:
    """Whether a StartRecovery that ended with this error has surely started no job.

    A 4xx answer is a refusal, and some calls are not sent at all. After a 5xx answer, a timeout or a lost connection,
    and after an error of DynamoDB, which can follow the call, a job may exist.
    """
    return isinstance(error, REFUSALS) or error.facts.get("sent") is False


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
    """Poll the job once and record its progress. A job that DRS does not show yet is polled again.

    Raise JobNotVisible when DRS does not show a job that it should show by now, and what DRS raises.
    """
    try:
        job = drs.describe_job(ref.target, job_id)
    except JobNotVisible:
        if not may_be_invisible(batches.get_batch(ref), job_id):
            raise
        return JobPoll(job_id, False, MIN_POLL_SECONDS, expected_seconds)
    launched = [launch.server_id for launch in job.launches if launch.status == LaunchStatus.LAUNCHED]
    failed = [launch.server_id for launch in job.launches if launch.status == LaunchStatus.FAILED]
    if (launched or failed) and not job.is_completed:
        batches.record_progress(ref, job_id, launched, failed)
    if not job.is_completed:
        overdue.follow_job(ref, job, expected_seconds)
    return JobPoll.of_job(job, expected_seconds)


def may_be_invisible(batch: Batch, job_id: str) -> bool:
    """Whether StartRecovery named this job of the batch so recently that DescribeJobs need not show it yet."""
    named_at = batch.job_started_at if batch.job_id == job_id else None
    return named_at is not None and clock.now() - clock.parse_iso(named_at) < VISIBLE_WITHIN_SECONDS
