"""The inputs of the Task states of verify-target and run-actions, and those outputs that have no class of their own."""

from typing import NotRequired, TypedDict

from recovery.domain.target import TargetState
from tasks.states import CaughtErrorState, WaveInput


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


# --- run-actions ------------------------------------------------------------------------------------------------
class ActionsInput(TypedDict):
    """The actions `before` or `after` a wave in a turn of it; those of the plan if there is no wave."""

    executionId: str
    wave: str | None
    place: str
    turn: int
    retries: NotRequired[int]


class StopActionInput(ActionsInput):
    """The error that broke the machine."""

    error: CaughtErrorState


class StopActionOutput(TypedDict):
    """A line for each action that may run on."""

    left: list[str]


class KeepActionTokenInput(ActionsInput):
    """`gate` is ACTION or RESUME."""

    gate: str
    taskToken: str


class NotifyOfActionInput(ActionsInput):
    """The state that failed, its last error, how many attempts it made, and how many seconds it waits now."""

    task: str
    error: CaughtErrorState
    attempts: NotRequired[int]
    waitSeconds: NotRequired[int]
