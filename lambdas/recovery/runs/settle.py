"""Settles a batch after an attempt: the result of each server, and the servers to try again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from recovery import clock
from recovery.domain import readiness
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.caught_errors import CaughtError
from recovery.domain.drs_shapes.jobs import Job, JobStatus
from recovery.domain.execution import ServerStatus
from recovery.domain.launch_failures import FailureKind, LaunchFailure, clean_cause
from recovery.domain.polling import JobPoll, JobState
from recovery.domain.readiness import ServerFacts
from recovery.domain.server_result import Attempt, ServerResult
from recovery.drs import capacity_leases
from recovery.drs import client as drs
from recovery.errors import DrsRefused, NothingToLaunch, RunHalted
from recovery.runs import launch_results
from recovery.runs.launch import find_current_job, record_job, record_other_jobs
from recovery.settings import settings
from recovery.store import batches, executions, job_durations


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended, as the state machine saw it.

    `job_id` is the job that the machine polled, if any, and `error` the error that it caught, if any. A server is
    tried at most `launch_attempts` times. `round` and `attempt` tell a late call from one for the batch as it is now;
    None if they are not known.
    """

    job_id: str | None
    error: CaughtError | None
    launch_attempts: int
    round: int | None = None
    attempt: int | None = None

    @property
    def problem(self) -> str:
        """Why servers without a job failed."""
        return str(self.error or "no job was started")

    @property
    def was_refused(self) -> bool:
        """Whether DRS refused to start the job."""
        return self.error is not None and self.error.is_a(DrsRefused) and self.error.operation == "StartRecovery"

    @property
    def had_nothing_to_launch(self) -> bool:
        """Whether every server was left out of the attempt."""
        return self.error is not None and self.error.is_a(NothingToLaunch)

    @property
    def was_halted(self) -> bool:
        """Whether the run was cancelled or ended before the job could be started."""
        return self.error is not None and self.error.is_a(RunHalted)

    def is_late(self, batch: Batch) -> bool:
        """Whether the batch has begun another round, or a later attempt, since this one ended."""
        if self.round is not None and batch.round > self.round:
            return True
        return self.attempt is not None and batch.status.is_in_attempt and batch.attempt > self.attempt


