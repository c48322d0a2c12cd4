"""What takes longer than it should: runs and waves past their RTO target, and DRS jobs far over their usual time."""

from collections.abc import Collection

from recovery.domain.drs_shapes.job_log import LAUNCH_END, JobLog

# A job is overdue after twice its usual time, and not before 45 minutes. The usual time is an average over jobs of all
# sizes and systems of a target; Windows servers take about twice as long as Linux ones, and jobs of 45 minutes end well.
OVERDUE_FACTOR, MIN_OVERDUE_SECONDS = 2, 45 * 60

# Seconds between two reads of the log of one job. A job of 20 minutes has three of them, beside some 20 polls.
STAGE_READ_SECONDS = 300

# The stages of a launch, in order, by the beginning of DRS's events (JobLogEvent in botocore's drs model).
_STAGES = (
    ("CLEANUP", "clean-up of the earlier instance"),
    ("SNAPSHOT", "snapshot"),
    ("USING_PREVIOUS_SNAPSHOT", "snapshot"),
    ("CONVERSION", "conversion"),
    ("LAUNCH", "launch"),
)
NOT_BEGUN = "not begun"


def is_job_overdue(age: float, usual: float) -> bool:
    """Whether a job of this age, in seconds, takes far longer than jobs of its kind usually do in its target."""
    return age >= max(OVERDUE_FACTOR * usual, MIN_OVERDUE_SECONDS)


def is_past_target(elapsed: float, target_minutes: int | None) -> bool:
    """Whether a run or a wave that has not ended after `elapsed` seconds has missed its RTO target."""
    return target_minutes is not None and elapsed > target_minutes * 60


def find_stage(log: JobLog, server_ids: Collection[str]) -> str:
    """The stage of the servers that are furthest behind; failed and launched ones do not count."""
    last_events = [
        own.stage or ""
        for own in (log.of_server(server_id) for server_id in server_ids)
        if own.failure is None and own.stage != LAUNCH_END
    ]
    ranks = [_rank(event) for event in last_events]
    return _STAGES[min(ranks)][1] if ranks and min(ranks) >= 0 else NOT_BEGUN if ranks else _STAGES[-1][1]


def _rank(event: str) -> int:
    return next((rank for rank, (prefix, _) in enumerate(_STAGES) if event.startswith(prefix)), -1)


def describe_job(stage: str | None, age: float, usual: float | None) -> str:
    """`conversion, 14 min of usual 20`."""
    of_usual = f" of usual {round(usual / 60)}" if usual else ""
    return f"{stage or 'stage not read yet'}, {round(age / 60)} min{of_usual}"
