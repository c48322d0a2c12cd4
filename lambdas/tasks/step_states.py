"""The inputs and outputs of the tasks of verify-target and run-actions, as `states` has those of the other machines."""

from typing import TypedDict

from recovery.domain.target import TargetState
from tasks.states import WaveInput


# --- verify-target ----------------------------------------------------------------------------------------------
class CheckServersInput(WaveInput, TargetState):
    """A batch to look at, how many batches its execution looks at, and how often in a row the task has failed.

    `turn` is that of the wave. `afterEnd` is True if the run had ended before.
    """

    batch: int
    batches: int
    turn: int
    afterEnd: bool
    failures: int


class CorrectWaveInput(WaveInput, TargetState):
    """The wave, and the target in which its servers were checked."""

    turn: int


class CorrectWaveOutput(TypedDict):
    """The status of the wave after the correction."""

    status: str
