"""Target groups of Elastic Load Balancing."""

from dataclasses import dataclass, field

from drs_emulator.ids import digest
from drs_emulator.target_key import TargetKey


@dataclass(slots=True)
class TargetGroup:
    """A target group. Each instance of its source servers is registered when it is launched.

    A target is healthy `healthy_seconds` after its status checks have passed.
    """

    name: str
    target: TargetKey
    port: int
    server_ids: list[str] = field(default_factory=list)
    instance_ids: list[str] = field(default_factory=list)
    healthy_seconds: float = 30

    @property
    def arn(self) -> str:
        account, region = self.target
        number = digest(self.target, self.name)[:16]
        return f"arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{self.name}/{number}"
