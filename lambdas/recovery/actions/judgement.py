"""What the record of an action means for its place: whether it runs, runs again, or makes its wave fail."""

from recovery.actions.places import Place
from recovery.domain.execution import Run
from recovery.domain.wave_steps.action_record import ActionRecord, ActionStatus
from recovery.domain.wave_steps.actions import Action, ActionPlace, ActionsOption, OnActionFailure


def find_reason_to_leave_out(place: Place) -> str | None:
    """Why no action at the place runs, though the run is not halted; None if they run."""
    run = place.execution.run
    if run.actions is ActionsOption.SKIP:
        return "the drill leaves actions out"
    if place.wave is not None or place.place is ActionPlace.BEFORE or run.is_halted:
        return None
    if run.stop_reason:
        return f"the run was stopped: {run.stop_reason}"
    if not any(status.succeeded for status in place.snapshot.wave_statuses.values()):
        return "no wave succeeded"
    return None


def fails_its_place(action: Action, record: ActionRecord) -> bool:
    """Whether an attempt that has ended makes its wave, or its plan, fail."""
    if record.status.is_open or record.status.is_done or action.on_failure is OnActionFailure.CONTINUE:
        return False
    return action.on_failure is OnActionFailure.STOP or record.is_settled


def is_to_run_again(action: Action, record: ActionRecord, turn: int) -> bool:
    """Whether an action that made its wave fail in an earlier turn runs again in this one."""
    return record.turn < turn and fails_its_place(action, record)


def counts_as_failure(run: Run, action: Action, record: ActionRecord) -> bool:
    """Whether a verdict names it. What a cancel of the run stopped is the cancel's doing.

    A look at what could run fails no wave: the drill goes on to launch its servers.
    """
    if run.actions is ActionsOption.VERIFY_ONLY or (record.status is ActionStatus.CANCELLED and run.cancelled_by):
        return False
    return fails_its_place(action, record)
