"""EC2 instances as Systems Manager and EC2's status checks see them."""

from dataclasses import dataclass, field

from drs_emulator.target_key import TargetKey


@dataclass(slots=True)
class ManagedInstance:
    """An instance that DRS launched, or that the control API added.

    `state` is RUNNING, STOPPED or TERMINATED, and `ended_at` the time of its termination. `pace` is the share of the
    usual time that it takes to boot. `server_id` is its source server, if it has one.
    """

    id: str
    target: TargetKey
    launched_at: float
    server_id: str = ""
    hostname: str = ""
    os: str = ""
    private_ip: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    state: str = "RUNNING"
    pace: float = 1
    ended_at: float | None = None

    @property
    def platform(self) -> str:
        return "Windows" if "windows" in self.os.lower() else "Linux"
