"""What run-actions does next, as StartAction and PollAction answer it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from recovery import clock
from recovery.domain.wave_steps.action_record import ActionRecord

# The clock of Step Functions may be a little ahead of ours.
CLOCK_MARGIN_SECONDS = 2

# An answer of an operator is waited for as long as a pause may last, before the machine itself ends.
ANSWER_SECONDS = 13 * 86_400

# What was not done because another invocation was at it is looked at again after so many seconds.
AGAIN_SECONDS = 5

# For so many seconds an action is polled each quarter of a minute, and then each minute. After an hour, a twelfth of
# its age passes between two polls, and a quarter of a day at most.
SHORT_SECONDS, LONG_SECONDS = 300, 3_600
PART_OF_AGE, LONGEST_SECONDS = 12, 6 * 3_600


class NextStep(StrEnum):
    """StartAction again, a wait and then PollAction, a wait for a token, or the end of the machine.

    LONG_WAIT is a wait for the next poll that a cancel ends. INVOKE calls a function. PERSON waits for a manual task,
    TIME for the end of a `wait`, DECISION for what follows a failure, RESUME for the end of a pause.
    """

    START = "START"
    WAIT = "WAIT"
    LONG_WAIT = "LONG_WAIT"
    INVOKE = "INVOKE"
    PERSON = "PERSON"
    TIME = "TIME"
    DECISION = "DECISION"
    RESUME = "RESUME"
    ENDED = "ENDED"


class ActionStepState(TypedDict):
    """The output of StartAction, PollAction and InvokeFunction.

    `waitSeconds` is for a Wait state, `timeoutSeconds` for a state that waits for its token.
    """

    next: str
    waitSeconds: int
    timeoutSeconds: int


@dataclass(frozen=True, slots=True)
class ActionStep:
    """What comes next, and how long it takes at most: seconds of the product's clock."""

    next: NextStep
    seconds: float = 0

    def to_state(self) -> ActionStepState:
        """The output of a task. Only the waits of Wait states are those of the product's clock."""
        wall = round(clock.wall_seconds(self.seconds)) + CLOCK_MARGIN_SECONDS
        return {"next": self.next.value, "waitSeconds": max(round(self.seconds), 1), "timeoutSeconds": wall}


START, ENDED, AGAIN = ActionStep(NextStep.START), ActionStep(NextStep.ENDED), ActionStep(NextStep.WAIT, AGAIN_SECONDS)


def wait_for(record: ActionRecord) -> ActionStep:
    """The wait before the next poll of an action that runs; not longer than the time that the action has left."""
    now = clock.now()
    age = now - clock.parse_iso(record.started_at or clock.iso())
    seconds = 15.0 if age < SHORT_SECONDS else 60.0
    if age >= LONG_SECONDS:
        seconds = min(max(age / PART_OF_AGE, 61.0), LONGEST_SECONDS)
    seconds = max(min(seconds, (record.until or now) - now + 1), 1.0)
    return ActionStep(NextStep.WAIT if seconds <= 60 else NextStep.LONG_WAIT, seconds)
