"""Launch profiles of a protection group: what its servers are launched with instead of their own launch settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any

from recovery.domain.wave_steps.modes import RunMode

KEEP, RELEASE = "keep", "release"
"""The values of `privateIp` beside an address: that of the source, or one that EC2 chooses."""


class ProfileOption(StrEnum):
    """What a run does with the launch profiles of its groups."""

    APPLY = "apply"
    SKIP = "skip"


class Disposition(StrEnum):
    """Whether DRS starts an instance after its launch (launchDisposition of botocore's drs model)."""

    STARTED = "STARTED"
    STOPPED = "STOPPED"


class RecoveryMode(StrEnum):
    """Whether DRS launches without a conversion (recoveryMode of botocore's drs model)."""

    FAST = "FAST"
    OPTIMAL = "OPTIMAL"


class Isolation(StrEnum):
    """What a drill requires of the networks that its servers are launched into.

    `required`: nothing leaves the VPC, but to services of AWS through endpoints. `internetAllowed`: the internet may be
    reached too. `reported`: the drill runs, and its record says what its servers could reach.
    """

    REQUIRED = "required"
    INTERNET_ALLOWED = "internetAllowed"
    REPORTED = "reported"

    @property
    def refuses(self) -> bool:
        """Whether a drill is refused that cannot prove it."""
        return self is not Isolation.REPORTED


@dataclass(frozen=True, slots=True)
class LaunchProfile:
    """What servers are launched with. What is None or empty stays as the server's launch settings have it.

    `subnets` are by Availability Zone. `private_ip` is `keep`, `release` or an address; `private_ip_map` maps ranges of
    source addresses to ranges of equal size. `instance_types` are tried in their order, the next one after a launch
    that failed for want of capacity. With `right_sizing`, DRS chooses the type.
    """

    subnets: Mapping[str, str] = field(default_factory=dict)
    security_groups: tuple[str, ...] = ()
    private_ip: str | None = None
    private_ip_map: Mapping[str, str] = field(default_factory=dict)
    instance_types: tuple[str, ...] = ()
    right_sizing: bool | None = None
    instance_profile: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    disposition: Disposition | None = None
    recovery_mode: RecoveryMode | None = None
    isolation: Isolation | None = None

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "LaunchProfile":
        """Read a profile of a stored group."""
        return cls(
            subnets=dict(item.get("subnets", {})),
            security_groups=tuple(item.get("securityGroups", ())),
            private_ip=item.get("privateIp"),
            private_ip_map=dict(item.get("privateIpMap", {})),
            instance_types=tuple(item.get("instanceTypes", ())),
            right_sizing=item.get("rightSizing"),
            instance_profile=item.get("instanceProfile"),
            tags=dict(item.get("tags", {})),
            disposition=Disposition(item["disposition"]) if item.get("disposition") else None,
            recovery_mode=RecoveryMode(item["recoveryMode"]) if item.get("recoveryMode") else None,
            isolation=Isolation(item["isolation"]) if item.get("isolation") else None,
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse. What is not set is not written."""
        item = {
            "subnets": dict(self.subnets) or None,
            "securityGroups": list(self.security_groups) or None,
            "privateIp": self.private_ip,
            "privateIpMap": dict(self.private_ip_map) or None,
            "instanceTypes": list(self.instance_types) or None,
            "rightSizing": self.right_sizing,
            "instanceProfile": self.instance_profile,
            "tags": dict(self.tags) or None,
            "disposition": self.disposition.value if self.disposition else None,
            "recoveryMode": self.recovery_mode.value if self.recovery_mode else None,
            "isolation": self.isolation.value if self.isolation else None,
        }
        return {name: value for name, value in item.items() if value is not None}

    def with_exceptions(self, exceptions: "LaunchProfile") -> "LaunchProfile":
        """The profile with what is set in the exceptions of a server. Tags are added to those of the profile.

        An address replaces a map of addresses and the other way round, and so do types and right-sizing.
        """
        base = self
        if exceptions.private_ip or exceptions.private_ip_map:
            base = replace(base, private_ip=None, private_ip_map={})
        if exceptions.instance_types or exceptions.right_sizing is not None:
            base = replace(base, instance_types=(), right_sizing=None)
        given = {each.name: getattr(exceptions, each.name) for each in fields(exceptions)}
        chosen = {name: value for name, value in given.items() if value not in (None, (), {})}
        return replace(base, **{**chosen, "tags": {**self.tags, **exceptions.tags}})

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing and requires nothing."""
        return not self.to_item()

    @property
    def changes_settings(self) -> bool:
        """Whether launch settings may have to be changed for it; `isolation` alone changes none."""
        return bool(self.to_item().keys() - {"isolation"})


@dataclass(frozen=True, slots=True)
class GroupProfiles:
    """The launch profiles of a group, by kind of run, and what differs for some of its servers."""

    by_mode: Mapping[RunMode, LaunchProfile] = field(default_factory=dict)
    by_server: Mapping[str, Mapping[RunMode, LaunchProfile]] = field(default_factory=dict)

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> "GroupProfiles":
        """Read `launchProfiles` of a stored group."""
        return cls(
            _read_by_mode(item),
            {server_id: _read_by_mode(server) for server_id, server in item.get("servers", {}).items()},
        )

    def to_item(self) -> dict[str, Any]:
        """The inverse; empty for a group without profiles."""
        servers = {server_id: _write_by_mode(server) for server_id, server in self.by_server.items()}
        return {**_write_by_mode(self.by_mode), **({"servers": servers} if servers else {})}

    def to_field(self) -> dict[str, Any]:
        """`{"launchProfiles": ...}` for the row of the group; nothing for a group without profiles."""
        item = self.to_item()
        return {"launchProfiles": item} if item else {}

    def find(self, server_id: str, mode: RunMode) -> LaunchProfile | None:
        """The profile of a server in such a run; None if it has none."""
        of_group, of_server = self.by_mode.get(mode), self.by_server.get(server_id, {}).get(mode)
        found = of_group.with_exceptions(of_server) if of_group and of_server else of_group or of_server
        return None if found is None or found.is_empty else found

    def has_any(self, mode: RunMode) -> bool:
        """Whether any server may have a profile in such a run."""
        profiles = (self.by_mode, *self.by_server.values())
        return any(mode in each and not each[mode].is_empty for each in profiles)


def find_first(groups: Iterable[GroupProfiles], server_id: str, mode: RunMode) -> LaunchProfile | None:
    """The profile of a server that these groups select, in the order of its wave: that of the first one with any."""
    return next((profile for group in groups if (profile := group.find(server_id, mode))), None)


def _read_by_mode(item: Mapping[str, Any]) -> dict[RunMode, LaunchProfile]:
    return {mode: LaunchProfile.from_item(item[mode.value]) for mode in RunMode if mode.value in item}


def _write_by_mode(profiles: Mapping[RunMode, LaunchProfile]) -> dict[str, Any]:
    return {mode.value: profile.to_item() for mode, profile in profiles.items()}
