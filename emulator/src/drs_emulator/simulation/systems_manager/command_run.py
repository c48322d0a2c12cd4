"""Runs commands: sends them to so many instances at a time, delivers them, ends them, and lets them expire.

Run Command waits for the agent to report the end. A command whose agent is lost, before or after the delivery, ends
when its delivery or the command as a whole expires.
"""

import re
from collections.abc import Callable

from drs_emulator.records.command import Command, Invocation, Outcome
from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.simulation.job_lifecycle import EVENT_HANDLERS, EventHandler
from drs_emulator.simulation.systems_manager.instances import draw_pace
from drs_emulator.world.instance_health import health_of
from drs_emulator.world.rules import Rule, RuleKind
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

DELIVER, END, UNDELIVERED = "COMMAND_DELIVER", "COMMAND_END", "COMMAND_UNDELIVERED"
EXPIRE, STOP = "COMMAND_EXPIRE", "COMMAND_STOP"
RETRY_SECONDS = 30.0  # between attempts to reach an agent
CANCEL_SECONDS = 5.0  # until a running command stops
STOPPED_CODE = 137  # of a command that the agent stopped, by the agent's source code
TIMED_OUT = ("TimedOut", "ExecutionTimedOut")
UNDELIVERABLE = Outcome(("Failed", "Undeliverable"))
DELIVERY_TIMED_OUT = Outcome(("TimedOut", "DeliveryTimedOut"))


def send(world: World, target: Target, command: Command) -> None:
    """Send a new command to as many instances as may run it at a time."""
    key, requested = target.key, command.requested_at
    target.commands[command.id] = command
    world.schedule(requested + command.timeout_seconds, Event(key, command.id, UNDELIVERED))
    world.schedule(command.expires_at, Event(key, command.id, EXPIRE))
    _send_next(world, command, requested)


def cancel(world: World, command: Command, instance_ids: list[str], at: float) -> None:
    """Cancel on these instances, or on all. There is no guarantee that a running command stops."""
    for invocation in command.invocations.values():
        if invocation.has_ended or (instance_ids and invocation.instance_id not in instance_ids):
            continue
        if invocation.started_at is None:
            command.cancelled = True
            invocation.end(at, Outcome(("Cancelled", "Cancelled")))
        elif world.settings.behaviour.cancel_command == "stops":
            command.cancelled = True
            invocation.change("Cancelling")
            world.schedule(at + CANCEL_SECONDS, _event(command, invocation, STOP))
    if not command.has_ended:
        _send_next(world, command, at)


def _event(command: Command, invocation: Invocation, step: str) -> Event:
    return Event(command.target, command.id, step, invocation.instance_id)


def _send_next(world: World, command: Command, at: float) -> None:
    """Send to further instances. After too many errors, terminate the invocations that were not sent."""
    waiting = [each for each in command.invocations.values() if not each.sent and not each.has_ended]
    if waiting and command.errors > command.max_errors:
        for invocation in waiting:
            invocation.end(at, Outcome(("Failed", "Terminated")))
        return
    running = sum(each.sent and not each.has_ended for each in command.invocations.values())
    for invocation in waiting[: max(0, command.max_concurrency - running)]:
        invocation.sent = True
        world.schedule(at + world.settings.durations.command.pending, _event(command, invocation, DELIVER))


def _deliver(world: World, target: Target, command: Command, invocation: Invocation, at: float) -> None:
    if invocation.has_ended or invocation.started_at is not None:
        return
    instance = target.machines.get(invocation.instance_id)
    if instance is None or instance.state == "TERMINATED":
        _end(world, command, invocation, at, UNDELIVERABLE)
    elif not health_of(world, instance).is_online(at):
        invocation.change("Delayed")
        world.schedule(at + RETRY_SECONDS, _event(command, invocation, DELIVER))
    else:
        invocation.change("InProgress")
        invocation.started_at = at
        seconds, invocation.outcome = _decide(world, target, command, instance)
        world.schedule(at + seconds, _event(command, invocation, END))


def _finish(world: World, target: Target, command: Command, invocation: Invocation, at: float) -> None:
    """End a run, as soon as its agent can report that."""
    if invocation.has_ended or invocation.outcome is None:
        return
    instance = target.machines.get(invocation.instance_id)
    if instance and instance.state == "RUNNING" and health_of(world, instance).is_online(at):
        _end(world, command, invocation, at, invocation.outcome)
    elif instance and instance.state == "RUNNING":
        world.schedule(at + RETRY_SECONDS, _event(command, invocation, END))


