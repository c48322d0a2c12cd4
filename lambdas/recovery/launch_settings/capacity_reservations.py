"""EC2's On-Demand Capacity Reservations that runs create, each with the tag of its run."""

from collections.abc import Iterable
from dataclasses import dataclass

from recovery import clock
from recovery.domain.target import Target
from recovery.target_errors import NotInTarget
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

EXECUTION_TAG = "drs-waves:execution"

# States in which a reservation is paid for, or will be (CapacityReservationState of botocore's ec2 model).
LIVE_STATES = ("active", "pending", "assessing", "scheduled", "delayed")


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is reserved: instances of a type and platform in an Availability Zone."""

    instance_type: str
    zone: str
    platform: str


def create(target: Target, capacity: Capacity, count: int, execution_id: str, token: str, ends_at: float) -> str:
    """Reserve the capacity until then (epoch seconds) for whichever launch fits it; return the id.

    A repeated call with the same `token` and values returns the first reservation. Raise TargetRefused if EC2 has not
    as much, TargetAccessDenied, and errors that are transient.
    """
    answer = calls.change(
        target,
        "ec2",
        "create_capacity_reservation",
        permission=Permission.RESERVATIONS,
        ClientToken=token,
        InstanceType=capacity.instance_type,
        InstancePlatform=capacity.platform,
        AvailabilityZone=capacity.zone,
        InstanceCount=count,
        InstanceMatchCriteria="open",
        EndDateType="limited",
        EndDate=clock.iso(ends_at),
        TagSpecifications=[
            {"ResourceType": "capacity-reservation", "Tags": [{"Key": EXECUTION_TAG, "Value": execution_id}]}
        ],
    )
    return str(answer["CapacityReservation"]["CapacityReservationId"])


def find_live(target: Target, execution_ids: Iterable[str]) -> dict[str, list[str]]:
    """The ids of reservations that are not over, by the run whose tag they have. Raise what `calls.read` raises."""
    found: dict[str, list[str]] = {execution_id: [] for execution_id in execution_ids}
    pages = calls.read_pages(
        target,
        "ec2",
        "describe_capacity_reservations",
        permission=Permission.RESERVATIONS,
        Filters=[{"Name": f"tag:{EXECUTION_TAG}", "Values": sorted(found)}],
    )
    for page in pages:
        for item in page["CapacityReservations"]:
            tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()}
            if item.get("State") in LIVE_STATES and tags.get(EXECUTION_TAG) in found:
                found[tags[EXECUTION_TAG]].append(item["CapacityReservationId"])
    return found


def cancel(target: Target, reservation_id: str) -> None:
    """End the reservation; one that EC2 does not know any more has ended. Raise what `calls.change` raises."""
    try:
        calls.change(
            target,
            "ec2",
            "cancel_capacity_reservation",
            permission=Permission.RESERVATIONS,
            CapacityReservationId=reservation_id,
        )
    except NotInTarget:
        return
