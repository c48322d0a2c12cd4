"""The inputs of the Task states of verify-target and run-actions, and those outputs that have no class of their own."""

from typing import NotRequired, TypedDict

from tasks.states import CaughtErrorState


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
