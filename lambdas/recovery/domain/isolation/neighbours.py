"""Ways within a VPC: other network interfaces, which the local route leads to."""

from collections.abc import Collection, Iterator

from recovery.domain.isolation.addresses import EVERYTHING
from recovery.domain.isolation.barriers import Barriers, Ends
from recovery.domain.isolation.networks import Endpoint, Interface, PlacedSubnet, VpcNetwork
from recovery.domain.isolation.verdicts import Answer, Way

# Interfaces that are reached by a route that names their gateway, and judged there.
_OF_GATEWAYS = frozenset(("natGateway", "gateway_load_balancer_endpoint", "transit_gateway"))


def find_ways(
    subnet: PlacedSubnet, vpc: VpcNetwork, barriers: Barriers, own_instances: Collection[str], account_id: str
) -> Iterator[Way]:
    """The ways to other interfaces of the VPC. `own_instances` are recovery instances of drills, which belong there."""
    by_interface = {each: endpoint for endpoint in vpc.endpoints for each in endpoint.interfaces}
    for interface in vpc.interfaces:
        way = _classify(interface, by_interface.get(interface.interface_id), own_instances)
        if way is None:
            continue
        if way.answer is Answer.YES:
            yield way
            continue
        is_near = interface.subnet_id == subnet.subnet_id
        ends = Ends(interface.ranges or vpc.ranges or EVERYTHING, interface.groups, is_near)
        closed = barriers.close(ends)
        if closed is None and interface.kind == "lambda":  # it takes no connections, so only its own count
            blocked = barriers.find_block(ends, is_egress=False)
            closed = f"{blocked} blocks it" if blocked else None
        yield way if closed is None else way.block(closed)
    if subnet.owner_id and subnet.owner_id != account_id:
        yield _judge_shared(subnet, vpc, barriers)


def _classify(interface: Interface, endpoint: Endpoint | None, own_instances: Collection[str]) -> Way | None:
    if not interface.is_in_use or interface.kind in _OF_GATEWAYS:
        return None
    where = f"{_name_address(interface)} in {interface.subnet_id} of the same VPC"
    if interface.instance_id:
        if interface.instance_id in own_instances:
            return None
        return Way(Answer.NO, f"instance {interface.instance_id} is at {where}")
    if endpoint is not None and endpoint.is_of_aws:
        return Way(Answer.YES, f"endpoint {endpoint.endpoint_id} leads to {endpoint.service}")
    if endpoint is not None and endpoint.kind == "Interface":
        return Way(Answer.NO, f"endpoint {endpoint.endpoint_id} at {where} leads to {endpoint.service} of others")
    if interface.kind == "lambda":
        return Way(Answer.NO, f"a Lambda function has {interface.interface_id} at {where} ({interface.description})")
    what = f"interface {interface.interface_id} ({interface.kind}: {interface.description or 'not described'})"
    return Way(Answer.UNKNOWN, f"{what} is at {where}, and what is behind it cannot be told")


def _name_address(interface: Interface) -> str:
    return str(interface.ranges[0].network_address) if interface.ranges else "an unknown address"


def _judge_shared(subnet: PlacedSubnet, vpc: VpcNetwork, barriers: Barriers) -> Way:
    """A participant does not see what others have in a shared VPC (VPC guide, "Shared VPC subnets")."""
    hidden = f"what other accounts have in {vpc.vpc_id} is not shown to this one"
    way = Way(Answer.UNKNOWN, f"account {subnet.owner_id} shares {subnet.subnet_id}, and {hidden}")
    closed = barriers.close(Ends(vpc.ranges or EVERYTHING, frozenset(), is_in_subnet=True))
    return way if closed is None else way.block(closed)
