"""Whether the networks are isolated that drills launch into."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.drs_shapes.source_servers import SourceServer
from recovery.domain.findings.codes import Code
from recovery.domain.findings.facts import PlannedLaunch, TargetFacts
from recovery.domain.findings.gathering import Found
from recovery.domain.isolation.verdicts import Answer, IsolationVerdict, Place
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
    launched: dict[Place, list[PlannedLaunch]] = defaultdict(list)
    for launch in launches:
        if launch.mode is RunMode.DRILL:
            for place in _list_places(launch, facts):
                launched[place].append(launch)
    if not launched:
        return IsolationLook()
    networks = sorted({server.source_network_id for server in servers if server.source_network_id})
    source_vpcs = drs.get_source_vpcs(target, networks).values() if networks else ()
    verdicts = prove(target, launched, source_vpcs)
    found = [each for place, verdict in verdicts.items() for each in _judge(verdict, launched[place])]
    return IsolationLook(found, [verdict.to_item() for verdict in verdicts.values()])


def _list_places(launch: PlannedLaunch, facts: TargetFacts) -> list[Place]:
    """The places of all interfaces of the launch; every default subnet if it names none."""
    if launch.place is None or facts.subnets is None:
        return []
    named = [subnet_id for subnet_id in launch.place.subnet_ids if subnet_id in facts.subnets]
    subnets = named or [subnet.subnet_id for subnet in facts.subnets_of(launch.place)]
    return [Place.of(subnet_id, launch.place.security_groups) for subnet_id in subnets]


def _judge(verdict: IsolationVerdict, launches: Sequence[PlannedLaunch]) -> list[Found]:
    unmet = [each for each in launches if each.isolation and not verdict.satisfies(each.isolation)]
    others = [each for each in launches if each not in unmet] if verdict.answer is not Answer.YES else []
    return [
        Found(code, verdict.describe(), tuple(each.server_id for each in concerned), (RunMode.DRILL,))
        for code, concerned in ((Code.ISOLATION_UNMET, unmet), (Code.NOT_ISOLATED, others))
        if concerned
    ]
