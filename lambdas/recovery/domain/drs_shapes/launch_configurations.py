"""Launch configurations of source servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.members import read_text


@dataclass(frozen=True, slots=True)
class LaunchConfiguration:
    """How DRS launches a server. `launches_into` is the EC2 instance whose disks a launch replaces, None for a new one.

    `runs_actions` is whether DRS runs launch actions on the server after the launch.
    DRS may leave out every member, so an empty configuration is one as well.
    """

    launches_into: str | None
    runs_actions: bool = False

    @classmethod
    def from_drs(cls, answer: Mapping[str, Any]) -> "LaunchConfiguration":
        """Read the answer of GetLaunchConfiguration, in which no member is certain."""
        into = read_text(answer, "launchIntoInstanceProperties", "launchIntoEC2InstanceID")
        return cls(into, runs_actions=answer.get("postLaunchEnabled") is True)
