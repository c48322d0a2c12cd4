"""The end of a failback: the machine that is failed back to has been launched."""

from drs_emulator.records.job import LaunchStatus
from drs_emulator.simulation.job_lifecycle import Moment, set_status, step
from drs_emulator.simulation.job_schedule import Step


@step(Step.FAILED_BACK)
def _failed_back(moment: Moment) -> None:
    set_status(moment, LaunchStatus.LAUNCHED)
    failback = moment.target.instances[moment.participant.recovery_instance_id].failback
    failback.state = "FAILBACK_COMPLETED"
    failback.replication.set("STOPPED", moment.at)
