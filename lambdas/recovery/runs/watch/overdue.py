"""Notices runs and waves that have missed their RTO target, and DRS jobs far over their usual time.

A poll of a job looks at its job and its run. A run that waits for operators or for capacity has no job, and an old job
is polled rarely, so the schedule that syncs the cache looks at all open runs every five minutes.
"""

from collections.abc import Sequence

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain import polling
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.drs_shapes import job_stages
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.execution import OPEN_STATUSES, ExecutionStatus, Mode, Run, WaveStatus
from recovery.drs import client as drs
from recovery.errors import DrsWavesError
from recovery.observability import metrics, overdue_messages
from recovery.store import batches, executions, progress, waves

logger = Logger(child=True)

# Runs to list with one query.
RUNS_PER_PAGE = 100


def follow_job(ref: BatchRef, job: Job, usual_seconds: int) -> None:
    """Record the stage of a running job, and notify operators once if the job, its wave or its run is overdue.

    Errors are logged only, defects too: the job must be polled on, and the next poll looks again.
    """
    try:
        batch = batches.get_batch(ref)
        progress.end_outage(batch)
        age = clock.now() - clock.parse_iso(job.created_at)
        is_overdue = polling.is_job_overdue(age, usual_seconds) and not batch.is_overdue
        stage = _read_stage(batch, job, age, usual_seconds) if is_overdue or _is_stage_old(batch, age) else batch.stage
        meta = executions.get_meta_row(ref.execution_id)  # a read that fails after the mark would lose the message
        if is_overdue and progress.record_job_overdue(ref, job.job_id):
            metrics.emit_overdue(jobs=1)
            described = polling.describe_job(stage, age, usual_seconds)
            overdue_messages.send_job_overdue(Run.from_item(meta), ref, job.job_id, described)
        check_run(meta)
    except DrsWavesError as error:
        logger.warning("job not looked at", extra={"batch": ref.key, "reason": error.message})
    except Exception:  # a defect in this watch must not stop the job from being polled
        logger.exception("job not looked at", extra={"batch": ref.key})


def _is_stage_old(batch: Batch, age: float) -> bool:
    read_ago = clock.now() - clock.parse_iso(batch.log_read_at) if batch.log_read_at else age
    return read_ago >= polling.STAGE_READ_SECONDS


def _read_stage(batch: Batch, job: Job, age: float, usual_seconds: int) -> str | None:
    """Read the stage from the log of the job, and record it; the last known one if DRS does not answer."""
    try:
        stage = job_stages.find_stage(drs.read_job_log(batch.ref.target, job.job_id), batch.server_ids)
    except DrsWavesError as error:
        logger.info("log of the job not read", extra={"job": job.job_id, "age": age, "reason": error.message})
        return batch.stage
    progress.record_stage(batch, job.job_id, stage, usual_seconds)
    return stage


def check_open_runs() -> int:
    """Notify operators once of each open run, and each wave of one, that has missed its target; return how many runs.

    Errors are logged only: the next look is in five minutes.
    """
    return sum(_check_safely(execution_id) for execution_id in _list_open_runs())


def _list_open_runs() -> list[str]:
    """The ids of all open runs; of each status as many as could be read."""
    found: list[str] = []
    for status in OPEN_STATUSES:
        token: str | None = None
        try:
            while True:
                page = executions.list_executions(RUNS_PER_PAGE, token, status=status.value)
                found += [row["executionId"] for row in page.items]
                token = page.next_token
                if token is None:
                    break
        except DrsWavesError as error:
            logger.warning("open runs not listed", extra={"status": status, "reason": error.message})
    return found


def _check_safely(execution_id: str) -> bool:
    """Whether the run could be checked."""
    try:
        check_run(executions.get_meta_row(execution_id))
    except DrsWavesError as error:
        logger.warning("open run not checked", extra={"executionId": execution_id, "reason": error.message})
        return False
    except Exception:  # a record that cannot be read must not keep the watch from the other runs
        logger.exception("open run not checked", extra={"executionId": execution_id})
        return False
    return True


