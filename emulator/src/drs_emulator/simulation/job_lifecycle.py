"""How jobs begin, go on and end.

`start_job` lays the course of a job on the timeline; `advance` lets it happen. What each step does is in `steps`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from drs_emulator.ids import new_id
from drs_emulator.records.job import Job, JobStatus, LaunchStatus, Participant
from drs_emulator.records.source_server import FailsAt, LastLaunch, SourceServer
from drs_emulator.simulation.job_schedule import Step, plan
from drs_emulator.world.faults import SERVERS, TERMINATIONS, Kind
from drs_emulator.world.quotas import check_new_job
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

log = logging.getLogger(__name__)

OPERATIONS = {  # that start jobs, by how a job says it was initiated
    "START_DRILL": "StartRecovery",
    "START_RECOVERY": "StartRecovery",
    "TERMINATE_RECOVERY_INSTANCES": "TerminateRecoveryInstances",
    "FAILBACK": "StartFailbackLaunch",
}
FAILING = {
    Kind.SNAPSHOT_FAILS: FailsAt.SNAPSHOT,
    Kind.CONVERSION_FAILS: FailsAt.CONVERSION,
    Kind.LAUNCH_FAILS: FailsAt.LAUNCH,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """A step of a job as it happens; `at` is when it was due, which is what the log says."""

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

    def write(self, event: str, **data: str) -> None:
        self.job.write(self.at, event, sourceServerID=self.event.server_id, **data)


Happening = Callable[[World, Target, Event, float], None]

HAPPENINGS: dict[str, Happening] = {}
JOB_ENDED: list[Callable[[World, Target, Job, float], None]] = []  # who wants to know


def step(name: Step) -> Callable[[Callable[[Moment], None]], Callable[[Moment], None]]:
    """Puts a function behind a step of jobs."""

    def register(handler: Callable[[Moment], None]) -> Callable[[Moment], None]:
        def happen(world: World, target: Target, event: Event, due: float) -> None:
            job = target.jobs.get(event.subject)
            if job:  # a reset may have taken it away
                handler(Moment(world, target, job, event, due))

        HAPPENINGS[name] = happen
        return handler

    return register


def advance(world: World, now: float) -> None:
    """Lets everything happen that is due. The caller holds the lock."""
    for due, event in world.timeline.due(now):
        HAPPENINGS[event.step](world, world.target(event.target), event, due)


def start_job(
    world: World,
    target: Target,
    kind: str,
    initiated_by: str,
    participants: list[Participant],
    tags: dict[str, str],
    now: float,
) -> Job:
    """Raises QuotaExceeded, Conflict. `kind` is LAUNCH or TERMINATE."""
    check_new_job(target, [p.server_id for p in participants], world.settings.quotas)
    members = {p.server_id: p for p in participants}
    target.jobs_made += 1
    job = Job(new_id("drsjob-"), target.jobs_made, target.key, kind, initiated_by, now, members, tags)
    target.jobs[job.id] = target.active[job.id] = job
    world.note_load(target)
    job.write(now, "JOB_START")
    if initiated_by in ("START_DRILL", "START_RECOVERY"):
        for server_id in members:
            target.servers[server_id].last_launch = LastLaunch(job.id, now, job.is_drill, "PENDING")
    _strike(world, target, job, now)
    return job


def _strike(world: World, target: Target, job: Job, now: float) -> None:
    """Settles what faults will do to the job; lets it begin unless one holds it."""
    operation, seed = OPERATIONS[job.initiated_by], world.settings.seed
    for participant in job.participants.values() if job.type == "LAUNCH" else ():
        server_id = participant.server_id
        participant.fails_at = target.servers[server_id].fails_at
        for fault in world.faults.striking(SERVERS, target.key, operation, server_id, seed, now):
            participant.fails_at = FAILING.get(fault.kind, participant.fails_at)
            participant.actions_fail |= fault.kind is Kind.LAUNCH_ACTION_FAILS
    for participant in job.participants.values() if job.type == "TERMINATE" else ():
        faults = world.faults.striking(TERMINATIONS, target.key, operation, participant.server_id, seed, now)
        participant.stays = bool(list(faults))
    servers = " ".join(job.participants)
    held = next(world.faults.striking({Kind.JOB_STAYS_PENDING}, target.key, operation, servers, seed, now), None)
    if held and held.hold_seconds is None:
        job.held_by = held.id
    else:
        begin(world, target, job, now + (held.hold_seconds or 0) if held else now)


def begin(world: World, target: Target, job: Job, at: float) -> None:
    job.begins_at, job.held_by = at, ""
    for due, event in plan(target, job, world.settings):
        world.schedule(due, event)


def release(world: World, fault_ids: list[str], now: float) -> None:
    """The jobs that these faults held begin now."""
    for target in world.targets.values():
        for job in target.active.values():
            if job.held_by in fault_ids:
                begin(world, target, job, now)


@step(Step.LOG)
def _log(moment: Moment) -> None:
    moment.write(moment.event.detail)


@step(Step.START)
def _start(moment: Moment) -> None:
    moment.job.status = JobStatus.STARTED


@step(Step.END)
def end(moment: Moment) -> None:
    """A job that EC2 or launch actions keep waiting ends when its last server is settled."""
    job, target = moment.job, moment.target
    if not all(participant.settled for participant in job.participants.values()):
        job.overdue = True
        return
    job.write(moment.at, "JOB_END")
    job.status = JobStatus.COMPLETED
    job.ended_at = moment.at
    target.active.pop(job.id, None)
    target.forget_jobs(moment.world.settings.jobs_kept)
    for listener in JOB_ENDED:
        listener(moment.world, target, job, moment.at)


def answered(moment: Moment, participant: Participant, error: str, settle: Callable[[Moment], None]) -> None:
    """EC2 has done its part: what was waiting for that happens now, everything else when it is due."""
    participant.answered = True
    participant.error = error
    if error:
        log.warning("EC2 failed for %s of job %s: %s", participant.server_id, moment.job.id, error)
    if not participant.overdue:
        return
    late = Moment(moment.world, moment.target, moment.job, moment.event, moment.world.clock.now())
    settle(late)
    if moment.job.overdue:
        end(late)


def set_status(moment: Moment, status: LaunchStatus) -> None:
    """Of a server in its job, and of its last launch if that is this job."""
    moment.participant.status = status
    launch = moment.server.last_launch
    if launch and launch.job_id == moment.job.id:
        moment.server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, status.value)
