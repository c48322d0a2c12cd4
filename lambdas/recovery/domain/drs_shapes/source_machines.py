"""The machines of source servers: what a launch depends on of their hardware, their disks and their agents."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery.domain.drs_shapes.members import read_structures, read_text, read_time

# Statuses of a disk's volume of which nothing needs to be said (volumeStatus of botocore's drs model).
_USUAL_VOLUMES = frozenset(("REGULAR", "PENDING"))


@dataclass(frozen=True, slots=True)
class SourceMachine:
    """What DRS knows of a source server's machine; None or empty where it does not say.

    `address` is the primary private address of version 4. `volumes` has the status of each disk whose volume in AWS is
    unusual, by device. `staging_error` is why its staging area in another account could not be extended.
    `last_seen_at` is when DRS last heard of the agent.
    """

    system: str | None = None
    architecture: str | None = None
    supports_nitro: bool | None = None
    recommended_type: str | None = None
    address: str | None = None
    disk_bytes: int = 0
    volumes: Mapping[str, str] = field(default_factory=dict)
    staging_error: str | None = None
    last_seen_at: str | None = None

    @classmethod
    def from_drs(cls, item: Mapping[str, Any]) -> "SourceMachine":
        """Read DRS's SourceServer shape, in which nothing is certain."""
        properties = item.get("sourceProperties")
        known: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
        nitro = known.get("supportsNitroInstances")
        disks = read_structures(item, "dataReplicationInfo", "replicatedDisks")
        statuses = {read_text(disk, "deviceName") or "a disk": read_text(disk, "volumeStatus") for disk in disks}
        error = read_text(item, "stagingArea", "status") == "EXTENSION_ERROR"
        return cls(
            system=read_text(known, "os", "fullString"),
            architecture=read_text(known, "architecture"),
            supports_nitro=nitro if isinstance(nitro, bool) else None,
            recommended_type=read_text(known, "recommendedInstanceType"),
            address=_read_address(known),
            disk_bytes=sum(_read_size(disk) for disk in read_structures(known, "disks")),
            volumes={name: status for name, status in statuses.items() if status and status not in _USUAL_VOLUMES},
            staging_error=(read_text(item, "stagingArea", "errorMessage") or "EXTENSION_ERROR") if error else None,
            last_seen_at=read_time(item, "lifeCycle", "lastSeenByServiceDateTime"),
        )

    @property
    def is_windows(self) -> bool:
        """Whether its operating system is Windows."""
        return "windows" in (self.system or "").lower()


def _read_address(properties: Mapping[str, Any]) -> str | None:
    interfaces = sorted(
        read_structures(properties, "networkInterfaces"), key=lambda each: each.get("isPrimary") is not True
    )
    texts = (text for each in interfaces for text in each.get("ips") or () if isinstance(text, str))
    return next((text for text in texts if _is_version_4(text)), None)


def _is_version_4(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 4
    except ValueError:
        return False


def _read_size(disk: Mapping[str, Any]) -> int:
    size = disk.get("bytes")
    return size if isinstance(size, int) and size > 0 else 0
