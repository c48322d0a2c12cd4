"""The end of a failback: the machine that is failed back to has been launched."""

from drs_emulator.course import Step
from drs_emulator.jobs import LaunchStatus
from drs_emulator.life import Moment, set_status, step


@step(Step.FAILED_BACK)
def _failed_back(moment: Moment) -> None:
    set_status(moment, LaunchStatus.LAUNCHED)
    failback = moment.target.instances[moment.participant.recovery_instance_id].failback
    failback.state = "FAILBACK_COMPLETED"
    failback.replication.set("STOPPED", moment.at)
