"""Capacity reservations with an end: they expire by themselves."""

from drs_emulator.clock import from_iso
from drs_emulator.records.ec2.resources import Values
from drs_emulator.simulation.job_lifecycle import EVENT_HANDLERS
from drs_emulator.world.ec2.networks import resources_of
from drs_emulator.world.target import Target
from drs_emulator.world.timeline import Event
from drs_emulator.world.world import World

EXPIRED = "RESERVATION_EXPIRED"


def expire_later(world: World, target: Target, reservation: Values) -> None:
    """Let the reservation expire at its end."""
    world.schedule(from_iso(reservation["EndDate"]), Event(target.key, reservation["CapacityReservationId"], EXPIRED))


def _expire(world: World, target: Target, event: Event, due: float) -> None:
    reservation = resources_of(target, "CapacityReservation").get(event.subject)
    if reservation and reservation["State"] == "active":
        reservation["State"] = "expired"


EVENT_HANDLERS[EXPIRED] = _expire
