"""The place of actions in a run: which actions are there, in which target each acts, and what its texts stand for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.execution import Execution, RunSnapshot
from recovery.domain.plan import Wave
from recovery.domain.target import Target
from recovery.domain.wave_steps import needs, placeholders
from recovery.domain.wave_steps.action_record import ActionRecord
from recovery.domain.wave_steps.actions import Action, ActionPlace
from recovery.store import run_requests, waves


class NoTarget(Exception):
    """The action has no target: its wave or plan has several, and the action names none."""


@dataclass(frozen=True, slots=True)
class Place:
    """The actions before or after a wave, or the plan if there is no wave, in a turn of the wave."""

    snapshot: RunSnapshot
    execution: Execution
    wave: Wave | None
    place: ActionPlace
    turn: int
    actions: Mapping[int, Action] = field(default_factory=dict)

    @property
    def wave_name(self) -> str | None:
        """The name of the wave; None for the plan."""
        return self.wave.name if self.wave else None

    @property
    def execution_id(self) -> str:
        """The id of the run."""
        return self.execution.execution_id

    @property
    def is_over(self) -> bool:
        """Whether the wave is at a later turn, so that a call for this one comes late."""
        return self.wave is not None and self.snapshot.wave_states[self.wave.name].turn > self.turn

    def new_record(self, number: int) -> ActionRecord:
        """The record of an action that has none."""
        return ActionRecord.new(self.execution_id, self.wave_name, self.place, number, self.actions[number])


def list_actions(execution: Execution, wave: Wave | None, place: ActionPlace) -> dict[int, Action]:
    """The actions at a place that take part in a run of this mode, by their number in the plan, from 1."""
    owner, mode = wave or execution.plan, execution.run.mode.of_steps
    actions = owner.before if place is ActionPlace.BEFORE else owner.after
    return {number: action for number, action in enumerate(actions, 1) if mode in action.modes}


def load_place(execution_id: str, wave_name: str | None, place: ActionPlace, turn: int) -> Place:
    """Read the run and its plan. Raise ExecutionNotFound."""
    snapshot = waves.load_snapshot(execution_id)
    execution = Execution(snapshot.run, run_requests.get_plan(execution_id))
    wave = execution.plan.wave(wave_name) if wave_name else None
    return Place(snapshot, execution, wave, place, turn, list_actions(execution, wave, place))


def find_target(place: Place, action: Action) -> Target:
    """The account and Region in which an action acts. Raise NoTarget if the plan does not say."""
    owners = [place.wave] if place.wave else place.execution.plan.waves
    targets = {target for wave in owners for target in list_targets(place, wave)} if action.target is None else set()
    try:
        return needs.find_target(action, sorted(targets))
    except ValueError as mistake:
        raise NoTarget(str(mistake)) from mistake


def list_targets(place: Place, wave: Wave) -> list[Target]:
    """The accounts and Regions of a wave, in order."""
    groups = run_requests.get_groups(place.execution_id)
    return sorted({groups[use.group_id].target for use in wave.groups})


def fill_in(place: Place, action: Action, record: ActionRecord, target: Target | None, key: str) -> dict[str, Any]:
    """The settings of an action with every name in braces replaced. `key` is what `{actionKey}` stands for."""
    run = place.execution.run
    values: dict[str, Any] = {
        "executionId": run.execution_id,
        "mode": run.mode.value.lower(),
        "planId": run.plan_id,
        "planName": run.plan_name,
        "actionKey": key,
        "instanceIds": list(record.instances.instance_ids),
        "privateIps": list(record.instances.private_ips),
        "sourceServerIds": list(record.instances.server_ids),
    }
    if place.wave:
        values["wave"] = place.wave.name
    if target:
        values |= target.to_state()
    filled: dict[str, Any] = placeholders.fill_in(dict(action.settings), values)
    return filled
