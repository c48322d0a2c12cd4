"""Whether the networks are isolated that drills launch into."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import PlannedLaunch, TargetFacts
from recovery.domain.findings.gathering import Found
from recovery.domain.isolation.verdicts import Answer, IsolationVerdict, Place, find_refusal, list_places
from recovery.domain.target import Target
from recovery.domain.wave_steps.modes import RunMode
from recovery.drs import client as drs
from recovery.isolation.prove import prove


@dataclass(frozen=True, slots=True)
class IsolationLook:
    """What was found of the places of drills, and the verdict on each of them."""

    found: Sequence[Found] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()


def check_isolation(
    target: Target, launches: Iterable[PlannedLaunch], facts: TargetFacts, servers: Iterable[SourceServer]
) -> IsolationLook:
    """Judge the places that drills launch into. Raise errors that are transient.

    A place that is not isolated is a warning, unless the launch profile of a server requires more.
    """
    drills = [(launch, _list_places(launch, facts)) for launch in launches if launch.mode is RunMode.DRILL]
    asked = {place for _, places in drills for place in places}
    if not asked:
        return IsolationLook()
    networks = sorted({server.source_network_id for server in servers if server.source_network_id})
    source_vpcs = drs.get_source_vpcs(target, networks).values() if networks else ()
    verdicts = prove(target, asked, source_vpcs)
    found = [each for launch, places in drills for each in _judge(launch, places, verdicts)]
    return IsolationLook(found, [verdicts[place].to_item() for place in sorted(verdicts)])


def _list_places(launch: PlannedLaunch, facts: TargetFacts) -> frozenset[Place]:
    """The places of all interfaces of the launch; every default subnet if it names none.

    If its profile asks for a proof, the places that a drill is judged by.
    """
    place = launch.place
    if place is None or facts.subnets is None:
        return frozenset()
    if launch.isolation:
        return list_places(launch.profile_subnets, place)
    known = [subnet_id for subnet_id in place.subnet_ids if subnet_id in facts.subnets]
    subnets = known or [subnet.subnet_id for subnet in facts.subnets_of(place)]
    return frozenset(Place.of(subnet_id, place.security_groups) for subnet_id in subnets)


def _judge(
    launch: PlannedLaunch, places: frozenset[Place], verdicts: Mapping[Place, IsolationVerdict]
) -> Iterator[Found]:
    who = ((launch.server_id,), (RunMode.DRILL,))
    if launch.isolation and (why := find_refusal(launch.isolation, places, verdicts)):
        yield Found(Code.ISOLATION_UNMET, why, *who)
        return
    for place in sorted(places):
        if verdicts[place].answer is not Answer.YES:
            yield Found(Code.NOT_ISOLATED, verdicts[place].describe(), *who)
