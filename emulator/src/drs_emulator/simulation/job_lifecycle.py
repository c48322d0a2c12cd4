"""Starts jobs, runs their steps when they are due, and ends them.

The other modules of this package register their steps with `job_step`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from drs_emulator.behaviour import Behaviour
from drs_emulator.ids import new_id
from drs_emulator.records.job import Job, JobStatus, LaunchStatus, Participant
from drs_emulator.records.source_server import FailsAt, LastLaunch, SourceServer
from drs_emulator.simulation.job_schedule import Step, build_schedule
from drs_emulator.world.faults import ACTION_FAULTS, LAUNCH_ERROR_FAULTS, LAUNCH_FAULTS, TERMINATION_FAULTS, FaultKind
from drs_emulator.world.launch_errors import raw_launch_error
from drs_emulator.world.quotas import NewJob, check_new_job
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

log = logging.getLogger(__name__)

OPERATION_BY_INITIATOR = {  # for faults of an operation that starts jobs
    "START_DRILL": "StartRecovery",
    "START_RECOVERY": "StartRecovery",
    "TERMINATE_RECOVERY_INSTANCES": "TerminateRecoveryInstances",
    "FAILBACK": "StartFailbackLaunch",
}
FAILURE_PHASES = {
    FaultKind.SNAPSHOT_FAILS: FailsAt.SNAPSHOT,
    FaultKind.CONVERSION_FAILS: FailsAt.CONVERSION,
    **dict.fromkeys(LAUNCH_ERROR_FAULTS, FailsAt.LAUNCH),
}
# What failed, if nothing else says so. The real texts are those of the AWS operation that failed
RAW_ERRORS = {
    "SNAPSHOT_FAIL": "An error occurred (InternalError) when calling the CreateSnapshots operation: "
    "An internal error has occurred",
    "CONVERSION_FAIL": "The conversion server ended with an error: the boot volume could not be converted",
    "USING_PREVIOUS_SNAPSHOT_FAILED": "The server has no earlier snapshot",
}


@dataclass(frozen=True, slots=True)
class StepContext:
    """A step of a job while it runs. `at` is the time at which it was due, and its time in the job's log."""

    world: World
    target: Target
    job: Job
    event: Event
    at: float

    @property
    def participant(self) -> Participant:
        return self.job.participants[self.event.server_id]

    @property
    def server(self) -> SourceServer:
        return self.target.servers[self.event.server_id]

    @property
    def behaviour(self) -> Behaviour:
        return self.world.settings.behaviour

    def log_event(self, event: str, **data: str) -> None:
        self.job.log_event(self.at, event, sourceServerID=self.event.server_id, **data)

    def log_failure(self, event: str, error: str = "") -> None:
        """Log the event of a failed launch, under the name and with the content that the behaviour gives it."""
        if self.behaviour.failure_event == "none":
            return
        if event == "LAUNCH_FAILED":
            event = self.behaviour.failure_event
        self.log_event(event, rawError=error or RAW_ERRORS.get(event, ""))


EventHandler = Callable[[World, Target, Event, float], None]

EVENT_HANDLERS: dict[str, EventHandler] = {}
JOB_END_LISTENERS: list[Callable[[World, Target, Job, float], None]] = []


def job_step(name: Step) -> Callable[[Callable[[StepContext], None]], Callable[[StepContext], None]]:
    """Register a function as the handler of a job's step."""

    def register(handler: Callable[[StepContext], None]) -> Callable[[StepContext], None]:
        def handle_event(world: World, target: Target, event: Event, due: float) -> None:
            job = target.jobs.get(event.subject)
            if job:  # a reset may have removed it
                handler(StepContext(world, target, job, event, due))

        EVENT_HANDLERS[name] = handle_event
        return handler

    return register


def run_due_events(world: World, now: float) -> None:
    """Run all events that are due. The caller holds the world's lock."""
    for due, event in world.timeline.pop_due(now):
        EVENT_HANDLERS[event.step](world, world.target(event.target), event, due)