def _stop(world: World, target: Target, command: Command, invocation: Invocation, at: float) -> None:
    if invocation.status == "Cancelling" and invocation.outcome:
        invocation.outcome = Outcome(("Cancelled", "Cancelled"), STOPPED_CODE)
        _finish(world, target, command, invocation, at)


def _end(world: World, command: Command, invocation: Invocation, at: float, outcome: Outcome) -> None:
    invocation.end(at, outcome)
    _send_next(world, command, at)


def _give_up_delivery(world: World, target: Target, event: Event, due: float) -> None:
    command = target.commands.get(event.subject)
    outcome = UNDELIVERABLE if world.settings.behaviour.lost_agent == "Undeliverable" else DELIVERY_TIMED_OUT
    for invocation in command.invocations.values() if command else ():
        if command and invocation.sent and invocation.started_at is None and not invocation.has_ended:
            _end(world, command, invocation, due, outcome)


def _expire(world: World, target: Target, event: Event, due: float) -> None:
    """End what is left as "Delivery Timed Out", as the reference of ExpiresAfter says."""
    command = target.commands.get(event.subject)
    for invocation in command.invocations.values() if command else ():
        if not invocation.has_ended:
            invocation.end(due, DELIVERY_TIMED_OUT)


Handler = Callable[[World, Target, Command, Invocation, float], None]


def _handle(handler: Handler) -> EventHandler:
    def handle_event(world: World, target: Target, event: Event, due: float) -> None:
        command = target.commands.get(event.subject)
        if command:  # a reset or the limit of kept commands may have removed it
            handler(world, target, command, command.invocations[event.server_id], due)

    return handle_event


EVENT_HANDLERS.update(
    {
        DELIVER: _handle(_deliver),
        END: _handle(_finish),
        STOP: _handle(_stop),
        UNDELIVERED: _give_up_delivery,
        EXPIRE: _expire,
    }
)


def _decide(world: World, target: Target, command: Command, instance: ManagedInstance) -> tuple[float, Outcome]:
    """Return how long the run takes and how it ends."""
    scripts = [text for values in (command.request.get("Parameters") or {}).values() for text in values]
    rule = world.rules.draw(RuleKind.COMMAND, target.key, command.document, "\n".join(scripts), instance)
    seconds = command.run_seconds * draw_pace(world, target, "command", command.number, instance.id)
    if rule is None:
        outcome = Outcome(("Success", "Success"), 0, _say(command, instance, scripts))
    else:
        seconds = seconds if rule.seconds is None else rule.seconds
        outcome = _obey(rule, _say(command, instance, scripts))
    if outcome.status == TIMED_OUT or seconds > command.execution_seconds:
        return command.execution_seconds, Outcome(TIMED_OUT, STOPPED_CODE)
    return seconds, outcome


def _obey(rule: Rule, usual_output: str) -> Outcome:
    """Return what a rule says. A failure writes nothing to its output unless the rule says so."""
    if rule.effect == "HANGS":
        return Outcome(TIMED_OUT)
    output = rule.stdout
    if output is None:
        output = usual_output if rule.effect == "SUCCEEDS" or rule.stdout_length else ""
    if rule.stdout_length is not None:
        repeated = output or "x"
        output = (repeated * (rule.stdout_length // len(repeated) + 1))[: rule.stdout_length]
    if rule.effect == "SUCCEEDS":
        return Outcome(("Success", "Success"), 0, output, rule.stderr or "")
    return _fail(rule, output)


def _fail(rule: Rule, output: str) -> Outcome:
    """The agent adds its own line to the error output."""
    code = rule.exit_code or 1
    said = f"{rule.stderr}\n" if rule.stderr else ""
    return Outcome(("Failed", "Failed"), code, output, f"{said}failed to run commands: exit status {code}")


def _say(command: Command, instance: ManagedInstance, scripts: list[str]) -> str:
    """Return what a successful run writes: the words of its echo commands, or one line that names the document."""
    echoed = [found[1].strip("\"'") for text in scripts for found in re.finditer(r"(?m)^\s*echo (.+)$", text)]
    return "\n".join(echoed or [f"{command.document} succeeded on {instance.hostname or instance.id}"]) + "\n"
