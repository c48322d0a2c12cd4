"""How large the launches of a plan are: what its cost and its share of quotas follow from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.wave_steps.modes import RunMode


@dataclass(frozen=True, slots=True)
class LaunchSize:
    """Servers that are launched as one instance type in one kind of run. `instance_type` is None where it is not known.

    `vcpus` are those of one instance, None where they are not known. `disks_bytes` is the sum of all their disks.
    """

    mode: RunMode
    instance_type: str | None
    is_windows: bool
    vcpus: int | None
    servers: int
    disks_bytes: int

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "LaunchSize":
        """Read one on record."""
        return cls(
            mode=RunMode(item["mode"]),
            instance_type=item["instanceType"],
            is_windows=bool(item["windows"]),
            vcpus=item["vcpus"],
            servers=int(item["servers"]),
            disks_bytes=int(item["disksBytes"]),
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse."""
        return {
            "mode": self.mode.value,
            "instanceType": self.instance_type,
            "windows": self.is_windows,
            "vcpus": self.vcpus,
            "servers": self.servers,
            "disksBytes": self.disks_bytes,
        }
