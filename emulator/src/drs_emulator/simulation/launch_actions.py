"""Launch actions of a launched server: DRS runs them one after another, as soon as it finds the SSM agent.

The knob `launch_actions` says whether the job waits for them. Two limits are assumptions: DRS looks for the agent for
20 minutes, and an action that hangs fails after an hour, the default time-out of a command.
"""

import uuid
from dataclasses import replace
from typing import Any

from drs_emulator.ids import digest
from drs_emulator.records.job import ActionRun, LaunchStatus
from drs_emulator.simulation.job_lifecycle import StepContext, end_job, job_step, set_launch_status
from drs_emulator.simulation.job_schedule import Step
from drs_emulator.world.faults import FaultKind
from drs_emulator.world.instance_health import health_of

AGENT_SECONDS = 20 * 60.0
HANG_SECONDS = 3600.0
RETRY_SECONDS = 30.0
NO_AGENT = "The SSM agent was not found on the instance"


def schedule_actions(context: StepContext) -> None:
    """Schedule the first launch action of the server that has just been launched."""
    participant = context.participant
    participant.next_actions = [action["actionId"] for action in context.server.launch.actions_to_run()]
    if not participant.next_actions:
        return
    if context.behaviour.launch_actions == "waited":
        participant.actions_left = len(participant.next_actions)
    _schedule(context, Step.RUN_ACTION, context.at + context.world.settings.durations.launch_action.pending, "")


def _schedule(context: StepContext, step: Step, due: float, detail: str) -> None:
    context.world.schedule(due, replace(context.event, step=step, detail=detail))


@job_step(Step.RUN_ACTION)
def _run_action(context: StepContext) -> None:
    """Run the next action, or look for the agent again. The event's detail is the time of the first look."""
    participant = context.participant
    machine = context.target.machines.get(participant.recovery_instance_id)
    if machine is None or not participant.next_actions:
        return
    if participant.agent_found_at is None and not health_of(context.world, machine).is_online(context.at):
        first = float(context.event.detail or context.at)
        if context.at < first + AGENT_SECONDS:
            _schedule(context, Step.RUN_ACTION, context.at + RETRY_SECONDS, str(first))
        else:
            _fail_all(context)
        return
    if participant.agent_found_at is None:
        participant.agent_found_at = context.at
    action_id = participant.next_actions[0]
    due = context.at + context.world.settings.durations.launch_action.started
    if action := _find_action(context, action_id):
        participant.action_runs[action_id] = _new_run(context, action)
        if _fault_of(context, action) == FaultKind.LAUNCH_ACTION_HANGS:
            due = context.at + HANG_SECONDS
    _schedule(context, Step.ACTION_ENDED, due, action_id)


def _find_action(context: StepContext, action_id: str) -> dict[str, Any] | None:
    """Return an action, unless it or its server has been deleted since."""
    server = context.target.servers.get(context.event.server_id)
    return server.launch.actions.get(action_id) if server else None


def _new_run(context: StepContext, action: dict[str, Any]) -> ActionRun:
    run_id = uuid.UUID(digest(context.job.id, context.event.server_id, action["actionId"])[:32])
    return ActionRun(action, str(run_id))


def _fault_of(context: StepContext, action: dict[str, Any]) -> str:
    faults = context.participant.action_faults
    return faults.get(action["name"]) or faults.get("", "")


@job_step(Step.ACTION_ENDED)
def _end_action(context: StepContext) -> None:
    participant, action_id = context.participant, context.event.detail
    participant.next_actions = [each for each in participant.next_actions if each != action_id]
    if run := participant.action_runs.get(action_id):
        match _fault_of(context, run.action):
            case FaultKind.LAUNCH_ACTION_FAILS:
                _fail(context, run, "The document ended with status Failed")
            case FaultKind.LAUNCH_ACTION_HANGS:
                _fail(context, run, "The document ended with status TimedOut")
            case _:
                run.status = "SUCCEEDED"
    if participant.next_actions:
        _schedule(context, Step.RUN_ACTION, context.at, "")
    _settle(context, 1)


def _fail_all(context: StepContext) -> None:
    participant = context.participant
    left, participant.next_actions = participant.next_actions, []
    for action_id in left:
        if action := _find_action(context, action_id):
            run = participant.action_runs[action_id] = _new_run(context, action)
            _fail(context, run, NO_AGENT)
    _settle(context, len(left))


def _fail(context: StepContext, run: ActionRun, reason: str) -> None:
    """If an action fails and is not optional, the launch fails; the instance stays. A job that has ended stays so."""
    run.status, run.failure = "FAILED", reason
    if not run.action["optional"] and context.job.in_progress:
        set_launch_status(context, LaunchStatus.FAILED)


def _settle(context: StepContext, number: int) -> None:
    participant = context.participant
    participant.actions_left = max(0, participant.actions_left - number)
    if context.job.overdue and context.job.in_progress:
        end_job(context)
