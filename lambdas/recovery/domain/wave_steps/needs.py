"""What the checks and actions of a plan need in which target: documents, functions, machines, buses, target groups."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from recovery.domain.plan import ProtectionGroup, RecoveryPlan, Wave
from recovery.domain.target import Target
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace
from recovery.domain.wave_steps.checks import Check, CheckKind
from recovery.wording import name_first


class NeedKind(StrEnum):
    """What is needed. LOOKS is the right to see status checks and agents, SCRIPTS a document that runs scripts."""

    LOOKS = "looks"
    SCRIPTS = "scripts"
    COMMAND = "command document"
    AUTOMATION = "automation document"
    FUNCTION = "function"
    STATE_MACHINE = "state machine"
    EVENT_BUS = "event bus"
    TARGET_GROUP = "target group"


@dataclass(frozen=True, slots=True)
class Need:
    """A thing that has to be in a target. `parameters` has the names of a document's parameters that the plan gives."""

    target: Target
    kind: NeedKind
    name: str = ""
    version: str | None = None
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A check or an action of a plan, and where it stands: `waves[2].before[0]` without the number of the wave.

    `wave` is None for an action of the plan itself.
    """

    wave: str | None
    place: str
    title: str


@dataclass(frozen=True, slots=True)
class StepNeeds:
    """What a step needs, or why its plan cannot say where it acts."""

    step: Step
    needs: tuple[Need, ...] = ()
    mistake: str | None = None


def list_needs(plan: RecoveryPlan, groups: Mapping[str, ProtectionGroup]) -> Iterator[StepNeeds]:
    """What each check and action of the plan needs. Groups that are unknown are left out."""
    of_plan = sorted({group.target for group in groups.values()})
    yield from _list_of_actions(plan, None, of_plan)
    for wave in plan.waves:
        targets = sorted({groups[use.group_id].target for use in wave.groups if use.group_id in groups})
        for number, check in enumerate(wave.checks):
            yield _needs_of_check(check, Step(wave.name, f"checks[{number}]", f"check {check.name}"), targets)
        for at, use in enumerate(wave.groups):
            of_group = [groups[use.group_id].target] if use.group_id in groups else []
            for number, check in enumerate(use.checks):
                step = Step(wave.name, f"groups[{at}].checks[{number}]", f"check {check.name}")
                yield _needs_of_check(check, step, of_group)
        yield from _list_of_actions(wave, wave.name, targets)


def _list_of_actions(owner: RecoveryPlan | Wave, wave: str | None, targets: Sequence[Target]) -> Iterator[StepNeeds]:
    for place in ActionPlace:
        for number, action in enumerate(owner.before if place is ActionPlace.BEFORE else owner.after):
            step = Step(wave, f"{place.value}[{number}]", f"action {action.name} ({action.title})")
            yield _needs_of_action(action, step, targets)


def find_target(action: Action, targets: Sequence[Target]) -> Target:
    """Where an action acts: in the target that it names, or in the only one of its wave or plan. Raise ValueError."""
    if action.target:
        return action.target
    if len(targets) == 1:
        return targets[0]
    where = name_first([target.key for target in targets], 3) or "none"
    raise ValueError(f"acts in one account and Region, but there are several: {where}; give accountId and region")


def _needs_of_action(action: Action, step: Step, targets: Sequence[Target]) -> StepNeeds:
    if not action.kind.runs_in_target or not targets:
        return StepNeeds(step)
    if action.kind is ActionKind.SSM_COMMAND:
        chosen = [action.target] if action.target else targets
        asked = (need for target in chosen for need in needs_of(action.kind, action.settings, target))
        return StepNeeds(step, tuple(asked))
    try:
        target = find_target(action, targets)
    except ValueError as mistake:
        return StepNeeds(step, mistake=str(mistake))
    return StepNeeds(step, tuple(needs_of(action.kind, action.settings, target)))


def needs_of(kind: ActionKind, settings: Mapping[str, Any], target: Target) -> Iterator[Need]:
    """What an action of this kind needs in a target; nothing for one that acts in none."""
    match kind:
        case ActionKind.SSM_AUTOMATION:
            yield _document(target, NeedKind.AUTOMATION, settings)
        case ActionKind.SSM_COMMAND:
            yield _document(target, NeedKind.COMMAND, settings)
        case ActionKind.LAMBDA:
            yield Need(target, NeedKind.FUNCTION, settings["function"])
        case ActionKind.STATE_MACHINE:
            yield Need(target, NeedKind.STATE_MACHINE, settings["name"])
        case ActionKind.EVENT:
            yield Need(target, NeedKind.EVENT_BUS, settings.get("bus", "default"))


def _document(target: Target, kind: NeedKind, settings: Mapping[str, Any]) -> Need:
    names = tuple(sorted(settings.get("parameters") or ()))
    return Need(target, kind, settings["document"], settings.get("documentVersion"), names)


def _needs_of_check(check: Check, step: Step, targets: Sequence[Target]) -> StepNeeds:
    match check.kind:
        case CheckKind.POST_LAUNCH_ACTIONS:
            return StepNeeds(step)
        case CheckKind.BOOT | CheckKind.AGENT:
            return StepNeeds(step, tuple(Need(target, NeedKind.LOOKS) for target in targets))
        case CheckKind.TARGET_GROUP:
            chosen = [target for target in targets if check.is_of(target)]
            if targets and not chosen:
                where = name_first([target.key for target in targets], 3)
                return StepNeeds(step, mistake=f"is not in the account and Region of its servers: {where}")
            arn = check.settings["arn"]
            return StepNeeds(step, tuple(Need(target, NeedKind.TARGET_GROUP, arn) for target in chosen))
        case CheckKind.COMMAND:
            asked = [_document(target, NeedKind.COMMAND, check.settings) for target in targets]
        case _:
            asked = [Need(target, NeedKind.SCRIPTS) for target in targets]
    return StepNeeds(step, (*(Need(target, NeedKind.LOOKS) for target in targets), *asked))
