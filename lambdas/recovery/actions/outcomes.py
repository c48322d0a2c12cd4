"""What became of the actions at a place: whether some have not ended, and which of them make their wave fail."""

from dataclasses import dataclass

from recovery.domain.execution import Execution
from recovery.domain.plan import Wave
from recovery.domain.wave_steps.actions import ActionPlace


@dataclass(frozen=True, slots=True)
class ActionOutcomes:
    """`is_open`: some actions of this turn have not ended. `failures` say of each that fails its wave or plan why."""

    is_open: bool = False
    failures: tuple[str, ...] = ()


def read_outcomes(execution: Execution, wave: Wave | None, place: ActionPlace, turn: int) -> ActionOutcomes:
    """The outcomes of the actions at this place of the wave; of the plan, if there is no wave."""
    return ActionOutcomes()


def close_actions(execution: Execution, wave: Wave | None, place: ActionPlace, turn: int) -> ActionOutcomes:
    """Record actions that have not ended as failed, because nothing follows them any more. Return the outcomes."""
    return read_outcomes(execution, wave, place, turn)
