"""The steps that launch a server: what ran before is cleaned up, then conversion, launch and launch actions."""

import uuid
from dataclasses import replace

from drs_emulator.engine.ec2 import Launched, LaunchOrder
from drs_emulator.engine.event_bus import LaunchResult
from drs_emulator.ids import digest
from drs_emulator.records.job import ActionRun, LaunchStatus
from drs_emulator.records.recovery_instance import RecoveryInstance
from drs_emulator.records.source_server import FailsAt
from drs_emulator.simulation.job_lifecycle import Moment, answered, end, set_status, step
from drs_emulator.simulation.job_schedule import Step


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
    set_status(moment, LaunchStatus.IN_PROGRESS)


@step(Step.FAIL)
def _fail(moment: Moment) -> None:
    if moment.event.detail:
        moment.write(moment.event.detail)
    if moment.job.initiated_by == "FAILBACK":
        moment.target.instances[moment.participant.recovery_instance_id].failback.state = "FAILBACK_ERROR"
    _failed(moment)


@step(Step.LAUNCH)
def _launch(moment: Moment) -> None:
    moment.write("LAUNCH_START")
    ask(moment)


def ask(moment: Moment) -> None:
    """Asks EC2 for the instance; once more where an answer was lost with the process that waited for it."""
    participant, server = moment.participant, moment.server
    participant.asked = True
    if participant.fails_at is FailsAt.LAUNCH:
        _launch_answered(moment, Launched(error="InsufficientInstanceCapacity"))
        return
    tags = {
        "Name": server.launch.name,
        **(server.tags if server.launch.copies_tags else {}),
        "AWSElasticDisasterRecoverySourceServerID": server.id,
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
    }

    def done(answer: Launched) -> None:
        with moment.world.lock:
            _launch_answered(moment, answer)

    private_ip = server.machine.ip if server.launch.copies_private_ip else ""
    stopped = not server.launch.starts
    moment.world.ec2.launch(LaunchOrder(moment.target.key, server.launch_type(), tags, done, private_ip, stopped))


def _launch_answered(moment: Moment, answer: Launched) -> None:
    participant = moment.participant
    participant.recovery_instance_id = answer.instance_id
    participant.private_ip = answer.private_ip
    answered(moment, participant, answer.error, _launched)


@step(Step.LAUNCHED)
def _launched(moment: Moment) -> None:
    participant = moment.participant
    if not participant.answered:
        participant.overdue = True
    elif participant.error:
        moment.write("LAUNCH_FAILED", rawError=participant.error)
        _failed(moment)
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
            ec2_state="RUNNING" if server.launch.starts else "STOPPED",
            tags=dict(server.tags) if server.launch.copies_tags else {},
        )
        moment.target.instances[instance.id] = instance
        server.recovery_instance_id = instance.id
        set_status(moment, LaunchStatus.LAUNCHED)
        _announce(moment, succeeded=True)
        _plan_actions(moment)


def _plan_actions(moment: Moment) -> None:
    """One after the other, once the SSM agent is found; the job lasts until they are through."""
    lasts = moment.world.settings.durations.launch_action
    actions = moment.server.launch.actions_to_run()
    moment.participant.runs_left = len(actions)
    due = moment.at + lasts.pending
    for action in actions:
        for name in (Step.RUN_ACTION, Step.ACTION_RAN):
            moment.world.schedule(due, replace(moment.event, step=name, detail=action["actionId"]))
            due += lasts.started if name is Step.RUN_ACTION else 0


@step(Step.RUN_ACTION)
def _run_action(moment: Moment) -> None:
    participant, action_id = moment.participant, moment.event.detail
    if participant.agent_found_at is None:
        participant.agent_found_at = moment.at
    action = moment.server.launch.actions.get(action_id)
    if action:  # which may have been deleted meanwhile
        run_id = str(uuid.UUID(digest(moment.job.id, moment.event.server_id, action_id)[:32]))
        participant.runs[action_id] = ActionRun(action, run_id)


@step(Step.ACTION_RAN)
def _action_ran(moment: Moment) -> None:
    """One that fails and is not optional makes the launch a failed one; the instance stays."""
    participant = moment.participant
    participant.runs_left -= 1
    if run := participant.runs.get(moment.event.detail):
        run.status = "FAILED" if participant.actions_fail else "SUCCEEDED"
        if participant.actions_fail:
            run.failure = "The document ended with status Failed"
            if not run.action["optional"]:
                set_status(moment, LaunchStatus.FAILED)
    if moment.job.overdue:
        end(moment)


def _failed(moment: Moment) -> None:
    set_status(moment, LaunchStatus.FAILED)
    _announce(moment, succeeded=False)


def _announce(moment: Moment, *, succeeded: bool) -> None:
    job = moment.job
    if job.initiated_by != "FAILBACK":
        result = LaunchResult(moment.target.key, moment.server.arn, job.id, job.is_drill, succeeded, moment.at)
        moment.world.bus.announce(result)
