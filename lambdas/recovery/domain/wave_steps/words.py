"""The checks and actions of a plan, in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recovery.domain.wave_steps.actions import Action, ActionPlace, read_actions
from recovery.domain.wave_steps.checks import Check, read_checks
from recovery.domain.wave_steps.modes import BOTH, RunMode
from recovery.free_text import flatten


def list_checks(wave: Mapping[str, Any]) -> list[Check]:
    """The checks of a wave and of the uses of groups in it, each once, as the API has them."""
    found = {check.key: check for item in (wave, *wave.get("groups", ())) for check in read_checks(item)}
    return list(found.values())


def describe_checks(wave: Mapping[str, Any]) -> str:
    """`boot, http :8080/health (drill only)`; nothing for a wave without checks."""
    return ", ".join(f"{flatten(check.name)}{_name_modes(check.modes)}" for check in list_checks(wave))


def describe_actions(item: Mapping[str, Any], of: str) -> Iterator[str]:
    """`freeze-writes before database: automation Shop-FreezeWrites`, for each action of a wave, or of the plan."""
    for place in ActionPlace:
        for action in read_actions(item, place):
            yield f"{action.name} {place} {flatten(of)}: {describe_action(action)}"


def describe_action(action: Action) -> str:
    """What it does, with the kind of runs that have it."""
    return f"{flatten(action.title)}{_name_modes(action.modes)}"


def describe_plan(plan: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """`checks` and `actions`, each with its lines, if the plan has any."""
    checks = [f"{flatten(wave['name'])}: {text}" for wave in plan["waves"] if (text := describe_checks(wave))]
    actions = [*describe_actions({"before": plan.get("before") or ()}, "the plan")]
    for wave in plan["waves"]:
        actions += describe_actions({name: wave.get(name) or () for name in ("before", "after")}, wave["name"])
    actions += describe_actions({"after": plan.get("after") or ()}, "the plan")
    if checks:
        yield "checks", checks
    if actions:
        yield "actions", actions


def _name_modes(modes: Sequence[RunMode]) -> str:
    return "" if set(modes) == set(BOTH) else f" ({modes[0]} only)"