def check_run(meta: executions.Row) -> None:
    """Notify operators once if the run, or a wave of it, has missed its RTO target, or an approval is nearly due.

    `meta` is the run's META row.
    """
    run = Run.from_item(meta)
    if run.mode is Mode.READINESS or run.status.is_final:
        return
    now = clock.now()
    rows = waves.list_rows(run.execution_id)
    _remind(run, rows, now)
    late: list[tuple[str | None, int]] = []
    if _is_newly_late(meta, run.requested_at, now):
        late.append((None, int(meta["rtoTargetMinutes"])))
    for row in rows:
        if not row.get("endedAt") and _is_newly_late(row, row.get("startedAt"), now):
            late.append((row["wave"], int(row["rtoTargetMinutes"])))
    if not late:
        return
    blockers = _describe_blockers(run, rows)
    for wave, minutes in late:
        if wave is None:
            if progress.record_run_overdue(run.execution_id):
                metrics.emit_overdue(runs=1)
                overdue_messages.send_target_missed(run, None, minutes, blockers)
        elif progress.record_wave_overdue(run.execution_id, wave):
            metrics.emit_overdue(waves=1)
            overdue_messages.send_target_missed(run, wave, minutes, blockers)


def _remind(run: Run, wave_rows: Sequence[executions.Row], now: float) -> None:
    """Remind operators once of each approval whose deadline is near."""
    if run.is_halted:
        return
    for row in wave_rows:
        since, until = row.get("waitingSince"), row.get("approvalUntil")
        if row["status"] != WaveStatus.AWAITING_APPROVAL or not since or not until:
            continue
        if "remindedAt" in row or not polling.is_reminder_due(clock.parse_iso(since), float(until), now):
            continue
        if progress.record_reminder(run.execution_id, row["wave"]):
            overdue_messages.send_approval_due(run, row["wave"], float(until), row.get("approvalOnTimeout"))


def _is_newly_late(row: executions.Row, since: str | None, now: float) -> bool:
    """Whether a run or a wave has missed its target, and its row is not marked yet."""
    target = row.get("rtoTargetMinutes")
    if since is None or target is None or "overdueAt" in row:
        return False
    return polling.is_past_target(now - clock.parse_iso(since), int(target))


def _describe_blockers(run: Run, wave_rows: Sequence[executions.Row]) -> list[str]:
    """What the run waits for: operators first, then actions and checks, and then targets, jobs and capacity."""
    found = [overdue_messages.describe_wait_of_run(run)] if run.status is ExecutionStatus.PAUSED else []
    found += [line for row in wave_rows for line in overdue_messages.describe_wait_of_wave(run, row)]
    for row in executions.query_rows(run.execution_id, "ACTION#"):
        found += overdue_messages.describe_action(run, row)
    for row in executions.query_rows(run.execution_id, "CHECKS#"):
        found += overdue_messages.describe_checks(row)
    started = {row["wave"] for row in wave_rows if row.get("startedAt")}
    for batch in batches.list_batches(run.execution_id):
        if batch.ref.wave in started and batch.status is not BatchStatus.SETTLED:
            found.append(f"wave {batch.ref.wave}: {_describe_batch(batch)}")
    return found


def _describe_batch(batch: Batch) -> str:
    target = batch.ref.target.key
    if batch.outage_since:
        next_try = polling.describe_next_try(clock.now() - clock.parse_iso(batch.outage_since))
        return f"DRS in {target} keeps it waiting since {batch.outage_since}: {batch.outage_reason}; {next_try}"
    if batch.job_id and batch.job_started_at:
        return f"{batch.job_id} in {target}: {polling.describe_job_of(batch)}"
    return f"batch {batch.ref.number} in {target} waits to start: for capacity, or for a server that is in another job"
