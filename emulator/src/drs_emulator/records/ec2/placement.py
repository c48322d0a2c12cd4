"""Where an instance runs, and as what."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Placement:
    """The network, the type and the profile of an instance. `profile` is an ARN. A stopped instance uses no vCPUs.

    `is_profile_chosen` says that the template named the profile, which DRS chooses otherwise. `tags` are those that the
    template adds. `template_version` is the version that the instance was launched from.
    """

    subnet_id: str
    vpc_id: str
    zone: str
    instance_type: str
    private_ip: str
    groups: list[str] = field(default_factory=list)
    profile: str = ""
    key_name: str = ""
    public_ip: str = ""
    is_profile_chosen: bool = False
    runs: bool = True
    template_id: str = ""
    template_version: int = 0
    launched_at: float = 0
    tags: dict[str, str] = field(default_factory=dict)
