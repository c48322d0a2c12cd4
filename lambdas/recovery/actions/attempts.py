"""Begins the attempts of actions: what a record is before the first call, by the kind of the action."""

from collections.abc import Mapping
from dataclasses import replace

from recovery import clock
from recovery.actions import effects, instances, judgement, places, running
from recovery.actions.places import NoTarget, Place
from recovery.domain.target import Target
from recovery.domain.wave_steps import placeholders
from recovery.domain.wave_steps.action_record import (
    ActionPart,
    ActionRecord,
    ActionStatus,
    AwaitedAnswer,
    NewInstances,
)
from recovery.domain.wave_steps.actions import Action, ActionKind, ActionPlace
from recovery.errors import DrsWavesError, Transient
from recovery.target_services.run_command import MAX_IDS

# These run on instances of the run itself, so what an earlier run of the chain did says nothing of them.
NEVER_CARRIED_OVER = (ActionKind.SSM_COMMAND,)


def begin(place: Place, record: ActionRecord, action: Action) -> ActionRecord:
    """The record of the next attempt, not written yet. Raise errors of DRS and EC2 that are transient."""
    now = clock.now()
    record = replace(
        record,
        status=ActionStatus.RUNNING,
        attempt=record.attempt + 1,
        turn=place.turn,
        started_at=clock.iso(now),
        ended_at=None,
        until=int(now) + action.timeout_minutes * 60,
        reason="",
        output="",
        parts=(),
        instances=NewInstances(),
        waiting_for=None,
        waiting_since=None,
        is_settled=False,
    )
    try:
        record = _add_instances(place, record, action)
        match action.kind:
            case ActionKind.WAIT:
                until = int(now) + int(action.settings["minutes"]) * 60
                return replace(record, status=ActionStatus.WAITING, until=until)
            case ActionKind.MANUAL:
                return _await_person(place, record, action)
            case ActionKind.SSM_COMMAND:
                return record if record.parts else _nothing_to_do(record)
            case _:
                part = ActionPart(places.find_target(place, action), record.key)
                return replace(record, parts=(part,))
    except NoTarget as error:
        return record.end(ActionStatus.FAILED, clock.iso(), str(error))


def _await_person(place: Place, record: ActionRecord, action: Action) -> ActionRecord:
    try:
        target: Target | None = places.find_target(place, action)
    except NoTarget:
        target = None
    instructions = places.fill_in(place, action, record, target, record.key)["instructions"]
    return replace(
        record,
        status=ActionStatus.WAITING,
        waiting_for=AwaitedAnswer.CONFIRM,
        waiting_since=record.started_at,
        instructions=instructions,
    )


def _nothing_to_do(record: ActionRecord) -> ActionRecord:
    return record.end(ActionStatus.SUCCEEDED, clock.iso(), "the wave has no new instances, so nothing was sent")


def _add_instances(place: Place, record: ActionRecord, action: Action) -> ActionRecord:
    """Keep the new instances with the attempt, because what is known of them may grow while it runs."""
    is_command = action.kind is ActionKind.SSM_COMMAND
    names = set(placeholders.find_names(action.settings))
    is_named = not names.isdisjoint(placeholders.NAMES_OF_INSTANCES)
    if place.wave is None or place.place is not ActionPlace.AFTER or not (is_command or is_named):
        return record
    only = action.target if is_command else None
    found = instances.find_new_instances(place.execution_id, place.wave.name, only)
    described = instances.describe(found, with_addresses="privateIps" in names)
    parts = tuple(_divide(record.key, found)) if is_command else ()
    return replace(record, instances=described if is_named else NewInstances(), parts=parts)


def _divide(key: str, found: Mapping[Target, Mapping[str, str]]) -> list[ActionPart]:
    """A part for each 50 instances of a target."""
    parts = list[ActionPart]()
    for target, servers in sorted(found.items()):
        ids = sorted(servers.values())
        for at in range(0, len(ids), MAX_IDS):
            chunk = tuple(ids[at : at + MAX_IDS])
            parts.append(ActionPart(target, f"{key}/{len(parts) + 1}", instance_ids=chunk))
    return parts


def carry_over(place: Place, record: ActionRecord, action: Action) -> ActionRecord | None:
    """The record of an action that succeeded in a run that this one continues; None if it has to run."""
    if not place.execution.run.continues or record.attempt or action.kind in NEVER_CARRIED_OVER:
        return None
    found = judgement.find_confirmed_before(place.execution.run, record)
    if found is None:
        return None
    execution_id, earlier = found
    note = f"it succeeded in {execution_id}, which this run continues"
    done = replace(record, started_at=clock.iso(), turn=place.turn, attempt=1, parts=())
    return done.end(ActionStatus.SUCCEEDED, clock.iso(), note, earlier.output)


def leave_out(place: Place, records: Mapping[int, ActionRecord], reason: str) -> None:
    """Record the actions at the place as SKIPPED. Raise MovedOn."""
    for number in place.actions:
        if number not in records:
            now = clock.iso()
            record = replace(place.new_record(number), turn=place.turn)
            running.save(record.end(ActionStatus.SKIPPED, now, reason))


def verify(place: Place, record: ActionRecord, action: Action) -> ActionRecord:
    """The record after a look whether the action could run, not written yet. Raise errors that are transient."""
    looked = replace(record, started_at=clock.iso(), turn=place.turn, attempt=1)
    try:
        found = _look_up(place, looked, action)
    except Transient:
        raise
    except (DrsWavesError, NoTarget) as error:
        failed = looked.end(ActionStatus.FAILED, clock.iso(), f"it could not run: {error}")
        return replace(failed, is_settled=True)
    return looked.end(ActionStatus.VERIFIED, clock.iso(), found)


def _look_up(place: Place, record: ActionRecord, action: Action) -> str:
    if not action.kind.runs_in_target:
        return "it needs nothing of an account"
    if action.kind is ActionKind.SSM_COMMAND and place.wave and not action.target:
        targets = places.list_targets(place, place.wave)
    else:
        targets = [places.find_target(place, action)]
    settings = [places.fill_in(place, action, record, target, record.key) for target in targets]
    found = [effects.verify(action.kind, target, each) for target, each in zip(targets, settings, strict=True)]
    return "; ".join(dict.fromkeys(found))
