"""Begins and ends the checks of a wave."""

from recovery.domain.execution import Execution
from recovery.domain.plan import Wave
from recovery.domain.target import Target


def start_checks(execution: Execution, wave: Wave, turn: int) -> dict[Target, list[int]]:
    """Begin the checks of the wave's launched servers that have not passed them. Return their batches, by target.

    Nothing is returned when there is nothing to check: the wave has no checks in such a run, no server was launched,
    all have passed, or the run is halted. A repeated call of the same turn changes nothing.
    """
    return {}


def end_checks(execution: Execution, wave: Wave) -> None:
    """Record every launched server of the wave that has checks and has not passed them as UNVERIFIED."""
