"""Runs automations: one step after another.

AWS documents that a step that times out makes the automation TimedOut, that Continue goes on after a failure, which
then fails the automation at its end if the step is critical, and that steps that have not run stay Pending. These are
assumptions: an approval ends its step as Success and a rejection as Failed; a stop of the type Complete ends the
automation as Success after its running step; a cancelled step takes two seconds to stop.
"""

from drs_emulator.records.automation import Automation, AutomationStep
from drs_emulator.simulation.job_lifecycle import EVENT_HANDLERS
from drs_emulator.simulation.systems_manager.instances import draw_pace
from drs_emulator.world.rules import RuleKind
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

BEGIN, STEP_END, TIMED_OUT, STOPPED = "AUTOMATION_BEGIN", "AUTOMATION_STEP", "AUTOMATION_TIMEOUT", "AUTOMATION_STOPPED"
STOP_SECONDS = 2.0
SUCCEEDS, FAILS, IS_CANCELLED = "SUCCEEDS", "FAILS", "IS_CANCELLED"


def start(world: World, target: Target, automation: Automation) -> None:
    target.automations[automation.id] = automation
    due = automation.started_at + world.settings.durations.automation.pending
    world.schedule(due, Event(target.key, automation.id, BEGIN))


def stop(world: World, automation: Automation, at: float, *, completes: bool) -> None:
    """Let the running step end, or cancel it. An automation that has not begun ends at once."""
    step = automation.current
    if step is None:
        automation.end("Cancelled", at)
    elif completes:
        automation.stop_after_step = True
        if step.waits_for_signal:
            end_step(world, automation, step, "Cancelled", at)
    else:
        automation.status = step.status = "Cancelling"
        world.schedule(at + STOP_SECONDS, Event(automation.target, automation.id, STOPPED))


def end_step(
    world: World, automation: Automation, step: AutomationStep, status: str, at: float, failure: str = ""
) -> None:
    """End the running step, then run the next one or end the automation."""
    step.end(status, at, failure)
    if status == "Cancelled" and not automation.stop_after_step:
        automation.end("Cancelled", at)
    elif status in ("Failed", "TimedOut") and step.step.on_failure != "Continue":
        automation.end(status, at, f"Step fails when it is {step.step.action}: {failure}")
    elif automation.stop_after_step:
        automation.end("Success", at)
    else:
        _run_next(world, automation, at)


def _run_next(world: World, automation: Automation, at: float) -> None:
    step = next((each for each in automation.steps if each.status == "Pending"), None)
    if step is None:
        failed = next((s for s in automation.steps if s.step.is_critical and s.status in ("Failed", "TimedOut")), None)
        if failed:
            automation.end(failed.status, at, f"Step {failed.step.name}: {failed.failure}")
        else:
            automation.end("Success", at)
        return
    step.started_at = at
    step.status = automation.status = "Waiting" if step.waits_for_signal else "InProgress"
    world.schedule(at + step.timeout_seconds, Event(automation.target, automation.id, TIMED_OUT, detail=step.id))
    if not step.waits_for_signal:
        _decide(world, automation, step, at)


def _decide(world: World, automation: Automation, step: AutomationStep, at: float) -> None:
    """Schedule the end of the step that has just begun. One that hangs ends with its timeout."""
    text = "\n".join(text for values in automation.parameters.values() for text in values)
    rule = world.rules.draw(RuleKind.AUTOMATION, automation.target, automation.document, text, None, step.step.name)
    seconds = _usual_seconds(world, automation, step)
    if rule and rule.seconds is not None:
        seconds = rule.seconds
    if rule is None or rule.effect != "HANGS":
        effect, message = (rule.effect, rule.message or "The step failed") if rule else (SUCCEEDS, "")
        event = Event(automation.target, automation.id, STEP_END, detail=f"{step.id} {effect} {message}")
        world.schedule(at + seconds, event)


def _usual_seconds(world: World, automation: Automation, step: AutomationStep) -> float:
    if step.step.seconds is not None:
        return step.step.seconds
    target = world.target(automation.target)
    pace = draw_pace(world, target, "automation", automation.number, step.step.name)
    return world.settings.durations.automation.started * pace


def _handle_begin(world: World, target: Target, event: Event, due: float) -> None:
    automation = target.automations.get(event.subject)
    if automation and automation.status == "Pending":
        _run_next(world, automation, due)


def _find_open_step(target: Target, event: Event) -> tuple[Automation, AutomationStep] | None:
    automation = target.automations.get(event.subject)
    step = automation.current if automation else None
    step_id = event.detail.partition(" ")[0]
    if automation is None or step is None or step.id != step_id or step.status == "Cancelling":
        return None
    return automation, step


def _handle_step_end(world: World, target: Target, event: Event, due: float) -> None:
    if found := _find_open_step(target, event):
        automation, step = found
        _, effect, message = event.detail.split(" ", 2)
        status = {FAILS: "Failed", IS_CANCELLED: "Cancelled"}.get(effect, "Success")
        end_step(world, automation, step, status, due, message if status == "Failed" else "")


def _handle_timeout(world: World, target: Target, event: Event, due: float) -> None:
    if found := _find_open_step(target, event):
        end_step(world, *found, "TimedOut", due, "The step timed out")


def _handle_stopped(world: World, target: Target, event: Event, due: float) -> None:
    automation = target.automations.get(event.subject)
    step = automation.current if automation else None
    if automation and step and step.status == "Cancelling":
        step.end("Cancelled", due)
        automation.end("Cancelled", due)


EVENT_HANDLERS.update(
    {BEGIN: _handle_begin, STEP_END: _handle_step_end, TIMED_OUT: _handle_timeout, STOPPED: _handle_stopped}
)
