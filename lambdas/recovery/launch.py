"""The life of a batch: its job is started, looked at until it has ended, and its servers' results are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_lambda_powertools import Logger

from recovery import batches, capacity, clock, decide, drs, dynamo, store
from recovery.batch import Batch, BatchRef
from recovery.batches import Attempt, ServerResult
from recovery.drs import Job
from recovery.errors import DrsRefused, LateMessage, QuotaExceeded, RunHalted, RunPaused, ServerBusy
from recovery.execution import ExecutionStatus, Mode, ServerStatus
from recovery.readiness import ServerFacts, judge_server
from recovery.settings import settings
from recovery.target import Target

logger = Logger(child=True)

# How much the newest job weighs in what the next one is expected to take.
NEWEST_JOB_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Look:
    """What the state machine needs of a job: has it ended, and when to look again."""

    job_id: str
    finished: bool
    wait_seconds: int
    expected_seconds: int

    def to_state(self) -> dict[str, Any]:
        """The output of StartRecovery and PollJob."""
        return {
            "jobId": self.job_id,
            "finished": self.finished,
            "waitSeconds": self.wait_seconds,
            "expectedSeconds": self.expected_seconds,
        }


def start(ref: BatchRef, mode: Mode, attempt: int) -> Look:
    """Start the job of this attempt once, however often this is called.

    Raise LateMessage when the batch is past this attempt, RunHalted when nothing may start any more, RunPaused, and
    what DRS raises. After RunPaused, ServerBusy and QuotaExceeded the batch's capacity is given back, for others to
    use while it waits.
    """
    batch = batches.get(ref)
    if batch.status == "PENDING":
        require_running(ref.execution_id)
    is_reentry = batch.status != "PENDING" or not batches.record_intent(batch)
    batch = batches.get(ref)
    if batch.attempt != attempt or batch.status not in ("STARTING", "LAUNCHING"):
        raise LateMessage(
            f"{ref.key} is {batch.status} at attempt {batch.attempt}, past the start of attempt {attempt}"
        )
    if batch.job_id is None:
        job = drs.find_job(batch) if is_reentry else None
        try:
            if job is None and is_reentry and not require_running(ref.execution_id):
                raise RunPaused(f"{ref.execution_id} is paused, and {ref.key} has no job yet")
            job = job or drs.start_job(batch, mode)
        except (RunPaused, ServerBusy, QuotaExceeded):
            capacity.give_back(batch, attempt)
            raise
        batch = _keep(batch, job)
    store.begin_polling(ref.execution_id)
    expected = _expected_seconds(ref.target, mode)
    return Look(str(batch.job_id), False, decide.seconds_to_next_poll(0, expected, "PENDING"), expected)


def require_running(execution_id: str) -> bool:
    """Is the run not paused? Raise RunHalted when it was cancelled or is over."""
    run = store.get_run(execution_id)
    if run.is_halted:
        raise RunHalted(run.halted_because)
    return run.status is not ExecutionStatus.PAUSED


def is_held(batch: Batch) -> bool:
    """Does a pause hold the batch? Not when it has a job, which has to be followed. Raise RunHalted."""
    if require_running(batch.ref.execution_id):
        return False
    return batch.job_id is None and (batch.status == "PENDING" or drs.find_job(batch) is None)


def _keep(batch: Batch, job: Job) -> Batch:
    if not batches.record_job(batch, job.job_id, job.created_at):
        batch = batches.get(batch.ref)
        if batch.job_id != job.job_id:
            # The run was closed while DRS was starting it. Whoever continues the run finds it by its tag.
            batches.note_unfollowed(batch, job.job_id, job.created_at)
            logger.critical("a job runs that nobody follows", extra={"batch": batch.ref.key, "job": job.job_id})
            raise LateMessage(f"{job.job_id} runs for {batch.ref.key}, which has moved on to {batch.status}")
        return batch
    return batches.get(batch.ref)


def poll(ref: BatchRef, job_id: str, expected_seconds: int) -> Look:
    """Look at the job once and keep how far it is."""
    job = drs.describe_job(ref.target, job_id)
    launched, failed = job.count("LAUNCHED"), job.count("FAILED")
    if (launched or failed) and not job.is_completed:
        batches.record_progress(ref, job_id, launched, failed)
    return _look(job, expected_seconds)


def _look(job: Job, expected_seconds: int) -> Look:
    if job.is_completed:
        return Look(job.job_id, True, 0, expected_seconds)
    age = clock.now() - clock.parse_iso(job.created_at)
    return Look(job.job_id, False, decide.seconds_to_next_poll(age, expected_seconds, job.status), expected_seconds)


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt came to its end, as the state machine saw it.

    `job_id` is the job it followed, if any. `problem` says what broke, if anything did. `launch_attempts` is how
    often a server is tried at most.
    """

    job_id: str | None
    problem: str | None
    launch_attempts: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is left to do: servers to try again, or a job that runs after all and has to be followed."""

    servers_to_retry: int = 0
    follow: Look | None = None

    def to_state(self) -> dict[str, Any]:
        """The output of SettleBatch."""
        return {"serversToRetry": self.servers_to_retry, "follow": self.follow.to_state() if self.follow else None}


def settle(ref: BatchRef, mode: Mode, end: End) -> Settlement:
    """Keep each server's result and give the batch's capacity back.

    A problem alone fails no server: if DRS has a job of this attempt, its results count, and one that still runs is
    followed on. A message about another job than the batch's comes late and changes nothing. When DRS refused the
    start, the servers it will never launch are dropped, and the others are tried without them.
    """
    batch = batches.get(ref)
    problem = end.problem or "no job was started"
    was_refused = problem.startswith("DrsRefused: StartRecovery")
    if batch.status == "PENDING" and batch.attempt > batch.attempts_before and (end.job_id or was_refused):
        # settled by an earlier try of this task
        capacity.give_back(batch, batch.attempt)
        return Settlement(len(batch.server_ids))
    if batch.status == "SETTLED" or (end.job_id and batch.job_id != end.job_id):
        return Settlement(0)
    job = _job_of(batch)
    if job and not job.is_completed:
        return Settlement(follow=_look(job, _expected_seconds(ref.target, mode)))
    if job and batch.job_id is None:
        batch = _keep(batch, job)
    if job:
        _remember_duration(ref.target, mode, job)
    if not job and problem.startswith(RunHalted.__name__):
        capacity.give_back(batch, batch.lease_attempt)
        batches.skip(batch, problem)
        return Settlement(0)
    refused = _refused(batch) if was_refused and not job else {}
    renewed = _renew_snapshots(batch, refused) if was_refused and not job else None
    results = _results(batch, job, problem, refused)
    batches.record_results(ref, results)
    attempt = _attempt(job, results)
    if job:
        again = attempt.failed_ids if batch.attempt - batch.attempts_before < end.launch_attempts else ()
    else:  # what is refused for others' sake is tried without them; each time there are fewer
        again = (
            [server_id for server_id in attempt.failed_ids if server_id not in refused] if refused or renewed else ()
        )
    # First the lease, then the batch's last word: killed in between, the next try does both again.
    capacity.give_back(batch, batch.lease_attempt)
    if again:
        batches.retry(batch, attempt, again, renewed)
        return Settlement(len(again))
    said = f"{len(attempt.launched_ids)} launched, {len(attempt.failed_ids)} failed"
    batches.settle(batch, attempt, said if job else problem)
    return Settlement(0)


def _attempt(job: Job | None, results: Sequence[ServerResult]) -> Attempt:
    launched = [result.server_id for result in results if result.status is ServerStatus.LAUNCHED]
    failed = [result.server_id for result in results if result.status is ServerStatus.FAILED]
    times = (job.job_id, job.created_at, job.ended_at) if job else (None, None, None)
    return Attempt(launched, failed, *times)


def _refused(batch: Batch) -> dict[str, str]:
    """Why DRS will never launch each of these servers, if that can be seen: it does not say for whom it refused."""
    known = {server.server_id: server for server in drs.describe_source_servers(batch.ref.target, batch.server_ids)}
    refused = {}
    for server_id in batch.server_ids:
        if server_id not in known:
            refused[server_id] = "DRS no longer knows it"
        elif (verdict := judge_server(ServerFacts(known[server_id].replication_state), None, 0)).is_blocked:
            refused[server_id] = "; ".join(verdict.reasons)
    return refused


def _job_of(batch: Batch) -> Job | None:
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
    until, found = store.get_run(batch.ref.execution_id).point_in_time, dict[str, str]()
    for server_id in batch.server_ids:
        if server_id in refused:
            continue
        if snapshot := drs.newest_snapshot(batch.ref.target, server_id, until):
            found[server_id] = snapshot.snapshot_id
        else:
            refused[server_id] = "DRS no longer has a snapshot of it from the point in time asked for, or before"
        clock.sleep(1 / settings().calls_per_second)
    before = {server_id: snapshot for server_id, snapshot in batch.snapshots.items() if server_id in found}
    return found if found != before else None


def _results(batch: Batch, job: Job | None, problem: str, refused: Mapping[str, str]) -> list[ServerResult]:
    launches = {launch.server_id: launch for launch in job.launches} if job else {}
    results = []
    for server_id in batch.server_ids:
        launch = launches.get(server_id)
        if job and launch and launch.status == "LAUNCHED":
            results.append(ServerResult(server_id, ServerStatus.LAUNCHED, job.job_id, launch.recovery_instance_id))
        else:
            why = f"{job.job_id}: {_said(launch.status if launch else None)}" if job else problem
            why = refused.get(server_id, why)
            results.append(ServerResult(server_id, ServerStatus.FAILED, batch.job_id, reason=why))
    return results


def _said(launch_status: str | None) -> str:
    return f"launch status {launch_status}" if launch_status else "the job does not name this server"


def _duration_key(target: Target, mode: Mode) -> dict[str, str]:
    return {"target": target.key, "what": f"JOB_SECONDS#{mode.value}"}


def _expected_seconds(target: Target, mode: Mode) -> int:
    row = dynamo.get(settings().limits_table, _duration_key(target, mode))
    return int(row["seconds"]) if row else decide.EXPECTED_JOB_SECONDS[mode.value]


def _remember_duration(target: Target, mode: Mode, job: Job) -> None:
    """A running average of what jobs take; written twice it only leans a little more to the newest."""
    if job.ended_at is None:
        return
    took = clock.parse_iso(job.ended_at) - clock.parse_iso(job.created_at)
    seconds = round((1 - NEWEST_JOB_WEIGHT) * _expected_seconds(target, mode) + NEWEST_JOB_WEIGHT * took)
    dynamo.update(settings().limits_table, _duration_key(target, mode), {"seconds": seconds})
