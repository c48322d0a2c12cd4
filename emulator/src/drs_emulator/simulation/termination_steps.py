"""The steps that terminate a recovery instance."""

from drs_emulator.records.job import LaunchStatus
from drs_emulator.records.source_server import LastLaunch
from drs_emulator.simulation.job_lifecycle import StepContext, job_step, record_ec2_result
from drs_emulator.simulation.job_schedule import Step
from drs_emulator.simulation.systems_manager.instances import end_instance


@job_step(Step.TERMINATE)
def _terminate(context: StepContext) -> None:
    participant = context.participant
    context.log_event("CLEANUP_START", targetInstanceID=participant.recovery_instance_id)
    participant.status = LaunchStatus.IN_PROGRESS
    if instance := context.target.instances.get(participant.recovery_instance_id):
        instance.ec2_state = "SHUTTING-DOWN"
    request_termination(context)


def request_termination(context: StepContext) -> None:
    """Call EC2. After a restart, call it again if its result was lost with the previous process."""
    participant = context.participant
    participant.ec2_requested = True
    if participant.termination_fails:
        record_ec2_result(
            context, participant, "OperationNotPermitted: termination protection is on", _finish_termination
        )
        return

    def on_done(error: str) -> None:
        with context.world.lock:
            record_ec2_result(context, participant, error, _finish_termination)

    context.world.ec2.terminate(context.target.key, participant.recovery_instance_id, on_done)


@job_step(Step.TERMINATED)
def _finish_termination(context: StepContext) -> None:
    participant = context.participant
    if not participant.ec2_responded:
        participant.ec2_overdue = True
    elif participant.error:
        context.log_event("CLEANUP_FAIL", targetInstanceID=participant.recovery_instance_id, rawError=participant.error)
        participant.status = LaunchStatus.FAILED
        if instance := context.target.instances.get(participant.recovery_instance_id):
            instance.ec2_state = "RUNNING"
    else:
        context.log_event("CLEANUP_END", targetInstanceID=participant.recovery_instance_id)
        participant.status = LaunchStatus.TERMINATED
        context.target.instances.pop(participant.recovery_instance_id, None)
        end_instance(context.target, participant.recovery_instance_id, context.at)
        server = context.server
        if server.recovery_instance_id == participant.recovery_instance_id:
            server.recovery_instance_id = ""
        if server.last_launch:
            launch = server.last_launch
            server.last_launch = LastLaunch(launch.job_id, launch.called_at, launch.is_drill, "TERMINATED")
