"""vCPUs against their quotas, where types are offered, and what capacity reservations have left."""

from drs_emulator.records.ec2.instance_types import QUOTAS, find_type
from drs_emulator.records.ec2.resources import ZONES, Values
from drs_emulator.world.ec2.networks import resources_of, running
from drs_emulator.world.target import Target

UNLIMITED = 1_000_000.0  # vCPUs of each family, until the control API says otherwise


def vcpu_quota(target: Target, code: str) -> float:
    return target.ec2.quotas.get(f"ec2/{code}", UNLIMITED)


def vcpus_of(instance_type: str) -> int:
    found = find_type(instance_type)
    return found.vcpus if found else 2


def quota_of(instance_type: str) -> str:
    found = find_type(instance_type)
    return found.quota if found else QUOTAS["standard"][0]


def vcpus_in_use(target: Target, code: str) -> int:
    """Return the vCPUs of running instances and of unused reservations that count against a quota."""
    used = sum(vcpus_of(each.instance_type) for each in running(target) if quota_of(each.instance_type) == code)
    for reservation in active_reservations(target):
        if quota_of(reservation["InstanceType"]) == code:
            used += available_in(target, reservation) * vcpus_of(reservation["InstanceType"])
    return used


def exceeds_quota(target: Target, instance_type: str, zone: str) -> bool:
    """Return whether another instance would exceed the quota of its vCPUs. A reservation with capacity has them."""
    code = quota_of(instance_type)
    if f"ec2/{code}" not in target.ec2.quotas:
        return False
    if any(fits(each, instance_type, zone) and available_in(target, each) for each in active_reservations(target)):
        return False
    return vcpus_in_use(target, code) + vcpus_of(instance_type) > vcpu_quota(target, code)


def zones_of(target: Target, instance_type: str) -> list[str]:
    """Return the zones that offer a type."""
    return target.ec2.offerings.get(instance_type, all_zones(target))


def all_zones(target: Target) -> list[str]:
    """Return the zones of a new account, and those that subnets were added in."""
    added = {str(each["AvailabilityZone"]) for each in resources_of(target, "Subnet").values()}
    return sorted(added | {f"{target.key.region}{zone}" for zone in ZONES})


def active_reservations(target: Target) -> list[Values]:
    return [each for each in resources_of(target, "CapacityReservation").values() if each["State"] == "active"]


def fits(reservation: Values, instance_type: str, zone: str) -> bool:
    """Return whether instances of this type in this zone run in the reservation without naming it."""
    is_open = reservation.get("InstanceMatchCriteria", "open") == "open"
    return is_open and (reservation["InstanceType"], reservation["AvailabilityZone"]) == (instance_type, zone)


def available_in(target: Target, reservation: Values) -> int:
    """Return how many instances a reservation still has room for. Of equal ones, the oldest fills first."""
    kind, zone = reservation["InstanceType"], reservation["AvailabilityZone"]
    if not fits(reservation, kind, zone):
        return int(reservation["TotalInstanceCount"])
    left = sum(1 for each in running(target) if (each.instance_type, each.zone) == (kind, zone))
    for each in active_reservations(target):
        if fits(each, kind, zone):
            if each is reservation:
                return max(0, int(each["TotalInstanceCount"]) - left)
            left = max(0, left - int(each["TotalInstanceCount"]))
    return 0
