"""Starts the parts of an action, each once, follows them, and stops them.

The intent is on record before a call starts anything (STARTING). If its answer is lost or the function is killed, the
next invocation looks for what the call has started, by the key of the part. It repeats the call only when nothing is
shown, although the function that made the call has ended and the service has had time to show what it did.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.actions import effects
from recovery.domain.wave_steps.action_record import (
    MAX_OUTPUT,
    ActionPart,
    ActionRecord,
    ActionStatus,
    PartStatus,
    note_more,
)
from recovery.domain.wave_steps.actions import ActionKind
from recovery.domain.wave_steps.masking import mask
from recovery.errors import AwsUnavailable, DrsWavesError, Transient
from recovery.store.steps import actions as store

logger = Logger(child=True)

# The function that made a call has at most 120 seconds, and the service has the rest to show what the call has started.
UNANSWERED_SECONDS = 120 + effects.SHOWN_WITHIN_SECONDS

# Instances whose agents have not registered get their command later.
UNMANAGED_SECONDS = 30

# The last line of the output of a command's part that names some of its instances only.
_MORE_INSTANCES = re.compile(r"\.\.\. and (\d+) more instances?")

# How often a result is written that another invocation overtakes.
MAX_CHANGES = 5

# Kinds whose start may be repeated at once: the name of the execution is unique, and an event may come twice.
REPEATABLE = (ActionKind.STATE_MACHINE, ActionKind.EVENT)


Settings = Callable[[ActionPart], Mapping[str, Any]]
"""The settings of the action, filled in for a part."""


class MovedOn(Exception):
    """Another invocation has changed the row since it was read."""


def save(record: ActionRecord) -> ActionRecord:
    """Write the record. Raise MovedOn."""
    saved = store.save(record)
    if saved is None:
        raise MovedOn(record.sort_key)
    return saved


# --- start ------------------------------------------------------------------------------------------------------
def start_parts(record: ActionRecord, settings: Settings, order: int) -> ActionRecord:
    """Start what has not started. Raise MovedOn, and errors that are transient."""
    for index in range(len(record.parts)):
        part = record.parts[index]
        if part.status is PartStatus.STARTING and record.kind not in REPEATABLE:
            record = _find(record, index, settings)
            part = record.parts[index]
        if is_due(part, record.kind):
            record = _start(record, index, settings, order)
    return record


def is_due(part: ActionPart, kind: ActionKind) -> bool:
    """Whether a call may start the part now."""
    age = clock.now() - part.intent_at
    if part.status is PartStatus.READY:
        return not part.intent_at or age >= UNMANAGED_SECONDS
    return part.status is PartStatus.STARTING and (kind in REPEATABLE or age >= UNANSWERED_SECONDS)


def _find(record: ActionRecord, index: int, settings: Settings) -> ActionRecord:
    """Adopt what an earlier call has started, if the service shows it."""
    part = record.parts[index]
    found = effects.find(record.kind, part, settings(part))
    return save(_with_parts(record, index, _divide(part, *found))) if found else record


def _start(record: ActionRecord, index: int, settings: Settings, order: int) -> ActionRecord:
    now = int(clock.now())
    began = record.parts[index].began_at or now
    intent = replace(record.parts[index], status=PartStatus.STARTING, intent_at=now, began_at=began, note="")
    record = save(record.with_part(index, intent))
    seconds = max((record.until or now) - now, 1)
    try:
        started, unmanaged = effects.start(record.kind, intent, settings(intent), order=order, seconds=seconds)
    except Transient as error:
        if not (isinstance(error, AwsUnavailable) and error.facts.get("sent")):  # nothing was started
            _finish_start(record, index, [replace(intent, status=PartStatus.READY, intent_at=0)])
        raise
    except DrsWavesError as error:
        failed = replace(intent, status=PartStatus.FAILED, note=mask(error.message))
        return _finish_start(record, index, [failed])
    logger.info("action started", extra={"action": record.name, "key": intent.key, "id": started})
    return _finish_start(record, index, _divide(intent, started, unmanaged))


def _divide(part: ActionPart, started: str, unmanaged: tuple[str, ...]) -> list[ActionPart]:
    """The part that was started, and one for the instances that took no command, which get one of their own later."""
    if not unmanaged:
        return [replace(part, status=PartStatus.RUNNING, id=started)]
    rest = replace(part, status=PartStatus.READY, instance_ids=unmanaged, note="not managed by Systems Manager yet")
    if len(unmanaged) == len(part.instance_ids):
        return [rest]
    taken = tuple(each for each in part.instance_ids if each not in unmanaged)
    running = replace(part, status=PartStatus.RUNNING, id=started, instance_ids=taken)
    return [running, replace(rest, key=f"{part.key}+")]


def _finish_start(record: ActionRecord, index: int, parts: list[ActionPart]) -> ActionRecord:
    """Record what became of a call. If the action was ended meanwhile, stop what the call has started."""
    saved = store.save(_with_parts(record, index, parts))
    for _ in range(MAX_CHANGES):
        if saved is not None:
            return saved
        found = store.list_actions(record.execution_id, record.wave, record.place).get(record.number)
        if found is None or found.attempt != record.attempt or not found.status.is_open:
            for part in parts:
                effects.stop(record.kind, part, "the action has ended")
            raise MovedOn(record.sort_key)
        saved = store.save(_with_parts(found, index, parts))
    raise AwsUnavailable(f"{record.sort_key} changes again and again")


def _with_parts(record: ActionRecord, index: int, parts: list[ActionPart]) -> ActionRecord:
    changed = record.with_part(index, parts[0])
    return replace(changed, parts=(*changed.parts, *parts[1:]))


# --- follow -----------------------------------------------------------------------------------------------------
def follow_parts(record: ActionRecord) -> ActionRecord:
    """Look at what runs, and record what has ended. Raise MovedOn, and errors that are transient."""
    before = record
    for index in range(len(record.parts)):
        part = record.parts[index]
        if part.status is not PartStatus.RUNNING:
            continue
        look = effects.look(record.kind, part)
        if look.status.has_ended:
            ended = replace(part, status=look.status, output=mask(look.output), note=mask(look.note))
            record = record.with_part(index, ended)
    return record if record is before else save(record)


def judge(record: ActionRecord) -> ActionRecord | None:
    """The record as its parts have ended; None while one has not, or if it has none."""
    if not record.parts or not all(part.status.has_ended for part in record.parts):
        return None
    failed = [part for part in record.parts if part.status is not PartStatus.SUCCEEDED]
    shown = [part.output for part in failed or record.parts if part.output]
    status = ActionStatus.FAILED if failed else ActionStatus.SUCCEEDED
    reason = "; ".join(part.note for part in failed if part.note)
    return record.end(status, clock.iso(), reason, _join_parts(shown))


def _join_parts(outputs: list[str]) -> str:
    """The outputs of parts, within the room of the record; at its end, how many more instances and parts there are."""
    shown, more = [], 0
    for output in outputs[: effects.MAX_OUTPUTS]:
        before, _, last = output.rpartition("\n")
        is_short = _MORE_INSTANCES.fullmatch(last)
        more += int(is_short[1]) if is_short else 0
        shown.append(before if is_short else output)
    rest = len(outputs) - len(shown)
    notes = [note_more(count, noun) for count, noun in ((more, "instance"), (rest, "part")) if count]
    room = MAX_OUTPUT - sum(len(note) + 1 for note in notes)
    if len("\n".join(shown)) > room:
        shown = [output[: room // len(shown) - 1] for output in shown]
    return "\n".join([*shown, *notes])


# --- stop -------------------------------------------------------------------------------------------------------
def stop_parts(record: ActionRecord, settings: Settings, order: int, cause: str) -> ActionRecord:
    """Stop what runs. Raise what `target_services` raises.

    The record is returned, not written. The only notes of its stopped parts are of what may run on.
    """
    for index, part in enumerate(record.parts):
        if part.status.has_ended:
            continue
        part = replace(part, note="")
        if part.status is PartStatus.STARTING:
            part = _find_to_stop(record.kind, part, settings, order)
        if part.status is PartStatus.RUNNING or part.id:
            effects.stop(record.kind, part, cause)
        record = record.with_part(index, replace(part, status=PartStatus.STOPPED))
    return record


def _find_to_stop(kind: ActionKind, part: ActionPart, settings: Settings, order: int) -> ActionPart:
    if kind is ActionKind.STATE_MACHINE:
        return replace(part, id=effects.execution_arn(part, settings(part), order))
    if found := effects.find(kind, part, settings(part)):
        return replace(part, id=found[0])
    return replace(part, note="a call that may have started it got no answer, and nothing was shown")


def may_show_later(record: ActionRecord) -> bool:
    """Whether a call that got no answer may have started something that the service does not show yet."""
    return record.kind not in REPEATABLE and any(
        part.status is PartStatus.STARTING and clock.now() - part.intent_at < effects.SHOWN_WITHIN_SECONDS
        for part in record.parts
    )
