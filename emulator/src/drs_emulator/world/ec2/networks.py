"""Networks: their resources, the addresses of their subnets, and where instances are."""

import ipaddress
from collections.abc import Iterator

from drs_emulator.ids import digest
from drs_emulator.records.ec2.placement import Placement
from drs_emulator.records.ec2.resources import RESERVED_ADDRESSES, Values, default_network
from drs_emulator.world.target import Target


def resources_of(target: Target, kind: str) -> dict[str, Values]:
    """Return the resources of a kind, by id. The default network is made first, once."""
    ec2 = target.ec2
    if not ec2.network_is_made:
        for name, found in default_network(target.key).items():
            ec2.resources[name] = found | ec2.resources.get(name, {})
        ec2.network_is_made = True
    return ec2.resources.setdefault(kind, {})


def cidr_of(subnet: Values) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(subnet["CidrBlock"])


def _interface_addresses(target: Target, subnet_id: str) -> set[str]:
    """Return the addresses of network interfaces that were added, and are no instances'."""
    interfaces = resources_of(target, "NetworkInterface").values()
    return {each.get("PrivateIpAddress", "") for each in interfaces if each.get("SubnetId") == subnet_id} - {""}


def is_used(target: Target, subnet_id: str, address: str) -> bool:
    taken = target.ec2.addresses.get(subnet_id, set())
    return address in taken or address in _interface_addresses(target, subnet_id)


def count_free(target: Target, subnet: Values) -> int:
    """Return how many addresses a subnet has left. One that was added with a number starts from that."""
    name = subnet["SubnetId"]
    size = cidr_of(subnet).num_addresses - RESERVED_ADDRESSES
    size = min(size, int(subnet.get("AvailableIpAddressCount", size)))
    taken = target.ec2.addresses.get(name, set())
    return max(0, size - len(taken) - len(_interface_addresses(target, name) - taken))


def is_reserved(subnet: Values, address: str) -> bool:
    """Return whether AWS keeps the address: the first four of a subnet, and the last."""
    network = cidr_of(subnet)
    number = int(ipaddress.IPv4Address(address)) - int(network.network_address)
    return number < RESERVED_ADDRESSES - 1 or number == network.num_addresses - 1


def find_address(target: Target, subnet: Values, owner: str) -> str:
    """Return a free address of a subnet that has some, the same one for the same owner and use."""
    network = cidr_of(subnet)
    taken = target.ec2.addresses.get(subnet["SubnetId"], set())
    others = _interface_addresses(target, subnet["SubnetId"])
    size = network.num_addresses - RESERVED_ADDRESSES
    first = int(digest(owner)[:8], 16) % size
    for step in range(size):
        address = str(network[4 + (first + step) % size])
        if address not in taken and address not in others:
            return address
    raise LookupError(f"{subnet['SubnetId']} has no address left")


def default_subnet(target: Target, wanted: str = "") -> Values | None:
    """Return the default subnet for an instance whose template names none.

    It is the one that has the `wanted` address, or else that of the first zone with free addresses.
    """
    subnets = resources_of(target, "Subnet")
    defaults = sorted(
        (each for each in subnets.values() if each.get("DefaultForAz")), key=lambda each: str(each["AvailabilityZone"])
    )
    for each in defaults:
        if wanted and ipaddress.ip_address(wanted) in cidr_of(each):
            return each
    return next((each for each in defaults if count_free(target, each)), defaults[0] if defaults else None)


def place(target: Target, name: str, placement: Placement) -> None:
    """Record where an instance is, and take its address."""
    target.ec2.placements[name] = placement
    target.ec2.addresses.setdefault(placement.subnet_id, set()).add(placement.private_ip)


def rename(target: Target, name: str, instance_id: str) -> None:
    """Give a placement the id of the instance that was launched."""
    if placement := target.ec2.placements.pop(name, None):
        target.ec2.placements[instance_id] = placement


def release(target: Target, name: str) -> None:
    """Forget where an instance was, and free its address."""
    if placement := target.ec2.placements.pop(name, None):
        target.ec2.addresses.get(placement.subnet_id, set()).discard(placement.private_ip)


def running(target: Target) -> Iterator[Placement]:
    return (each for each in target.ec2.placements.values() if each.runs)
