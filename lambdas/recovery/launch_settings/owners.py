"""Whether the batch that has changed launch settings still needs them: whether DRS may still launch with them."""

import threading
from collections.abc import Sequence

from recovery import clock
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.execution import Run
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs.visibility import UNANSWERED_SECONDS, VISIBLE_WITHIN_SECONDS
from recovery.errors import ExecutionNotFound
from recovery.store import batches, executions
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange

# A function that was at work when its batch or its run ended may go on for this long: it has at most 180 seconds, and
# Lambda needs a moment to end one that takes longer.
FUNCTION_SECONDS = 190


class Owners:
    """The runs, batches and jobs of a target as they were first read here, so that a round reads each of them once."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._runs: dict[str, Run | None] = {}
        self._batches: dict[BatchRef, Batch | None] = {}
        self._jobs: list[Job] | None = None
        self._lock = threading.Lock()

    def find_use(self, change: SettingsChange) -> str | None:
        """Why the settings are still needed, for operators; None once no job can launch with them any more.

        A job reads the launch template when it comes to launch a server. So the settings stay until DRS says that the
        job has ended, also if the run was cancelled or its state machine is gone. A call of StartRecovery without an
        answer may have started a job that DRS does not show yet. Raise the errors of DRS, and AwsUnavailable.
        """
        if self.is_in_progress(change):
            return f"{change.owner.key} has not ended"
        batch, run = self._batch(change.owner), self._run(change.owner.execution_id)
        now = clock.now()
        is_settled = batch is not None and batch.status is BatchStatus.SETTLED
        ended_at = batch.ended_at if batch and is_settled else run.ended_at if run else None
        is_sure = is_settled and change.status is not ChangeStatus.CHANGING
        if not is_sure and ended_at and now - clock.parse_iso(ended_at) < FUNCTION_SECONDS:
            return f"a function of {change.owner.key} may still be at work"
        if batch and (unseen := _find_unseen_job(batch, now, self._list_jobs())):
            return unseen
        return self._find_job(change)

    def is_in_progress(self, change: SettingsChange) -> bool:
        """Whether the batch may begin another attempt: neither it nor its run has ended. Without a call of DRS."""
        run = self._run(change.owner.execution_id)
        if run is None or run.status.is_final:
            return False
        batch = self._batch(change.owner)
        return batch is None or batch.status is not BatchStatus.SETTLED

    def is_run_over(self, execution_id: str) -> bool:
        """Whether the run has ended, or has no record any more."""
        run = self._run(execution_id)
        return run is None or run.status.is_final

    def ended_within(self, execution_id: str, seconds: float) -> bool:
        """Whether the run has ended so recently that a function of it may still be at work."""
        run = self._run(execution_id)
        return run is not None and run.ended_at is not None and clock.now() - clock.parse_iso(run.ended_at) < seconds

    def _find_job(self, change: SettingsChange) -> str | None:
        """A job that may still launch the server, whoever started it."""
        for job in self._list_jobs():
            if job.is_completed or job.is_termination:
                continue
            names_server = any(launch.server_id == change.server_id for launch in job.launches)
            if names_server or job.started_by[0] == change.owner.key:
                return f"{job.job_id} is still running in DRS"
        return None

    def _list_jobs(self) -> Sequence[Job]:
        with self._lock:  # one of the threads of a round reads them
            if self._jobs is None:
                self._jobs = drs.list_recent_jobs(self._target)
            return self._jobs

    def _run(self, execution_id: str) -> Run | None:
        if execution_id not in self._runs:
            try:
                self._runs[execution_id] = executions.get_run(execution_id)
            except ExecutionNotFound:  # its record was deleted
                self._runs[execution_id] = None
        return self._runs[execution_id]

    def _batch(self, ref: BatchRef) -> Batch | None:
        if ref not in self._batches:
            try:
                self._batches[ref] = batches.get_batch(ref)
            except KeyError:  # its record was deleted
                self._batches[ref] = None
        return self._batches[ref]


def _find_unseen_job(batch: Batch, now: float, jobs: Sequence[Job]) -> str | None:
    """Why DRS may have a job of the batch that it does not show yet; None if it shows the job, or should by now."""
    if batch.job_id:
        is_shown = any(job.job_id == batch.job_id for job in jobs)
        since = batch.job_started_at
        if not is_shown and since and now - clock.parse_iso(since) < VISIBLE_WITHIN_SECONDS:
            return f"DRS does not show {batch.job_id} yet"
        return None
    since = batch.unanswered_since
    if since and now - clock.parse_iso(since) < UNANSWERED_SECONDS:
        is_shown = any(job.started_by == (batch.ref.key, str(batch.attempt)) for job in jobs)
        if not is_shown:
            return f"the job of a StartRecovery without an answer, called at {since}, may still appear"
    return None
