"""The list of the actions of a run, with those that have not begun, and what each of them did in each target."""

from collections.abc import Iterator
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import build_from_row
from api.schemas.responses.steps.of_runs import ActionInRun, Row, build_action
from recovery.domain.execution import ExecutionStatus, Mode
from recovery.domain.plan import RecoveryPlan
from recovery.domain.wave_steps.action_record import ActionRecord, ActionStatus
from recovery.domain.wave_steps.actions import Action, ActionPlace
from recovery.store.execution_record import ExecutionRecord


class ActionPartInRun(TypedDict):
    """What an action does in one account and Region, for a command on at most 50 instances."""

    accountId: str
    region: str
    key: Annotated[str, Field(description="What marks everything that it started: the comment, tag or `actionKey`.")]
    status: Annotated[str, Field(description="READY, STARTING, RUNNING, SUCCEEDED, FAILED or STOPPED.")]
    id: Annotated[str | None, Field(description="The automation, command or execution that it started.")]
    instances: Annotated[int | None, Field(description="On how many instances a command runs.")]
    note: Annotated[str | None, Field(description="What went wrong with it, or what it waits for.")]


class ListedAction(ActionInRun):
    """An action of a run, with its output and what it did in each target."""

    output: Annotated[str | None, Field(description="The beginning of its output; what looks like a secret is masked.")]
    instructions: NotRequired[Annotated[str, Field(description="What the person of a manual task does.")]]
    parts: Annotated[list[ActionPartInRun], Field(description="What it did in each account and Region.")]


class ListedActions(TypedDict):
    """The actions of a run in the order of its plan: those before it, those of each wave, those after it."""

    actions: Annotated[list[ListedAction], Field(description="The actions.")]


def build_listed_actions(record: ExecutionRecord, plan: RecoveryPlan) -> ListedActions:
    """The actions of a run with this plan. One that has not begun is PENDING, or SKIPPED if the run has ended."""
    rows = {(row.get("wave"), row["place"], int(row["number"])): row for row in record.actions}
    mode = Mode.of_run(record.meta["executionId"]).of_steps
    listed: list[ListedAction] = []
    for wave, place, number, action in _walk(plan):
        if (row := rows.get((wave, place.value, number))) is not None:
            listed.append(_build(row))
        elif mode in action.modes:
            listed.append(_build(_not_begun(record.meta, wave, place, number, action)))
    return {"actions": listed}


def _walk(plan: RecoveryPlan) -> Iterator[tuple[str | None, ActionPlace, int, Action]]:
    lists = [(None, ActionPlace.BEFORE, plan.before)]
    for wave in plan.waves:
        lists += [(wave.name, ActionPlace.BEFORE, wave.before), (wave.name, ActionPlace.AFTER, wave.after)]  # type: ignore[list-item]
    lists.append((None, ActionPlace.AFTER, plan.after))
    for name, place, actions in lists:
        for number, action in enumerate(actions, 1):
            yield name, place, number, action


def _not_begun(meta: Row, wave: str | None, place: ActionPlace, number: int, action: Action) -> dict[str, Any]:
    record = ActionRecord.new(meta["executionId"], wave, place, number, action).to_item()
    if ExecutionStatus(meta["status"]).is_final:
        record |= {"status": ActionStatus.SKIPPED.value, "reason": "the run ended before it began"}
    return {name: value for name, value in record.items() if value is not None}


def _build(row: Row) -> ListedAction:
    parts: list[ActionPartInRun] = [
        {
            "accountId": part["accountId"],
            "region": part["region"],
            "key": part["key"],
            "status": part["status"],
            "id": part.get("id"),
            "instances": int(part["instances"]) if part.get("instances") else None,
            "note": part.get("note"),
        }
        for part in row.get("parts", ())
    ]
    return build_from_row(ListedAction, {**row, **build_action(row)}, output=row.get("output"), parts=parts)
