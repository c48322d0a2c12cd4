"""What actions start in targets, by kind: starting it, finding it again, looking at it, stopping it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery import clock, job_tags
from recovery.domain.target import Target
from recovery.domain.wave_steps import needs
from recovery.domain.wave_steps.action_record import ActionPart, PartStatus, join_outputs
from recovery.domain.wave_steps.actions import ActionKind
from recovery.domain.wave_steps.masking import mask
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import automation, event_buses, prerequisites, run_command, state_machines
from recovery.target_services.automation import AutomationOutcome
from recovery.target_services.run_command import CommandOutcome, Invocation
from recovery.target_services.state_machines import ExecutionOutcome
from recovery.wording import first_of, plural

# How long a service may not show what it has started, in seconds. AWS gives no figure.
SHOWN_WITHIN_SECONDS = 60

# Instances whose outputs the record of a command keeps.
MAX_OUTPUTS = 4


@dataclass(frozen=True, slots=True)
class PartState:
    """How a part stands. `note` is what went wrong, or what it waits for."""

    status: PartStatus
    output: str = ""
    note: str = ""


RUNNING = PartState(PartStatus.RUNNING)


def execution_name(key: str, order: int) -> str:
    """The name of an execution that an attempt starts: its key, with the number of the wave, within 80 characters."""
    execution_id, wave, place, number, attempt = key.split("/")
    return f"{execution_id}_{order}-{wave[:11]}_{place}_{number}_{attempt}"


def execution_arn(part: ActionPart, settings: Mapping[str, Any], order: int) -> str:
    """The ARN of the execution that the part of a state machine starts."""
    arn = state_machines.machine_arn(part.target, settings["name"])
    return state_machines.execution_arn(arn, execution_name(part.key, order))


def start(
    kind: ActionKind, part: ActionPart, settings: Mapping[str, Any], *, order: int, seconds: int
) -> tuple[str, tuple[str, ...]]:
    """Start the part, by one call; return its id, and the instances that Systems Manager takes no commands for.

    `order` is the number of the wave, and `seconds` what is left of the action's time. Raise as the modules of
    `target_services` do.
    """
    target, key = part.target, part.key
    match kind:
        case ActionKind.SSM_AUTOMATION:
            tags = {job_tags.EXECUTION: key.partition("/")[0]}
            parameters = settings.get("parameters", {})
            try:
                version = settings.get("documentVersion")
                return automation.start(target, settings["document"], version, parameters, key, tags), ()
            except TargetRefused as error:
                if "Idempotent" not in error.facts.get("code", "") or not (found := automation.find(target, key)):
                    raise
                return found.execution_id, ()
        case ActionKind.SSM_COMMAND:
            version, parameters = settings.get("documentVersion"), settings.get("parameters", {})
            document, ids = settings["document"], part.instance_ids
            sent = run_command.send(target, document, version, parameters, ids, key, seconds)
            return sent.command_id or "", tuple(sorted(sent.unmanaged))
        case ActionKind.STATE_MACHINE:
            payload = {**settings.get("input", {}), "actionKey": key}
            arn = state_machines.machine_arn(target, settings["name"])
            return state_machines.start(target, arn, execution_name(key, order), payload), ()
        case ActionKind.EVENT:
            detail = {**settings.get("detail", {}), "actionKey": key}
            bus, source = settings.get("bus", "default"), settings.get("source", "drs-waves")
            return event_buses.put(target, bus, source, settings["detailType"], detail), ()
        case _:
            raise ValueError(f"nothing of the kind {kind} is started in a target")


def find(kind: ActionKind, part: ActionPart, settings: Mapping[str, Any]) -> tuple[str, tuple[str, ...]] | None:
    """What a call that may have been lost has started, as `start` returns it; None if nothing is shown.

    A state machine and an event need no look: their start may be repeated.
    """
    if kind is ActionKind.SSM_AUTOMATION:
        found = automation.find(part.target, part.key)
        return (found.execution_id, ()) if found else None
    if kind is ActionKind.SSM_COMMAND:
        sent = run_command.find(part.target, settings["document"], part.key, part.began_at)
        if sent is None:
            return None
        left = set(part.instance_ids) - sent.instance_ids if sent.instance_ids else ()
        return sent.command_id, tuple(sorted(left))
    return None


def look(kind: ActionKind, part: ActionPart) -> PartState:
    """Look at a part that was started: one call, for a command one for 50 instances."""
    try:
        match kind:
            case ActionKind.SSM_AUTOMATION:
                return _look_at_automation(part)
            case ActionKind.SSM_COMMAND:
                return _look_at_command(part)
            case ActionKind.STATE_MACHINE:
                return _look_at_execution(part)
            case _:
                return PartState(PartStatus.SUCCEEDED)
    except NotInTarget as error:
        if clock.now() - part.intent_at < SHOWN_WITHIN_SECONDS:
            return RUNNING
        return PartState(PartStatus.FAILED, note=error.message)


def _look_at_automation(part: ActionPart) -> PartState:
    state = automation.get(part.target, part.id)
    if state.outcome is AutomationOutcome.SUCCEEDED:
        return PartState(PartStatus.SUCCEEDED, state.output)
    if state.outcome is AutomationOutcome.WAITING:
        return PartState(PartStatus.RUNNING, note=f"automation {part.id} waits for an approval in Systems Manager")
    if not state.outcome.has_ended:
        return PartState(PartStatus.RUNNING, note=f"step {state.step} runs" if state.step else "")
    why = f": {state.failure}" if state.failure else ""
    return PartState(PartStatus.FAILED, state.output, f"automation {part.id} is {state.status}{why}")


def _look_at_execution(part: ActionPart) -> PartState:
    state = state_machines.describe(part.target, part.id)
    if state.outcome is ExecutionOutcome.SUCCEEDED:
        return PartState(PartStatus.SUCCEEDED, state.output)
    if not state.outcome.has_ended:
        return RUNNING
    name = part.id.rpartition(":")[2]
    why = f": {state.error}" if state.error else ""
    return PartState(PartStatus.FAILED, state.output, f"execution {name} is {state.outcome.value}{why}")


def _look_at_command(part: ActionPart) -> PartState:
    found = run_command.list_invocations(part.target, part.id)
    ended = [each for each in part.instance_ids if each in found and found[each].outcome.has_ended]
    if len(ended) < len(part.instance_ids):
        return PartState(PartStatus.RUNNING, note=f"{len(ended)} of {plural(len(part.instance_ids), 'instance')} done")
    failed = [found[each] for each in ended if found[each].outcome is not CommandOutcome.SUCCEEDED]
    if not failed:
        return PartState(PartStatus.SUCCEEDED, _join_outputs([found[each] for each in ended]))
    notes = [f"{each.instance_id} is {each.detail}{_exit_code(each)}" for each in failed]
    count = f"command {part.id} failed on {len(failed)} of {plural(len(ended), 'instance')}"
    return PartState(PartStatus.FAILED, _join_outputs(failed), f"{count}: {', '.join(first_of(notes, MAX_OUTPUTS))}")


def _exit_code(invocation: Invocation) -> str:
    return f" (exit code {invocation.response_code})" if invocation.response_code else ""


def _join_outputs(invocations: list[Invocation]) -> str:
    # Masked before they are cut, for a secret that lost its end may not look like one.
    texts = [f"{each.instance_id}: {mask(each.output)}" for each in invocations if each.output]
    return join_outputs(texts, MAX_OUTPUTS, "instance")


def stop(kind: ActionKind, part: ActionPart, cause: str) -> None:
    """Stop what was started, by one call; what has ended stays as it is."""
    if not part.id:
        return
    if kind is ActionKind.SSM_AUTOMATION:
        automation.stop(part.target, part.id)
    elif kind is ActionKind.SSM_COMMAND:
        run_command.cancel(part.target, part.id)
    elif kind is ActionKind.STATE_MACHINE:
        state_machines.stop(part.target, part.id, cause)


def verify(kind: ActionKind, target: Target, settings: Mapping[str, Any]) -> str:
    """Look whether the action could run in the target; return what was found. It starts nothing.

    Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient.
    """
    found = []
    for need in needs.needs_of(kind, settings, target):
        prerequisites.look_for(need)
        found.append(f"{need.kind} {need.name} is there")
    return ", ".join(found) or "it needs nothing of an account"
