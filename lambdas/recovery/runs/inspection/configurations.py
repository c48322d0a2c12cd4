"""Reads launch configurations: into which existing EC2 instances DRS launches servers.

DRS answers for one server a call, and a start needs answers of the last 15 minutes. So that it need not wait for them,
most are there before it: the inspection of a drill reads those of the first jobs, and while a job runs, the ones that
come next are read ahead. A start reads what is left. Answers are saved for each batch, with the time of the oldest.
"""

import time
from collections.abc import Callable, Mapping

from recovery import clock
from recovery.call_shares import CallShare, use_share
from recovery.domain.batch import Batch, BatchRef, BatchStatus
from recovery.domain.execution import Execution
from recovery.domain.polling import READ_AHEAD_SECONDS
from recovery.drs import calls
from recovery.drs import client as drs
from recovery.errors import DrsRefused, RateBudgetExhausted
from recovery.settings import settings
from recovery.store import batches, executions, inspections

# How long a launch configuration that was read may be relied on. People change them while a wave waits.
CONFIGURATION_SECONDS = 900

# Real seconds after which a start reads no further launch configuration. A hundred take 10 s at 10 calls a second.
ROUND_SECONDS = 30

# Seconds after which no further launch configuration is read ahead: the job that runs meanwhile has to be polled.
AHEAD_SECONDS = 60


def read_launches_into(batch: Batch, requested_at: str) -> Mapping[str, str]:
    """The EC2 instance that DRS launches each server of the batch into, by server, "" for a new one.

    What was read in the last 15 minutes is not read again; `requested_at` is when the run was. Raise
    RateBudgetExhausted if some are left for another try of the task, and what DRS raises.
    """
    began = time.monotonic()
    with use_share(CallShare.READING):
        known = _read(batch, requested_at, CONFIGURATION_SECONDS, lambda: time.monotonic() - began > ROUND_SECONDS)
    if any(server_id not in known for server_id in batch.server_ids):
        raise RateBudgetExhausted(f"{batch.ref.target.key}: the launch configurations of the batch take another round")
    return known


def read_ahead(ref: BatchRef) -> bool:
    """Read the launch configurations of batches that come next, while the job of this batch runs.

    Return whether all of them are known now. What is left after a minute is left to another call, or to the starts.
    Raise what DRS raises.
    """
    execution = executions.get_execution(ref.execution_id)
    run, until = execution.run, clock.now() + AHEAD_SECONDS
    if run.is_halted or run.replace_existing:  # nothing starts any more, or nothing that asks
        return True
    with use_share(CallShare.BACKGROUND):
        for batch in find_next_batches(execution, ref):
            known = _read(
                batch, run.requested_at, CONFIGURATION_SECONDS - READ_AHEAD_SECONDS, lambda: clock.now() > until
            )
            if any(server_id not in known for server_id in batch.server_ids):
                return False
    return True


def find_next_batches(execution: Execution, ref: BatchRef) -> list[Batch]:
    """The batches whose launch configurations this batch, whose job runs, reads ahead.

    DRS runs a few full jobs at a time in a target, so that many batches come next. The batches that have a job now
    divide them among each other, so none is read by two at once, as a rule; two that read the same do no harm.
    """
    waves = {wave.name: place for place, wave in enumerate(execution.plan.waves)}
    here = [batch for batch in batches.list_batches(ref.execution_id) if batch.ref.target == ref.target]
    here.sort(key=lambda batch: (waves[batch.ref.wave], batch.ref.number))
    running = [batch.ref for batch in here if batch.status.is_in_attempt]
    if ref not in running:
        return []
    jobs_at_once = max(settings().servers_in_jobs // settings().servers_per_job, 1)
    waiting = [batch for batch in here if batch.status is BatchStatus.PENDING][:jobs_at_once]
    return waiting[running.index(ref) :: len(running)]


def _read(batch: Batch, requested_at: str, max_age: float, is_over: Callable[[], bool]) -> Mapping[str, str]:
    """What is known of the batch's servers at most `max_age` seconds after it was read, and what DRS answers until
    `is_over`. All of it is saved, also before an error, so that nothing is read twice.
    """
    saved, saved_at = inspections.get_launches_into(batch.ref)
    known, read_at = _find_known(batch, saved if _is_recent(saved_at, max_age) else {}, saved_at, requested_at, max_age)
    before = dict(known)
    try:
        with calls.many_reads(batch.ref.target):
            for server_id in batch.server_ids:
                if server_id in known:
                    continue
                if is_over():
                    break
                known[server_id] = _read_one(batch, server_id)
    finally:
        if known and (known != before or known.keys() != saved.keys()):
            inspections.record_launches_into(batch.ref, known, read_at)
    return known


def _read_one(batch: Batch, server_id: str) -> str:
    try:
        return drs.get_launch_configuration(batch.ref.target, server_id).launches_into or ""
    except DrsRefused:  # DRS has no configuration of it, so it refuses to launch it, too
        return ""


def _find_known(
    batch: Batch, saved: Mapping[str, str], saved_at: str | None, requested_at: str, max_age: float
) -> tuple[dict[str, str], str]:
    """What earlier tries and the inspection know well enough, and since when all of it has been known."""
    known, read_at = dict(saved), saved_at if saved else None
    missing = [server_id for server_id in batch.server_ids if server_id not in known]
    if not missing or not _is_recent(requested_at, max_age):
        return known, read_at or clock.iso()
    probes = inspections.load_probes(batch.ref.execution_id, batch.ref.target)
    for server_id in missing:
        probe = probes.get(server_id)
        if probe and probe.has_launch_configuration is not None:
            known[server_id] = probe.launches_into or ""
    return known, requested_at if known.keys() - saved.keys() else read_at or clock.iso()


def _is_recent(read_at: str | None, max_age: float) -> bool:
    return read_at is not None and clock.now() - clock.parse_iso(read_at) < max_age
