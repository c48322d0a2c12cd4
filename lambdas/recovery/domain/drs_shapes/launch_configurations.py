"""Launch configurations of source servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.members import read_text


@dataclass(frozen=True, slots=True)
class LaunchConfiguration:
    """How DRS launches a server. `launches_into` is the EC2 instance whose disks a launch replaces, None for a new one.

    `runs_actions` is whether DRS runs launch actions on the server after the launch. `template_id` is the EC2 launch
    template, from whose default version DRS launches. With `right_sizes`, DRS chooses the instance type; with
    `copies_private_ip`, the private address is that of the source. `disposition` and `recovery_mode` are DRS's words.
    DRS may leave out every member, so an empty configuration is one as well.
    """

    launches_into: str | None
    runs_actions: bool = False
    template_id: str | None = None
    right_sizing: str | None = None
    copies_private_ip: bool = False
    disposition: str | None = None
    recovery_mode: str | None = None

    @classmethod
    def from_drs(cls, answer: Mapping[str, Any]) -> "LaunchConfiguration":
        """Read the answer of GetLaunchConfiguration, in which no member is certain."""
        return cls(
            launches_into=read_text(answer, "launchIntoInstanceProperties", "launchIntoEC2InstanceID"),
            runs_actions=answer.get("postLaunchEnabled") is True,
            template_id=read_text(answer, "ec2LaunchTemplateID"),
            right_sizing=read_text(answer, "targetInstanceTypeRightSizingMethod"),
            copies_private_ip=answer.get("copyPrivateIp") is True,
            disposition=read_text(answer, "launchDisposition"),
            recovery_mode=read_text(answer, "recoveryMode"),
        )

    @property
    def right_sizes(self) -> bool:
        """Whether DRS chooses the instance type, and does not take that of the template."""
        return self.right_sizing not in (None, "NONE")

    def to_json(self) -> list[Any]:
        """The configuration as the PROBE# row has it."""
        settings = [self.template_id, self.right_sizing, self.copies_private_ip, self.disposition, self.recovery_mode]
        return [self.launches_into, self.runs_actions, *settings]

    @classmethod
    def from_json(cls, packed: Sequence[Any]) -> "LaunchConfiguration":
        """The inverse."""
        return cls(*packed)


@dataclass(frozen=True, slots=True)
class LaunchDocument:
    """The document of a launch action. `kind` is DRS's: SSM_AUTOMATION or SSM_COMMAND."""

    kind: str
    name: str
    version: str | None = None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "LaunchDocument | None":
        """Read DRS's LaunchAction shape; None for one that is not active or names no document."""
        name = read_text(item, "actionCode")
        if name is None or item.get("active") is False:
            return None
        return cls(read_text(item, "type") or "SSM_COMMAND", name, read_text(item, "actionVersion"))

    def to_json(self) -> list[Any]:
        """The document as the PROBE# row has it."""
        return [self.kind, self.name, self.version]
