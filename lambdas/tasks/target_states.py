"""The inputs and outputs of tasks that change targets for a run, and put that back."""

from typing import NotRequired, TypedDict

from recovery.domain.target import TargetState
from tasks.states import ExecutionInput


class ReserveCapacityInput(ExecutionInput, TargetState):
    """A target in which the run reserves capacity."""


class ReserveCapacityOutput(TypedDict):
    """How many reservations there are, and how many could not be made."""

    reserved: int
    refused: int


# --- restore-target ---------------------------------------------------------------------------------------------
class RestoreTargetInput(TargetState, TypedDict):
    """A round of restore-target: the name of its execution, and how many rounds came before.

    `force` overwrites what a person has changed, `keep` removes the rows only; without servers, all are meant.
    """

    machine: str
    round: int
    sourceServerIds: NotRequired[list[str] | None]
    force: NotRequired[bool | None]
    keep: NotRequired[bool | None]


class RestoreTargetOutput(TypedDict):
    """How many changes were dealt with and how many are left; seconds to the next round. `finished`: nothing is left
    that can be put back. `because` says of a change why it is left.
    """

    done: int
    left: int
    waitSeconds: int
    finished: bool
    because: str | None
