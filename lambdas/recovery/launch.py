"""The life of a batch: its job is started, looked at until it has ended, and its servers' results are kept."""

from dataclasses import dataclass
from typing import Any

from recovery import capacity, clock, decide, drs, dynamo, store
from recovery.batch import Batch, BatchRef
from recovery.drs import Job
from recovery.errors import DrsUnavailable
from recovery.execution import Mode, ServerStatus
from recovery.settings import settings
from recovery.store import ServerResult
from recovery.target import Target

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


def start(ref: BatchRef, mode: Mode) -> Look:
    """Start the batch's job once, however often this is called. Raise what DRS raises (see errors)."""
    batch = store.get_batch(ref)
    is_reentry = batch.status != "PENDING" or not store.record_intent(batch)
    batch = store.get_batch(ref)
    if batch.job_id is None:
        job = drs.start_or_adopt_job(batch, mode, is_reentry)
        store.record_job(batch, job.job_id, job.created_at)
        store.begin_polling(ref.execution_id)
        job_id = job.job_id
    else:
        job_id = batch.job_id
    expected = _expected_seconds(ref.target, mode)
    return Look(job_id, False, decide.seconds_to_next_poll(0, expected, "PENDING"), expected)


def poll(ref: BatchRef, job_id: str, expected_seconds: int) -> Look:
    """Look at the job once and keep how far it is."""
    job = drs.describe_job(ref.target, job_id)
    if job.is_completed:
        return Look(job_id, True, 0, expected_seconds)
    launched, failed = job.count("LAUNCHED"), job.count("FAILED")
    if launched or failed:
        store.record_progress(store.get_batch(ref), launched, failed)
    age = clock.now() - clock.parse_iso(job.created_at)
    return Look(job_id, False, decide.seconds_to_next_poll(age, expected_seconds, job.status), expected_seconds)


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt came to its end, as the state machine saw it.

    `job_id` is the job it followed, if any. `problem` says why there is no job's result, if there is none.
    `launch_attempts` is how often a server is tried at most.
    """

    job_id: str | None
    problem: str | None
    launch_attempts: int


def settle(ref: BatchRef, mode: Mode, end: End) -> int:
    """Keep each server's result and give the batch's capacity back; return how many servers are to be tried again.

    A message about another job than the batch's comes late and changes nothing.
    """
    problem = end.problem
    batch = store.get_batch(ref)
    if batch.status == "SETTLED" or (batch.job_id and batch.job_id != end.job_id):
        capacity.give_back(batch, batch.attempt if batch.status == "SETTLED" else batch.attempt - 1)
        return 0
    if batch.status == "PENDING" and batch.attempt and not problem:  # an earlier try of this task settled the attempt
        capacity.give_back(batch, batch.attempt)
        return len(batch.server_ids)
    results = _failed(batch, problem) if problem else _results(batch, mode)
    store.record_results(ref, results)
    failed = [result.server_id for result in results if result.status is ServerStatus.FAILED]
    launched = len(results) - len(failed)
    try_again = bool(failed) and not problem and batch.attempt < end.launch_attempts
    if try_again:
        store.retry_batch(batch, failed, launched)
    else:
        store.settle_batch(batch, launched, len(failed), problem or f"{launched} launched, {len(failed)} failed")
    capacity.give_back(batch, batch.lease_attempt)
    return len(failed) if try_again else 0


def _failed(batch: Batch, problem: str) -> list[ServerResult]:
    return [ServerResult(each, ServerStatus.FAILED, batch.job_id, reason=problem) for each in batch.server_ids]


def _results(batch: Batch, mode: Mode) -> list[ServerResult]:
    if batch.job_id is None:
        return _failed(batch, "no job was started")
    job = drs.describe_job(batch.ref.target, batch.job_id)
    if not job.is_completed:
        raise DrsUnavailable(f"DescribeJobs in {batch.ref.target.key}: {job.job_id} has not ended after all")
    _remember_duration(batch.ref.target, mode, job)
    launches = {launch.server_id: launch for launch in job.launches}
    results = []
    for server_id in batch.server_ids:
        launch = launches.get(server_id)
        if launch and launch.status == "LAUNCHED":
            results.append(ServerResult(server_id, ServerStatus.LAUNCHED, job.job_id, launch.recovery_instance_id))
        else:
            said = f"launch status {launch.status}" if launch else "the job does not name this server"
            results.append(ServerResult(server_id, ServerStatus.FAILED, job.job_id, reason=f"{job.job_id}: {said}"))
    return results


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
