"""Proves for places of a target whether servers in them are isolated."""

from collections.abc import Iterable

from recovery.domain.isolation.judgement import Surroundings, judge
from recovery.domain.isolation.networks import VpcNetwork
from recovery.domain.isolation.verdicts import UNTOLD_SUBNET, IsolationVerdict, Place
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.drs import ec2
from recovery.errors import TargetAccessDenied
from recovery.target_errors import TargetRefused
from recovery.target_services import networks
from recovery.target_services.networks import Networks

# The initiatedBy of a job that launches a drill (botocore's drs model).
START_DRILL = "START_DRILL"


def prove(target: Target, places: Iterable[Place], source_vpcs: Iterable[str] = ()) -> dict[Place, IsolationVerdict]:
    """The verdict on each place. `source_vpcs` are VPCs of source servers; a peering with one of them is named so.

    It takes about eight calls of EC2 and, if there are instances in the VPCs, one of DRS for 200 recovery instances. If
    EC2 refuses to show something, all places are UNKNOWN. Raise errors that are transient, and what DRS raises.
    """
    asked = sorted(set(places))
    if not asked:
        return {}
    try:
        found = networks.read_networks(target, {place.subnet_id for place in asked} - {UNTOLD_SUBNET})
    except (TargetAccessDenied, TargetRefused) as error:
        why = f"EC2 does not show its networks: {error.message}. {error.facts.get('advice') or error.advice}"
        return {place: IsolationVerdict.unknown(place, why) for place in asked}
    around = Surroundings(target.account_id, _find_own_instances(target, found.vpcs.values()), frozenset(source_vpcs))
    return {place: _judge(place, found, around) for place in asked}


def _judge(place: Place, found: Networks, around: Surroundings) -> IsolationVerdict:
    subnet = found.subnets.get(place.subnet_id)
    if subnet is None:
        untold = "name the subnets and the security groups in the launch profile"
        why = untold if place.subnet_id == UNTOLD_SUBNET else f"EC2 does not know {place.subnet_id}"
        return IsolationVerdict.unknown(place, why)
    return judge(place, subnet, found.vpcs[subnet.vpc_id], around)


def _find_own_instances(target: Target, vpcs: Iterable[VpcNetwork]) -> frozenset[str]:
    """The EC2 ids of instances in these VPCs that drills have launched.

    DRS lists a recovery instance some time after EC2 does. An instance that DRS does not list belongs to a drill if its
    tag names a source server that only drills have launched lately.
    """
    present = {each.instance_id for vpc in vpcs for each in vpc.interfaces if each.instance_id}
    if not present:
        return frozenset()
    listed, _ = drs.describe_recovery_instances(target)
    own = {each.ec2_instance_id for each in listed if each.exists and each.is_drill}
    strange = present - {each.ec2_instance_id for each in listed}
    return frozenset(present & own) | (_find_new_instances(target, strange) if strange else frozenset())


def _find_new_instances(target: Target, instance_ids: Iterable[str]) -> frozenset[str]:
    launched: dict[str, set[str | None]] = {}
    for job in drs.list_recent_jobs(target):
        if not job.is_termination:
            for launch in job.launches:
                launched.setdefault(launch.server_id, set()).add(job.initiated_by)
    drilled = {server_id for server_id, by in launched.items() if by == {START_DRILL}}
    if not drilled:
        return frozenset()
    described, _ = ec2.describe_instances(target, sorted(instance_ids))
    return frozenset(each for each, instance in described.items() if instance.source_server_id in drilled)
