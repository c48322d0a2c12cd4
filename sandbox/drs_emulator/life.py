"""What a job does from its start to its end.

`start_job` lays the course of a job on the timeline; `advance` lets it happen, each step of it in a function here.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.drs_emulator.course import Step, plan
from sandbox.drs_emulator.ec2 import Launched, LaunchOrder
from sandbox.drs_emulator.ids import digest, new_id
from sandbox.drs_emulator.instances import RecoveryInstance
from sandbox.drs_emulator.jobs import Job, JobStatus, LaunchStatus, Participant
from sandbox.drs_emulator.quotas import check_new_job
from sandbox.drs_emulator.servers import FailsAt, LastLaunch, SourceServer
from sandbox.drs_emulator.state import Target, World
from sandbox.drs_emulator.timeline import Event

log = logging.getLogger(__name__)


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


STEPS: dict[Step, Callable[[Moment], None]] = {}


def step(name: Step) -> Callable[[Callable[[Moment], None]], Callable[[Moment], None]]:
    def register(handler: Callable[[Moment], None]) -> Callable[[Moment], None]:
        STEPS[name] = handler
        return handler

    return register


def advance(world: World, now: float) -> None:
    """Lets everything happen that is due. The caller holds the lock."""
    for due, event in world.timeline.due(now):
        target = world.target(event.target)
        job = target.jobs.get(event.job_id)
        if job:  # a reset may have taken it away
            STEPS[Step(event.step)](Moment(world, target, job, event, due))


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
    job = Job(new_id("drsjob-"), len(target.jobs) + 1, target.key, kind, initiated_by, now, members, tags)
    target.jobs[job.id] = target.active[job.id] = job
    world.note_load(target)
    job.write(now, "JOB_START")
    if kind == "LAUNCH":
        for server_id in members:
            target.servers[server_id].last_launch = LastLaunch(job.id, now, job.is_drill, "PENDING")
    for due, event in plan(target, job, world.settings):
        world.schedule(due, event)
    return job


@step(Step.LOG)
def _log(moment: Moment) -> None:
    moment.write(moment.event.detail)


@step(Step.START)
def _start(moment: Moment) -> None:
    moment.job.status = JobStatus.STARTED


@step(Step.CLEAN_UP)
def _clean_up(moment: Moment) -> None:
    """A server has one recovery instance: the one of an earlier launch goes."""
    instance = moment.target.instances.get(moment.server.recovery_instance_id)
    if instance is None:
        return
    moment.write("CLEANUP_START", targetInstanceID=instance.id)
    instance.ec2_state = "SHUTTING-DOWN"

    def done(error: str) -> None:
        if error:
            with moment.world.lock:
                now = moment.world.clock.now()
                moment.job.write(now, "CLEANUP_FAIL", sourceServerID=moment.event.server_id, rawError=error)

    moment.world.ec2.terminate(moment.target.key, instance.id, done)


@step(Step.CLEANED)
def _cleaned(moment: Moment) -> None:
    removed = moment.target.instances.pop(moment.server.recovery_instance_id, None)
    moment.server.recovery_instance_id = ""
    failed = any(
        item.event == "CLEANUP_FAIL" and item.data["sourceServerID"] == moment.event.server_id
        for item in moment.job.log
    )
    if removed and not failed:
        moment.write("CLEANUP_END", targetInstanceID=removed.id)


@step(Step.CONVERT)
def _convert(moment: Moment) -> None:
    moment.write("CONVERSION_START", conversionServerID=f"i-{digest(moment.job.id, moment.event.server_id)[:17]}")
    _set_status(moment, LaunchStatus.IN_PROGRESS)


@step(Step.FAIL)
def _fail(moment: Moment) -> None:
    if moment.event.detail:
        moment.write(moment.event.detail)
    _set_status(moment, LaunchStatus.FAILED)


@step(Step.LAUNCH)
def _launch(moment: Moment) -> None:
    server = moment.server
    moment.write("LAUNCH_START")
    if server.fails_at is FailsAt.LAUNCH:
        _launch_answered(moment, Launched(error="InsufficientInstanceCapacity"))
        return
    tags = {
        "Name": server.launch.name,
        **(server.tags if server.launch.copy_tags else {}),
        "AWSElasticDisasterRecoverySourceServerID": server.id,
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
    }

    def done(answer: Launched) -> None:
        with moment.world.lock:
            _launch_answered(moment, answer)

    moment.world.ec2.launch(LaunchOrder(moment.target.key, server.launch_type(), tags, done))


def _launch_answered(moment: Moment, answer: Launched) -> None:
    participant = moment.participant
    participant.recovery_instance_id = answer.instance_id
    participant.private_ip = answer.private_ip
    _answered(moment, participant, answer.error, _launched)


@step(Step.LAUNCHED)
def _launched(moment: Moment) -> None:
    participant = moment.participant
    if not participant.answered:
        participant.overdue = True
    elif participant.error:
        moment.write("LAUNCH_FAILED", rawError=participant.error)
        _set_status(moment, LaunchStatus.FAILED)
    else:
        server = moment.server
        instance = RecoveryInstance(
            id=participant.recovery_instance_id,
            target=moment.target.key,
            server_id=server.id,
            job_id=moment.job.id,
            machine=server.machine,
            private_ip=participant.private_ip,
            is_drill=moment.job.is_drill,
            point_in_time=participant.point_in_time,
            tags=dict(server.tags) if server.launch.copy_tags else {},
        )
        moment.target.instances[instance.id] = instance
        server.recovery_instance_id = instance.id
        _set_status(moment, LaunchStatus.LAUNCHED)


@step(Step.TERMINATE)
def _terminate(moment: Moment) -> None:
    participant = moment.participant
    moment.write("CLEANUP_START", targetInstanceID=participant.recovery_instance_id)
    participant.status = LaunchStatus.IN_PROGRESS
    if instance := moment.target.instances.get(participant.recovery_instance_id):
        instance.ec2_state = "SHUTTING-DOWN"

    def done(error: str) -> None:
        with moment.world.lock:
            _answered(moment, participant, error, _terminated)

    moment.world.ec2.terminate(moment.target.key, participant.recovery_instance_id, done)


@step(Step.TERMINATED)
def _terminated(moment: Moment) -> None:
    participant = moment.participant
    if not participant.answered:
        participant.overdue = True
    elif participant.error:
        moment.write("CLEANUP_FAIL", targetInstanceID=participant.recovery_instance_id, rawError=participant.error)
        participant.status = LaunchStatus.FAILED
    else:
        moment.write("CLEANUP_END", targetInstanceID=participant.recovery_instance_id)
        participant.status = LaunchStatus.TERMINATED
        moment.target.instances.pop(participant.recovery_instance_id, None)
        server = moment.server
        server.recovery_instance_id = ""
        if server.last_launch:
            launch = server.last_launch
            server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, "TERMINATED")


@step(Step.END)
def _end(moment: Moment) -> None:
    """A job that EC2 keeps waiting ends when its last server is settled."""
    job = moment.job
    if not all(participant.settled for participant in job.participants.values()):
        job.overdue = True
        return
    job.write(moment.at, "JOB_END")
    job.status = JobStatus.COMPLETED
    job.ended_at = moment.at
    moment.target.active.pop(job.id, None)


def _answered(moment: Moment, participant: Participant, error: str, settle: Callable[[Moment], None]) -> None:
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
        _end(late)


def _set_status(moment: Moment, status: LaunchStatus) -> None:
    moment.participant.status = status
    launch = moment.server.last_launch
    if launch:
        moment.server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, status.value)
