"""Saves the state to a file of versioned JSON, and loads it. The file is written atomically.

It contains settings, simulated time, faults, rules, and every account and Region with its events to come. It does not
contain the call log and the tokens of the rate limits.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from drs_emulator.engine.ec2 import SimulatedEc2
from drs_emulator.records.ec2.launch_template import MANAGED_TAG
from drs_emulator.records.job import Job, Participant
from drs_emulator.settings import Settings
from drs_emulator.simulation import launch_steps, termination_steps
from drs_emulator.simulation.job_lifecycle import StepContext, run_due_events
from drs_emulator.simulation.job_schedule import Step
from drs_emulator.world.ec2.launch_templates import make_templates
from drs_emulator.world.faults import FaultEntry
from drs_emulator.world.rules import RuleEntry, Rules
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

VERSION = 1


class StateError(Exception):
    """The state file cannot be read or written. The message names it."""


@dataclass(slots=True)
class SavedState:
    version: int
    simulated_now: float
    settings: Settings
    faults_made: int
    faults: list[FaultEntry]
    targets: list[Target]
    events: list[tuple[float, Event]]
    rules_made: int = 0
    rules: list[RuleEntry] = field(default_factory=list)


STATE_ADAPTER = TypeAdapter(SavedState)
DERIVED_FIELDS = {"targets": {"__all__": {"active"}}}  # a subset of `jobs`


def save_state(world: World, path: Path) -> float:
    """Save the state, and return its simulated time. Raise StateError."""
    with world.lock:
        now = world.clock.now()
        run_due_events(world, now)
        saved = SavedState(
            version=VERSION,
            simulated_now=now,
            settings=world.settings,
            faults_made=world.faults.made,
            faults=list(world.faults.entries.values()),
            targets=list(world.targets.values()),
            events=world.timeline.pending(),
            rules_made=world.rules.made,
            rules=list(world.rules.entries.values()),
        )
        text = STATE_ADAPTER.dump_json(saved, exclude=DERIVED_FIELDS)
    temporary_file = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary_file.open("wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary_file.replace(path)
    except OSError as error:
        temporary_file.unlink(missing_ok=True)
        raise StateError(f"{path}: {error.strerror}") from error
    return now


def load_state(world: World, path: Path) -> None:
    """Restore a saved state, and continue its simulated time. Raise StateError."""
    try:
        saved = STATE_ADAPTER.validate_json(path.read_bytes())
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
        world.rules = Rules(saved.rules_made, {entry.rule.id: entry for entry in saved.rules})
        for target in saved.targets:
            target.active = {job.id: job for job in target.jobs.values() if job.in_progress}
            world.targets[target.key] = target
            if not target.ec2.templates_are_made:  # a file of an earlier version has none
                make_templates(target, target.servers.values())
            _restore_instances(world, target)
        for due, event in saved.events:
            world.schedule(due, event)
        for target in saved.targets:
            for job in list(target.active.values()):
                _repeat_ec2_request(world, target, job)


def _restore_instances(world: World, target: Target) -> None:
    """Add the instances again that had been launched without an engine, which kept them in memory only."""
    if not isinstance(world.ec2, SimulatedEc2):
        return
    for machine in target.machines.values():
        placement = target.ec2.placements.get(machine.id)
        if placement is None or machine.state == "TERMINATED":
            continue
        managed = dict([MANAGED_TAG]) if machine.server_id else {}
        tags = machine.tags | placement.tags | managed
        added = world.ec2.add(target.key, machine.id, machine.state.lower(), tags, placement.instance_type)
        added.private_ip, added.launched_at = placement.private_ip, placement.launched_at or machine.launched_at


def _repeat_ec2_request(world: World, target: Target, job: Job) -> None:
    """Repeat the calls to EC2 whose results the previous process did not receive."""
    for participant in job.participants.values():
        if _awaits_ec2(participant):
            terminates = job.type == "TERMINATE"
            step = Step.TERMINATED if terminates else Step.LAUNCHED
            event = Event(target.key, job.id, step, participant.server_id)
            context = StepContext(world, target, job, event, world.clock.now())
            if terminates:
                termination_steps.request_termination(context)
            else:
                launch_steps.request_launch(context)


def _awaits_ec2(participant: Participant) -> bool:
    return participant.ec2_requested and not participant.ec2_responded
