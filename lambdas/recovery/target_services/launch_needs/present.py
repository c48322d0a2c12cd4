"""What is in a target now: instances, network interfaces with certain addresses, capacity reservations and quotas."""

from collections.abc import Iterable, Mapping
from typing import Any

from recovery.domain.findings.facts import Address, PresentInstance, PresentReservation
from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# Instances in these states have their addresses; those in the first two use vCPUs of the quotas.
_RUNNING, _PRESENT = ("pending", "running"), ("pending", "running", "stopping", "stopped")


def list_instances(target: Target) -> list[PresentInstance]:
    """Every instance of the target that is not terminated, one call for 1,000 of them.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    pages = calls.read_filtered(
        target,
        "ec2",
        "describe_instances",
        permission=Permission.READINESS,
        by="instance-state-name",
        values=_PRESENT,
    )
    return [
        _read_instance(instance)
        for page in pages
        for reservation in page["Reservations"]
        for instance in reservation["Instances"]
    ]


def _read_instance(item: Mapping[str, Any]) -> PresentInstance:
    """Spot instances and those on dedicated hosts have quotas of their own."""
    is_on_demand = not item.get("InstanceLifecycle") and item.get("Placement", {}).get("Tenancy") != "host"
    return PresentInstance(
        instance_id=item["InstanceId"],
        instance_type=item.get("InstanceType", ""),
        subnet_id=item.get("SubnetId", ""),
        address=item.get("PrivateIpAddress", ""),
        counts=is_on_demand and item.get("State", {}).get("Name") in _RUNNING,
    )


def find_interfaces(target: Target, addresses: Iterable[str]) -> dict[Address, str]:
    """The network interface that has each of these private addresses, by subnet and address; one call for 200.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    found = dict[Address, str]()
    pages = calls.read_filtered(
        target,
        "ec2",
        "describe_network_interfaces",
        permission=Permission.READINESS,
        by="addresses.private-ip-address",
        values=addresses,
    )
    for page in pages:
        for each in page["NetworkInterfaces"]:
            owner = (each.get("Attachment") or {}).get("InstanceId") or each["NetworkInterfaceId"]
            private = [one.get("PrivateIpAddress") for one in each.get("PrivateIpAddresses") or ()]
            for address in {each.get("PrivateIpAddress"), *private} - {None}:
                found[each.get("SubnetId", ""), address] = owner
    return found


def list_reservations(target: Target) -> list[PresentReservation]:
    """The active capacity reservations. Raise TargetAccessDenied, TargetRefused, and errors that are transient."""
    pages = calls.read_pages(
        target,
        "ec2",
        "describe_capacity_reservations",
        permission=Permission.READINESS,
        Filters=[{"Name": "state", "Values": ["active"]}],
    )
    return [
        PresentReservation(
            instance_type=each.get("InstanceType", ""),
            zone=each.get("AvailabilityZone", ""),
            left=int(each.get("AvailableInstanceCount", 0)),
            is_open=each.get("InstanceMatchCriteria", "open") == "open",
        )
        for page in pages
        for each in page["CapacityReservations"]
    ]


def list_quotas(target: Target, service: str) -> dict[str, float]:
    """The quotas of a service that have a value of this account, by code; one call for 100 of them.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    pages = calls.read_pages(
        target,
        "service-quotas",
        "list_service_quotas",
        permission=Permission.READINESS,
        ServiceCode=service,
        MaxResults=100,
    )
    return {each["QuotaCode"]: float(each["Value"]) for page in pages for each in page["Quotas"]}
