"""The state in a file of versioned JSON, written whole or not at all, so that a world can be gone on with.

What is saved: settings, simulated time, faults, and every account and Region with all that is to happen in it. What
is not: the calls that were counted, and the tokens left in the rate limits' buckets.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drs_emulator.records.job import Job, Participant
from drs_emulator.settings import Settings
from drs_emulator.simulation import launch_steps, termination_steps
from drs_emulator.simulation.job_lifecycle import Moment, advance
from drs_emulator.simulation.job_schedule import Step
from drs_emulator.world.faults import Entry
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

VERSION = 1


class StateError(Exception):
    """The file cannot be read or written; the message names it."""


@dataclass(slots=True)
class Saved:
    version: int
    simulated_now: float
    settings: Settings
    faults_made: int
    faults: list[Entry]
    targets: list[Target]
    events: list[tuple[float, Event]]


SAVED = TypeAdapter(Saved)
DERIVED = {"targets": {"__all__": {"active"}}}  # the same jobs once more


def save(world: World, path: Path) -> float:
    """The simulated moment that was saved. Raises StateError."""
    with world.lock:
        now = world.clock.now()
        advance(world, now)
        saved = Saved(
            version=VERSION,
            simulated_now=now,
            settings=world.settings,
            faults_made=world.faults.made,
            faults=list(world.faults.entries.values()),
            targets=list(world.targets.values()),
            events=world.timeline.pending(),
        )
        text = SAVED.dump_json(saved, exclude=DERIVED)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StateError(f"{path}: {error.strerror}") from error
    return now


def load(world: World, path: Path) -> None:
    """Puts the world where it was saved; its time goes on from there. Raises StateError."""
    try:
        saved = SAVED.validate_json(path.read_bytes())
    except OSError as error:
        raise StateError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StateError(f"{path}: is no state of this emulator: {where}: {first['msg']}") from error
    if saved.version != VERSION:
        raise StateError(f"{path}: is of version {saved.version}, this emulator reads version {VERSION}")
    with world.lock:
        world.settings = saved.settings
        world.clock.resume(saved.simulated_now, saved.settings.speed)
        world.faults.made = saved.faults_made
        world.faults.entries = {entry.fault.id: entry for entry in saved.faults}
        for target in saved.targets:
            target.active = {job.id: job for job in target.jobs.values() if job.in_progress}
            world.targets[target.key] = target
        for due, event in saved.events:
            world.schedule(due, event)
        for target in saved.targets:
            for job in list(target.active.values()):
                _ask_again(world, target, job)


def _ask_again(world: World, target: Target, job: Job) -> None:
    """EC2's answers to the process before this one are lost."""
    for participant in job.participants.values():
        if _waits(participant):
            terminates = job.type == "TERMINATE"
            step = Step.TERMINATED if terminates else Step.LAUNCHED
            event = Event(target.key, job.id, step, participant.server_id)
            moment = Moment(world, target, job, event, world.clock.now())
            (termination_steps if terminates else launch_steps).ask(moment)


def _waits(participant: Participant) -> bool:
    return participant.asked and not participant.answered
