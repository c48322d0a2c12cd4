"""The verdict on a place, from the ways between it and everything else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from recovery.domain.isolation import neighbours, routes
from recovery.domain.isolation.barriers import Barriers
from recovery.domain.isolation.networks import PlacedSubnet, VpcNetwork
from recovery.domain.isolation.verdicts import IsolationVerdict, Place, Way


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a verdict on a place depends on beside its VPC.

    `account_id` is that of the target. `own_instances` are the EC2 ids of recovery instances of drills. `source_vpcs`
    are VPCs of source servers; a peering with one is named so.
    """

    account_id: str
    own_instances: Collection[str] = ()
    source_vpcs: Collection[str] = ()


def judge(place: Place, subnet: PlacedSubnet, vpc: VpcNetwork, around: Surroundings) -> IsolationVerdict:
    """Whether servers in the place are isolated from everything but services of AWS and other drills.

    A way counts as closed if it is a blackhole, or if its traffic is blocked in both directions.
    """
    barriers = Barriers.of(place, vpc)
    routed = routes.find_ways(subnet, vpc, barriers, around.account_id, around.source_vpcs)
    inside = tuple(neighbours.find_ways(subnet, vpc, barriers, around.own_instances, around.account_id))
    facts = _state_facts(routed, inside, vpc)
    return IsolationVerdict.from_ways(place, vpc.vpc_id, (*routed.ways, *inside), facts)


def _state_facts(routed: routes.RoutedWays, inside: Sequence[Way], vpc: VpcNetwork) -> list[str]:
    """Why there are no other ways than those that are named."""
    tables = ", ".join(routed.tables)
    facts = [f"{'all other' if routed.ways else 'all'} routes of {tables} are local"]
    if not any(way.is_blocked for way in inside):
        facts.append(f"no other instances are in {vpc.vpc_id}")
    return facts
