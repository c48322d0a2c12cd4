"""When to poll a DRS job or ask for capacity again."""

from dataclasses import dataclass
from typing import Any

# A job is looked at no sooner and no later than this, in seconds. Half a minute is what a person would call
# prompt for a job of twenty minutes; two minutes keeps the polls of a job of hours few.
MIN_POLL_SECONDS, MAX_POLL_SECONDS = 20, 120

# While a job is PENDING it cannot end before it has been STARTED, which takes DRS minutes.
MAX_POLL_OF_STARTED_SECONDS = 30

# A slot may come free at any moment, so the first looks are close; a batch that waits for hours asks once a minute,
# to keep its events few.
MIN_CAPACITY_WAIT_SECONDS, MAX_CAPACITY_WAIT_SECONDS = 15, 60

# What a job takes when no earlier one of its kind was seen in the target (AWS gives no figure; observed).
EXPECTED_JOB_SECONDS = {"DRILL": 1_200, "RECOVERY": 1_800}


def seconds_to_next_capacity_check(capacity_checks: int) -> int:
    """How long a batch waits after so many checks before the next one: 15 s at first, a minute later."""
    return min(MIN_CAPACITY_WAIT_SECONDS + 5 * capacity_checks, MAX_CAPACITY_WAIT_SECONDS)


def seconds_to_next_poll(age: float, expected: float, job_status: str) -> int:
    """How long to leave a job alone, from its age and what such jobs take, all in seconds.

    Half of what should be left, so the looks get closer as the end comes near; past the expected end they
    spread out again, a quarter of the delay at a time.
    """
    left = expected - age
    wait = left / 2 if left > 0 else -left / 4
    longest = MAX_POLL_OF_STARTED_SECONDS if job_status == "STARTED" and left > 0 else MAX_POLL_SECONDS
    return round(min(max(wait, MIN_POLL_SECONDS), longest))


@dataclass(frozen=True, slots=True)
class JobPoll:
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
