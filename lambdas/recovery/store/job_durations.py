"""How long DRS jobs take in a target: a moving average in the `limits` table, which sets the poll interval."""

from recovery import clock
from recovery.aws import dynamodb
from recovery.domain.drs_shapes.jobs import Job
from recovery.domain.execution import Mode
from recovery.domain.polling import EXPECTED_JOB_SECONDS
from recovery.domain.target import Target
from recovery.settings import settings

# The weight of the newest job in the average.
NEWEST_JOB_WEIGHT = 0.5


def _key(target: Target, mode: Mode) -> dict[str, str]:
    return {"target": target.key, "item": f"JOB_SECONDS#{mode.value}"}


def expected_seconds(target: Target, mode: Mode) -> int:
    """How long the next job of this kind is expected to take."""
    row = dynamodb.get(settings().limits_table, _key(target, mode))
    return int(row["seconds"]) if row else EXPECTED_JOB_SECONDS


def record_duration(target: Target, mode: Mode, job: Job) -> None:
    """Add a job to the average, or begin it. A repeated call gives the newest job more weight, which is harmless."""
    if job.ended_at is None:
        return
    took = clock.parse_iso(job.ended_at) - clock.parse_iso(job.created_at)
    if took <= 0:  # DRS does not say when it created the job
        return
    row = dynamodb.get(settings().limits_table, _key(target, mode))
    before = int(row["seconds"]) if row else took
    seconds = round((1 - NEWEST_JOB_WEIGHT) * before + NEWEST_JOB_WEIGHT * took)
    dynamodb.update(settings().limits_table, _key(target, mode), {"seconds": seconds})
