"""Operations of On-Demand Capacity Reservations."""

import json
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.errors import Refused
from drs_emulator.ids import digest, new_id
from drs_emulator.operations.ec2.networks import show
from drs_emulator.operations.registry import Call, operation
from drs_emulator.simulation.reservations import expire_later
from drs_emulator.world.ec2.capacity import quota_of, vcpu_quota, vcpus_in_use, vcpus_of, zones_of
from drs_emulator.world.ec2.networks import resources_of

KIND = "CapacityReservation"


@operation("CreateCapacityReservation", "ec2")
def create_capacity_reservation(call: Call) -> dict[str, Any]:
    """A repeated client token gets the first reservation. Raise Refused."""
    sent, known = call.input, resources_of(call.target, KIND)
    if again := once(call, sent.get("ClientToken", "")):
        return {KIND: show(call.target, KIND, known[again])}
    kind, count, zone = sent["InstanceType"], sent["InstanceCount"], sent.get("AvailabilityZone", "")
    if zone not in zones_of(call.target, kind):
        raise Refused("Unsupported", f"The instance type {kind} is not supported in {zone or 'an unnamed zone'}.")
    _refuse_above_quota(call, kind, count)
    reservation_id = new_id("cr-")
    account, region = call.target.key
    tags = [tag for each in sent.get("TagSpecifications") or [] for tag in each.get("Tags", [])]
    reservation = {
        "CapacityReservationId": reservation_id,
        "OwnerId": account,
        "CapacityReservationArn": f"arn:aws:ec2:{region}:{account}:capacity-reservation/{reservation_id}",
        "InstanceType": kind,
        "InstancePlatform": sent["InstancePlatform"],
        "AvailabilityZone": zone,
        "Tenancy": sent.get("Tenancy", "default"),
        "TotalInstanceCount": count,
        "EbsOptimized": sent.get("EbsOptimized", False),
        "State": "active",
        "StartDate": iso(call.now),
        "CreateDate": iso(call.now),
        "EndDateType": sent.get("EndDateType", "limited" if "EndDate" in sent else "unlimited"),
        "InstanceMatchCriteria": sent.get("InstanceMatchCriteria", "open"),
    }
    reservation |= {"EndDate": sent["EndDate"]} if "EndDate" in sent else {}
    reservation |= {"Tags": tags} if tags else {}
    known[reservation_id] = reservation
    if "EndDate" in sent:
        expire_later(call.world, call.target, reservation)
    remember(call, sent.get("ClientToken", ""), reservation_id)
    return {KIND: show(call.target, KIND, reservation)}


def _refuse_above_quota(call: Call, instance_type: str, count: int) -> None:
    code = quota_of(instance_type)
    limit = vcpu_quota(call.target, code)
    if vcpus_in_use(call.target, code) + count * vcpus_of(instance_type) > limit:
        raise Refused(
            "InstanceLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {round(limit)} allows",
        )


@operation("CancelCapacityReservation", "ec2")
def cancel_capacity_reservation(call: Call) -> dict[str, Any]:
    """A reservation that has ended can be cancelled again, which changes nothing."""
    reservation = resources_of(call.target, KIND).get(call.input["CapacityReservationId"])
    if reservation is None:
        name = call.input["CapacityReservationId"]
        raise Refused("InvalidCapacityReservationId.NotFound", f"The capacity reservation ID '{name}' does not exist")
    if reservation["State"] == "active":
        reservation["State"] = "cancelled"
    return {"Return": True}


def once(call: Call, token: str) -> str:
    """Return what this client token has made, or an empty text. Raise Refused if its request was another."""
    if not token or token not in call.target.ec2.tokens:
        return ""
    request, made = call.target.ec2.tokens[token]
    if request != _digest(call):
        raise Refused("IdempotentParameterMismatch", f"The client token {token} belongs to another request.")
    return made


def remember(call: Call, token: str, made: str) -> None:
    if token:
        call.target.ec2.tokens[token] = (_digest(call), made)


def _digest(call: Call) -> str:
    return digest(call.operation, json.dumps(call.input, sort_keys=True))
