"""The steps that terminate a recovery instance."""

from drs_emulator.records.job import LaunchStatus
from drs_emulator.records.source_server import LastLaunch
from drs_emulator.simulation.job_lifecycle import Moment, answered, step
from drs_emulator.simulation.job_schedule import Step


@step(Step.TERMINATE)
def _terminate(moment: Moment) -> None:
    participant = moment.participant
    moment.write("CLEANUP_START", targetInstanceID=participant.recovery_instance_id)
    participant.status = LaunchStatus.IN_PROGRESS
    if instance := moment.target.instances.get(participant.recovery_instance_id):
        instance.ec2_state = "SHUTTING-DOWN"
    ask(moment)


def ask(moment: Moment) -> None:
    """Asks EC2; once more where an answer was lost with the process that waited for it."""
    participant = moment.participant
    participant.asked = True
    if participant.stays:
        answered(moment, participant, "OperationNotPermitted: termination protection is on", _terminated)
        return

    def done(error: str) -> None:
        with moment.world.lock:
            answered(moment, participant, error, _terminated)

    moment.world.ec2.terminate(moment.target.key, participant.recovery_instance_id, done)


@step(Step.TERMINATED)
def _terminated(moment: Moment) -> None:
    participant = moment.participant
    if not participant.answered:
        participant.overdue = True
    elif participant.error:
        moment.write("CLEANUP_FAIL", targetInstanceID=participant.recovery_instance_id, rawError=participant.error)
        participant.status = LaunchStatus.FAILED
        if instance := moment.target.instances.get(participant.recovery_instance_id):
            instance.ec2_state = "RUNNING"
    else:
        moment.write("CLEANUP_END", targetInstanceID=participant.recovery_instance_id)
        participant.status = LaunchStatus.TERMINATED
        moment.target.instances.pop(participant.recovery_instance_id, None)
        server = moment.server
        server.recovery_instance_id = ""
        if server.last_launch:
            launch = server.last_launch
            server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, "TERMINATED")
