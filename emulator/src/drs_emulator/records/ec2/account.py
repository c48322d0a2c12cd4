"""All that EC2 has of an account in a Region, besides its instances."""

from dataclasses import dataclass, field

from drs_emulator.records.ec2.launch_template import LaunchTemplate
from drs_emulator.records.ec2.placement import Placement
from drs_emulator.records.ec2.resources import Resources


@dataclass(slots=True)
class Ec2Account:
    """`resources` are by kind and id; those of the default network are made when they are first asked for.

    `placements` are by instance id or, while EC2 launches an instance, by its job and its source server. `addresses`
    are those in use, by subnet. `quotas` are the changed ones, by service and code: `ec2/L-1216C47A`. `offerings` are
    the zones of types that not all zones have. `profiles` are the instance profiles of the account, which only the
    Region us-east-1 has, because IAM is global. `tokens` maps client tokens to a digest of the request and its result.
    """

    resources: Resources = field(default_factory=dict)
    templates: dict[str, LaunchTemplate] = field(default_factory=dict)
    placements: dict[str, Placement] = field(default_factory=dict)
    addresses: dict[str, set[str]] = field(default_factory=dict)
    quotas: dict[str, float] = field(default_factory=dict)
    offerings: dict[str, list[str]] = field(default_factory=dict)
    profiles: set[str] = field(default_factory=set)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    network_is_made: bool = False
    templates_are_made: bool = False
