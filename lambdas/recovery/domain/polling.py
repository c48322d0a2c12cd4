"""When to poll a DRS job, check the capacity or try again; and when a job, a wave or a run takes too long."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict

from recovery import clock
from recovery.domain.batch import Batch, BatchStatus
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.execution import Run
from recovery.wording import first_of, plural

# Seconds between two polls of a job. No launch ends within the first two minutes. A job can end at any time after
# that, whatever is expected of it, so in its first ten minutes the polls are a minute apart at most. Later they are at
# most a tenth of its age apart, so that a job that takes long costs few events, and is noticed late by a tenth at most.
FIRST_POLL_SECONDS, MIN_POLL_SECONDS, MAX_POLL_SECONDS = 120, 20, 60
MAX_POLL_SHARE = 0.1
RAREST_POLL_SECONDS = 600

# Capacity can become free at any moment, so the first checks are close. After a quarter of an hour they spread out,
# each wait a twentieth longer than the one before, to keep the events of a batch that waits for hours few.
MIN_CAPACITY_WAIT_SECONDS, MAX_CAPACITY_WAIT_SECONDS = 15, 60
RAREST_CAPACITY_CHECK_SECONDS = 600
CLOSE_CAPACITY_CHECKS = 20

# Seconds that a batch waits after the retries of a task are used up. The first waits are close, because most troubles
# of DRS are short. Each later one is an eighth longer than the one before, so that a day of outage costs few events.
# WaitForDrs and WaitForTarget of recover-target have this rule too; a machine cannot ask a function for it.
FIRST_TRY_SECONDS, RAREST_TRY_SECONDS = 60, 900
CLOSE_TRIES = 7
TRY_GROWTH = 1.12
# Operators are told, and so the record says that the batch waits, after eight failures in a row at the latest.
FAILURES_BEFORE_MARK = 8

# How long before its deadline an approval is asked for again, at least: the look at open runs is every five minutes.
MIN_REMINDER_SECONDS = 600

# Jobs that a refusal names.
MAX_JOBS_NAMED = 3

# The first checks are also close when a job that holds capacity should end, and until so long after it.
EXPECTED_END_SECONDS, EXPECTED_END_CHECKS = 120, 30

# Seconds that a job takes, until the target has had one of its kind. AWS documents no figures; this is the shortest
# that users report. A longer job is polled some times more, while a guess beyond its end would delay the wave.
EXPECTED_JOB_SECONDS = 540
EXPECTED_TERMINATION_SECONDS = 180

# When a job is expected to end in more than two minutes and less than ten, the launch configurations of later batches
# are read ahead. They are younger than 15 minutes at a start that follows, and no poll near the end is delayed.
READ_AHEAD_SECONDS, MIN_READ_AHEAD_SECONDS = 600, 120

# A job is overdue after twice its usual time, and not before 45 minutes. The usual time is an average over all jobs of
# a target, large and small. Windows servers take about twice as long as Linux ones, so jobs of 45 minutes can end well.
OVERDUE_FACTOR, MIN_OVERDUE_SECONDS = 2, 45 * 60

# Seconds between two reads of the log of one job. A job of 20 minutes has three of them, beside some 20 polls.
STAGE_READ_SECONDS = 300


def seconds_to_next_capacity_check(capacity_checks: int, ends_in: Iterable[float] = ()) -> int:
    """How long a batch waits after so many checks before the next one: 15 s at first, a minute later, then longer.

    `ends_in` has in how many seconds each job that holds capacity should end; below 0 for one that is late. The wait
    ends no later than the next of them.
    """
    # The exponent is limited only to keep the number finite.
    growth = 1.05 ** min(max(capacity_checks - CLOSE_CAPACITY_CHECKS, 0), 100)
    close = min(MIN_CAPACITY_WAIT_SECONDS + 5 * capacity_checks, MAX_CAPACITY_WAIT_SECONDS)
    wait = min(close * growth, RAREST_CAPACITY_CHECK_SECONDS)
    expected = [seconds for seconds in ends_in if seconds > -EXPECTED_END_SECONDS]
    if expected and capacity_checks < EXPECTED_END_CHECKS:
        wait = min(wait, max(min(expected), MIN_CAPACITY_WAIT_SECONDS))
    return round(wait)


def seconds_to_next_poll(age: float, expected: float) -> int:
    """Seconds to the next poll, from the job's age and the seconds that such a job is expected to take.

    Wait for three quarters of the time that is left, so polls get closer towards the expected end. After it they spread
    out again: wait for half of the delay. The expectation can be wrong, so it makes polls closer only: the age alone
    limits each wait. The job's status says nothing of its end: some jobs are STARTED from their first second, others
    are PENDING for most of their time.
    """
    left = expected - age
    wait = left * 3 / 4 if left > 0 else -left / 2
    max_wait = min(max(age * MAX_POLL_SHARE, MAX_POLL_SECONDS), RAREST_POLL_SECONDS) if age > 0 else FIRST_POLL_SECONDS
    return round(min(max(wait, MIN_POLL_SECONDS), max_wait))


def seconds_to_next_try(failures: int) -> int:
    """How long a batch waits after so many failures in a row, each with all its retries."""
    # The exponent is limited only to keep the number finite.
    growth = TRY_GROWTH ** min(max(failures - CLOSE_TRIES, 0), 100)
    return round(min(FIRST_TRY_SECONDS * growth, RAREST_TRY_SECONDS))


def describe_next_try(age: float) -> str:
    """`next try within 2 minutes`, for a batch that the record has shown as waiting for `age` seconds.

    The machine knows when exactly. The longest wait that it can have reached by now is the limit.
    """
    left = age
    for failures in itertools.count(FAILURES_BEFORE_MARK):
        wait = seconds_to_next_try(failures)
        left -= wait
        if left < 0 or wait == RAREST_TRY_SECONDS:
            break
    return f"next try within {plural(-(-wait // 60), 'minute')}"


def is_job_overdue(age: float, usual: float) -> bool:
    """Whether a job of this age, in seconds, takes far longer than jobs of its kind usually do in its target."""
    return age >= max(OVERDUE_FACTOR * usual, MIN_OVERDUE_SECONDS)


def is_reminder_due(since: float, until: float, now: float) -> bool:
    """Whether a wait that began at `since` and ends at `until`, in epoch seconds, is in its last quarter.

    That is ten minutes at least. A wait that is not twice as long needs no reminder: its first message is new.
    """
    last = max((until - since) / 4, MIN_REMINDER_SECONDS)
    return until - since >= 2 * last and 0 < until - now <= last


def is_past_target(elapsed: float, target_minutes: int) -> bool:
    """Whether a run or a wave that has not ended after `elapsed` seconds has missed its RTO target."""
    return elapsed > target_minutes * 60


def describe_job(stage: str | None, age: float, usual: float | None) -> str:
    """`conversion, 14 min of usual 20`."""
    of_usual = f" of usual {round(usual / 60)}" if usual else ""
    return f"{stage or 'stage not read yet'}, {round(age / 60)} min{of_usual}"


# What to do while a cancelled run still follows its jobs.
WHILE_CANCELLING = (
    "DRS's jobs cannot be cancelled, and the run ends when its jobs have ended. Nothing was changed. A plan of its own "
    'can recover servers that are in no job now. See docs/runbook.md, "A job is stuck".'
)


def describe_cancelling(run: Run, batches: Iterable[Batch]) -> str:
    """`drill-1 is cancelling, since ops cancelled it, and waits for the end of job-1 in 111122223333/eu-west-1: …`."""
    waits = [
        f"{batch.job_id} in {batch.ref.target.key}: {describe_job_of(batch)}"
        for batch in batches
        if batch.status is BatchStatus.LAUNCHING and batch.job_id
    ]
    rest = f"waits for the end of {'; '.join(first_of(waits, MAX_JOBS_NAMED))}" if waits else "is about to end"
    return f"{run.execution_id} is cancelling, since {run.cancelled_by} cancelled it, and {rest}"


def describe_job_of(batch: Batch) -> str:
    """The stage and age of the job that the batch has, by the record."""
    age = clock.now() - clock.parse_iso(batch.job_started_at) if batch.job_started_at else 0
    return describe_job(batch.stage, age, batch.usual_seconds)


class CapacityState(TypedDict):
    """The output of CheckCapacity and LeaseCapacity."""

    granted: bool
    paused: bool
    attempt: int
    waitSeconds: int
    capacityChecks: int


@dataclass(frozen=True, slots=True)
class CapacityCheck:
    """Whether the job of an attempt has its capacity. `checks` counts the checks made in a row, this one included.

    `paused` is True when the run is paused, so that no capacity was requested. `ends_in` has in how many seconds the
    jobs that hold the capacity should end.
    """

    granted: bool
    attempt: int
    checks: int
    paused: bool = False
    ends_in: Sequence[float] = ()

    def to_state(self) -> CapacityState:
        """The output of CheckCapacity and LeaseCapacity."""
        return {
            "granted": self.granted,
            "paused": self.paused,
            "attempt": self.attempt,
            "waitSeconds": seconds_to_next_capacity_check(self.checks - 1, self.ends_in),
            "capacityChecks": self.checks,
        }


class JobState(TypedDict):
    """The output of the states that start or poll a job; no `jobId` when there was nothing to do."""

    jobId: str | None
    finished: bool
    waitSeconds: int
    expectedSeconds: int
    mayReadAhead: bool


@dataclass(frozen=True, slots=True)
class JobPoll:
    """What a state machine needs to know of a job: whether it has ended, and when to poll it again.

    `job_id` is None when there is nothing to do and so no job. `expected_seconds` is what such a job takes. With
    `may_read_ahead`, this is the time to read launch configurations of later batches.
    """

    job_id: str | None
    finished: bool
    wait_seconds: int
    expected_seconds: int
    may_read_ahead: bool = False

    @classmethod
    def of_job(cls, job: Job, expected_seconds: int) -> "JobPoll":
        """The job as DRS has just described it."""
        if job.is_completed:
            return cls(job.job_id, True, 0, expected_seconds)
        age = clock.now() - clock.parse_iso(job.created_at)
        may_read_ahead = MIN_READ_AHEAD_SECONDS < expected_seconds - age < READ_AHEAD_SECONDS
        return cls(job.job_id, False, seconds_to_next_poll(age, expected_seconds), expected_seconds, may_read_ahead)

    @classmethod
    def of_new_job(cls, job_id: str, expected_seconds: int) -> "JobPoll":
        """A job that was started a moment ago."""
        return cls(job_id, False, seconds_to_next_poll(0, expected_seconds), expected_seconds)

    def to_state(self) -> JobState:
        """The output of the states that start or poll a job."""
        return {
            "jobId": self.job_id,
            "finished": self.finished,
            "waitSeconds": self.wait_seconds,
            "expectedSeconds": self.expected_seconds,
            "mayReadAhead": self.may_read_ahead,
        }
