"""The checks and actions of the plan as it was run: their settings, and the actions that the run does not have."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.wave_steps.actions import Action, ActionPlace, read_actions
from recovery.domain.wave_steps.checks import DEFAULT_CHECKS_MINUTES, Check, read_checks
from recovery.domain.wave_steps.modes import BOTH, RunMode
from recovery.wording import name_place


@dataclass(frozen=True, slots=True)
class StepSettings:
    """A check or an action of the plan. `of` is its wave, its group in a wave, or the plan; `settings` have names."""

    name: str
    of: str
    kind: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ActionNotRun:
    """An action of the plan for other runs: `only` is the kind of runs that have it, such as `recovery`."""

    name: str
    place: str
    title: str
    only: str


def list_settings(plan: Mapping[str, Any], group_names: Mapping[str, str]) -> Iterator[StepSettings]:
    """The checks and actions in the order of a run: those before the plan, those of each wave, those after the plan."""
    yield from _list_actions(plan, None, ActionPlace.BEFORE)
    for wave in plan["waves"]:
        yield from _list_actions(wave, wave["name"], ActionPlace.BEFORE)
        within = {"checksTimeoutMinutes": wave.get("checksTimeoutMinutes") or DEFAULT_CHECKS_MINUTES}
        of_wave = f"wave {wave['name']}"
        yield from (_describe_check(check, of_wave, within) for check in read_checks(wave))
        for use in wave["groups"]:
            of_group = f"{of_wave}, group {group_names.get(use['groupId'], use['groupId'])}"
            yield from (_describe_check(check, of_group, within) for check in read_checks(use))
        yield from _list_actions(wave, wave["name"], ActionPlace.AFTER)
    yield from _list_actions(plan, None, ActionPlace.AFTER)


def list_actions_not_run(report: Mapping[str, Any]) -> list[ActionNotRun]:
    """The actions of the plan that are not for runs of this kind; none if the plan is not recorded."""
    if report["tested"] is None or report["mode"] not in ("DRILL", "RECOVERY"):
        return []
    plan, mode = report["tested"]["plan"], RunMode(report["mode"].lower())
    return [
        ActionNotRun(action.name, name_place(place, wave), action.title, action.modes[0])
        for item, wave in ((plan, None), *((wave, wave["name"]) for wave in plan["waves"]))
        for place in ActionPlace
        for action in read_actions(item, place)
        if mode not in action.modes
    ]


def _list_actions(item: Mapping[str, Any], wave: str | None, place: ActionPlace) -> Iterator[StepSettings]:
    for action in read_actions(item, place):
        yield StepSettings(action.name, name_place(place, wave), action.kind, _settings_of(action))


def _settings_of(action: Action) -> tuple[tuple[str, str], ...]:
    item = action.to_item()
    own = item.pop(action.kind.value)
    return _format({**own, **{name: value for name, value in item.items() if name != "name"}})


def _describe_check(check: Check, of: str, within: Mapping[str, Any]) -> StepSettings:
    modes = {} if set(check.modes) == set(BOTH) else {"in": check.modes}
    settings = {**check.settings, "successes": check.successes, **within, **modes}
    return StepSettings(check.name, of, check.kind, _format(settings))


def _format(settings: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Each setting as the plan file has it, in JSON unless it is a text. A document always has its version."""
    version = {"documentVersion": "the default one"} if "document" in settings else {}
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in {**version, **settings}.items()
    )