def start_job(
    world: World,
    target: Target,
    kind: str,
    initiated_by: str,
    participants: list[Participant],
    tags: dict[str, str],
    now: float,
    execution_arn: str = "",
) -> Job:
    """Start a job and schedule its steps. `kind` is LAUNCH or TERMINATE. Raise QuotaExceeded and Conflict."""
    behaviour = world.settings.behaviour
    launches = initiated_by in ("START_DRILL", "START_RECOVERY")
    check_new_job(target, NewJob([p.server_id for p in participants], launches, now, execution_arn), world.settings)
    members = {p.server_id: p for p in participants}
    target.jobs_made += 1
    job = Job(new_id("drsjob-"), target.jobs_made, target.key, kind, initiated_by, now, members, tags)
    job.execution_arn, job.shown_at = execution_arn, now + behaviour.hidden_seconds
    target.jobs[job.id] = target.active[job.id] = job
    world.record_load(target)
    if behaviour.job_timing == "slow":
        job.log_event(now, "JOB_START")
    if launches:
        for server_id in members:
            target.servers[server_id].last_launch = LastLaunch(job.id, now, job.is_drill, "PENDING")
    _apply_faults(world, target, job, now)
    return job


def _apply_faults(world: World, target: Target, job: Job, now: float) -> None:
    """Draw the faults of the job, and schedule its steps unless a fault holds it."""
    operation, seed = OPERATION_BY_INITIATOR[job.initiated_by], world.settings.seed
    for participant in job.participants.values() if job.type == "LAUNCH" else ():
        server_id = participant.server_id
        participant.fails_at = target.servers[server_id].fails_at
        for fault in world.faults.strike(LAUNCH_FAULTS, target.key, operation, server_id, seed, now):
            participant.fails_at = FAILURE_PHASES.get(fault.kind, participant.fails_at)
            if fault.kind in LAUNCH_ERROR_FAULTS:
                participant.launch_error = raw_launch_error(fault, target.key)
            participant.uses_previous_snapshot |= fault.kind is FaultKind.PREVIOUS_SNAPSHOT
            if fault.kind in ACTION_FAULTS:
                participant.action_faults[fault.action_name or ""] = fault.kind.value
    for participant in job.participants.values() if job.type == "TERMINATE" else ():
        faults = world.faults.strike(TERMINATION_FAULTS, target.key, operation, participant.server_id, seed, now)
        participant.termination_fails = bool(list(faults))
    servers = " ".join(job.participants)
    held = next(world.faults.strike({FaultKind.JOB_STAYS_PENDING}, target.key, operation, servers, seed, now), None)
    if held and held.hold_seconds is None:
        job.held_by = held.id
    else:
        _schedule_steps(world, target, job, now + (held.hold_seconds or 0) if held else now)


def _schedule_steps(world: World, target: Target, job: Job, at: float) -> None:
    job.begins_at, job.held_by = at, ""
    for due, event in build_schedule(target, job, world.settings):
        world.schedule(due, event)


def release_held_jobs(world: World, fault_ids: list[str], now: float) -> None:
    """Begin the jobs that these faults hold."""
    for target in world.targets.values():
        for job in target.active.values():
            if job.held_by in fault_ids:
                _schedule_steps(world, target, job, now)


@job_step(Step.LOG)
def _log(context: StepContext) -> None:
    if context.event.detail.endswith(("_FAIL", "_FAILED")):
        context.log_failure(context.event.detail)
    else:
        context.log_event(context.event.detail)


@job_step(Step.START)
def _start(context: StepContext) -> None:
    context.job.status = JobStatus.STARTED
    if not any(item.event == "JOB_START" for item in context.job.log):
        context.job.log_event(context.at, "JOB_START")


@job_step(Step.END)
def end_job(context: StepContext) -> None:
    """End the job, or mark it overdue while EC2 or launch actions keep a server unsettled."""
    job, target = context.job, context.target
    if not all(participant.settled for participant in job.participants.values()):
        job.overdue = True
        return
    job.log_event(context.at, "JOB_END")
    job.status = JobStatus.COMPLETED
    job.ended_at = context.at
    target.active.pop(job.id, None)
    target.forget_jobs(context.world.settings.jobs_kept)
    for listener in JOB_END_LISTENERS:
        listener(context.world, target, job, context.at)


def record_ec2_result(
    context: StepContext, participant: Participant, error: str, next_step: Callable[[StepContext], None]
) -> None:
    """Record the result of EC2. If the next step was due before, run it now; otherwise it runs when it is due."""
    participant.ec2_responded = True
    participant.error = error
    if error:
        log.warning("EC2 failed for server %s of job %s: %s", participant.server_id, context.job.id, error)
    if not participant.ec2_overdue:
        return
    late = StepContext(context.world, context.target, context.job, context.event, context.world.clock.now())
    next_step(late)
    if context.job.overdue:
        end_job(late)


def set_launch_status(context: StepContext, status: LaunchStatus) -> None:
    """Set the status of a server in its job, and of its last launch if this job made it."""
    context.participant.status = status
    launch = context.server.last_launch
    if launch and launch.job_id == context.job.id:
        context.server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, status.value)
