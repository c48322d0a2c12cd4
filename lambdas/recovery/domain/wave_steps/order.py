"""The actions of a plan, in the order in which they run."""

from collections.abc import Iterator
from typing import NamedTuple

from recovery.domain.plan import RecoveryPlan, Wave
from recovery.domain.wave_steps.actions import Action, ActionPlace


class PlacedAction(NamedTuple):
    """An action and its place: `wave` is None for one of the plan, `number` counts from 1 there."""

    wave: str | None
    place: ActionPlace
    number: int
    action: Action


def list_in_order(plan: RecoveryPlan) -> Iterator[PlacedAction]:
    """Those before the plan, those before and after each wave, and those after the plan."""
    yield from _list_at(plan, None, ActionPlace.BEFORE)
    for wave in plan.waves:
        yield from _list_at(wave, wave.name, ActionPlace.BEFORE)
        yield from _list_at(wave, wave.name, ActionPlace.AFTER)
    yield from _list_at(plan, None, ActionPlace.AFTER)


def _list_at(owner: RecoveryPlan | Wave, wave: str | None, place: ActionPlace) -> Iterator[PlacedAction]:
    for number, action in enumerate(owner.before if place is ActionPlace.BEFORE else owner.after, 1):
        yield PlacedAction(wave, place, number, action)
