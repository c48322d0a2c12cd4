"""The step that ends a failback: the original machine runs again."""

from drs_emulator.records.job import LaunchStatus
from drs_emulator.simulation.job_lifecycle import StepContext, job_step, set_launch_status
from drs_emulator.simulation.job_schedule import Step


@job_step(Step.FAILED_BACK)
def _finish_failback(context: StepContext) -> None:
    set_launch_status(context, LaunchStatus.LAUNCHED)
    failback = context.target.instances[context.participant.recovery_instance_id].failback
    failback.state = "FAILBACK_COMPLETED"
    failback.replication.set_state("STOPPED", context.at)
