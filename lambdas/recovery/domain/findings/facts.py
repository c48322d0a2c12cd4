"""What was read of a target before its launches are judged. What could not be read is None, and judges nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.drs_shapes.source_machines import SourceMachine
from recovery.domain.launch_profiles.profiles import Isolation
from recovery.domain.launch_profiles.settings import LaunchPlace, TemplateData
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.wave_steps.modes import RunMode

Address = tuple[str, str]
"""The id of a subnet, and an address in it."""


@dataclass(frozen=True, slots=True)
class InstanceKind:
    """An instance type of the Region. `vcpus` is its default number."""

    name: str
    vcpus: int
    architectures: frozenset[str]
    is_nitro: bool


@dataclass(frozen=True, slots=True)
class PresentInstance:
    """An instance that EC2 has now. One that `counts` runs and uses vCPUs of the On-Demand quotas."""

    instance_id: str
    instance_type: str
    subnet_id: str
    address: str
    counts: bool


@dataclass(frozen=True, slots=True)
class PresentReservation:
    """A capacity reservation with `left` instances of room. One that is `is_open` takes any that match it."""

    instance_type: str
    zone: str
    left: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class PlannedLaunch:
    """A launch of a server in one kind of run, after its launch profile.

    `data` and `place` are None if its template or its default version is not there or not known, or if its profile
    does not suit it: `refusal` is why then, and `missing_subnets` are those of the profile that are not there.
    `replaces` are the instances that DRS terminates for it. `isolation` is what its profile requires of a drill, and
    `profile_subnets` are those of the profile.
    """

    server_id: str
    mode: RunMode
    machine: SourceMachine
    configuration: LaunchConfiguration
    data: TemplateData | None = None
    place: LaunchPlace | None = None
    replaces: frozenset[str] = frozenset()
    refusal: str | None = None
    missing_subnets: tuple[str, ...] = ()
    isolation: Isolation | None = None
    profile_subnets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What EC2, IAM and Service Quotas say of a target, as far as the launches need it.

    `security_groups` has the VPC of each group. `kinds` and `zones` have the asked types that the Region has.
    `profiles` and `key_pairs` are those of the asked ones that exist. `interfaces` has the network interface with each
    wanted address. `quotas` are by code.
    """

    subnets: Mapping[str, Subnet] | None = None
    security_groups: Mapping[str, str] | None = None
    kinds: Mapping[str, InstanceKind] | None = None
    zones: Mapping[str, frozenset[str]] | None = None
    profiles: Collection[str] | None = None
    key_pairs: Collection[str] | None = None
    instances: Collection[PresentInstance] | None = None
    interfaces: Mapping[Address, str] | None = None
    reservations: Collection[PresentReservation] | None = None
    quotas: Mapping[str, float] | None = None
    storage_quotas: Mapping[str, float] | None = None

    @property
    def default_subnets(self) -> list[Subnet]:
        """The subnets that EC2 launches into if none is named."""
        return [subnet for subnet in (self.subnets or {}).values() if subnet.is_default]

    def subnets_of(self, place: LaunchPlace) -> list[Subnet]:
        """The subnets that the first interface may be in; none if they are not known or do not exist."""
        if self.subnets is None or place.interface_ids:
            return []
        if place.subnet_ids:
            found = self.subnets.get(place.subnet_ids[0])
            return [found] if found else []
        return self.default_subnets