class SettlementState(TypedDict):
    """The output of SettleBatch."""

    serversToRetry: int
    follow: JobState | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is left to do: servers to try again, or a job that is still running and has to be polled further."""

    servers_to_retry: int = 0
    follow: JobPoll | None = None

    @property
    def ends_batch(self) -> bool:
        """Whether the batch is settled for this round."""
        return not self.servers_to_retry and self.follow is None

    def to_state(self) -> SettlementState:
        """The output of SettleBatch."""
        return {"serversToRetry": self.servers_to_retry, "follow": self.follow.to_state() if self.follow else None}


def settle_batch(ref: BatchRef, outcome: AttemptOutcome) -> Settlement:
    """Record each server's result and release the batch's capacity.

    An error alone does not make a server fail: if DRS has a job for this attempt, use its results, or keep polling it
    if it is still running. Raise StartUnanswered while a job of the attempt may still appear.
    """
    batch = batches.get_batch(ref)
    if outcome.is_late(batch):
        return Settlement()
    if earlier := _find_earlier_settlement(batch, outcome):
        return earlier
    job = find_current_job(batch)
    if job is None:
        return _settle_forgotten_job(batch, outcome) if batch.job_id else _settle_without_job(batch, outcome)
    if not job.is_completed:
        return Settlement(follow=JobPoll.of_job(job, job_durations.expected_seconds(ref.target, ref.mode)))
    return _settle_completed_job(batch, job, outcome)


def _find_earlier_settlement(batch: Batch, outcome: AttemptOutcome) -> Settlement | None:
    """What is left to do if an earlier invocation settled this attempt, or if the batch now has another job."""
    has_ended = outcome.job_id or outcome.was_refused or outcome.had_nothing_to_launch
    if batch.status is BatchStatus.PENDING and batch.attempt > batch.attempts_before and has_ended:
        capacity_leases.release_lease(batch, batch.attempt)
        return Settlement(len(batch.server_ids))
    if batch.status is BatchStatus.SETTLED or (outcome.job_id and batch.job_id != outcome.job_id):
        return Settlement()
    return None


def _settle_completed_job(batch: Batch, job: Job, outcome: AttemptOutcome) -> Settlement:
    if batch.job_id is None:
        batch = record_job(batch, job)
    if batch.start_repeated:  # the call that had no answer may have started another job
        record_other_jobs(batch, [other for other in drs.find_jobs(batch) if other.job_id != job.job_id])
    job_durations.record_duration(batch.ref.target, batch.ref.mode, job)
    attempt = Attempt(launch_results.read_results(batch, job), job.job_id, job.created_at, job.ended_at)
    retry_ids = (*attempt.failed_ids, *batch.last_try) if _may_retry(batch, outcome) else ()
    return _end_attempt(batch, attempt, retry_ids, _count(attempt))


def _may_retry(batch: Batch, outcome: AttemptOutcome) -> bool:
    return batch.attempt - batch.attempts_before < outcome.launch_attempts


def _settle_forgotten_job(batch: Batch, outcome: AttemptOutcome) -> Settlement:
    """Settle an attempt whose job DRS no longer describes, by the instances that it launched. Nothing is tried again:
    whether the job has ended is not known.
    """
    job = Job(str(batch.job_id), JobStatus.COMPLETED, batch.intent_at or clock.iso(), None, (), {})
    forgotten = f"DRS no longer describes {job.job_id}"
    results = [
        replace(result, reason=f"{forgotten}; {result.failure.cause}") if result.failure else result
        for result in launch_results.read_results(batch, job)
    ]
    attempt = Attempt(results, job.job_id, job.created_at, job.ended_at)
    reason = (
        f"{outcome.problem}; {_count(attempt)}" if outcome.error else f"DRS no longer knows the job; {_count(attempt)}"
    )
    return _end_attempt(batch, attempt, (), reason)


def _count(attempt: Attempt) -> str:
    return f"{len(attempt.launched_ids)} launched, {len(attempt.failed_ids)} failed"


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
        _fail_unstarted(batch, server_id, refused.get(server_id, outcome.problem)) for server_id in batch.server_ids
    ]
    may_differ = refused or snapshots  # else the next attempt would be the same
    retry_ids = [server_id for server_id in batch.server_ids if server_id not in refused] if may_differ else []
    if outcome.had_nothing_to_launch and _may_retry(batch, outcome):
        retry_ids = list(batch.last_try)
    return _end_attempt(batch, Attempt(results), retry_ids, outcome.problem, snapshots)


def _fail_unstarted(batch: Batch, server_id: str, problem: str) -> ServerResult:
    failure = LaunchFailure(FailureKind.NOT_STARTED, clean_cause(problem))
    return ServerResult(server_id, ServerStatus.FAILED, batch.job_id, reason=problem, failure=failure)


def _end_attempt(
    batch: Batch,
    attempt: Attempt,
    retry_ids: Collection[str],
    reason: str,
    snapshots: Mapping[str, str] | None = None,
) -> Settlement:
    """Record the results with the end of the attempt, and retry or close the batch.

    The lease is released before: if the function is killed in between, the next invocation does both again.
    """
    launched = [server_id for server_id, each in batch.results.items() if each["status"] == ServerStatus.LAUNCHED]
    attempt = attempt.with_launched(launched)
    # Those that were left out of this attempt are not among its failed servers, and are tried again as well.
    retry_ids = [server_id for server_id in retry_ids if server_id not in attempt.launched_ids]
    capacity_leases.release_lease(batch, batch.lease_attempt)
    if retry_ids:
        batches.retry_batch(batch, attempt, retry_ids, snapshots)
    else:
        batches.close_batch(batch, attempt, reason)
    return Settlement(len(retry_ids))


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
    point_in_time, renewed = executions.get_requested_run(batch.ref.execution_id).point_in_time, dict[str, str]()
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
