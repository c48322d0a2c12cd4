"""The registry of operations. `@operation("Name")` registers a function for an operation of the model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drs_emulator.protocol.service_model import drs_model
from drs_emulator.world.target import Target
from drs_emulator.world.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """A call with validated input."""

    world: World
    target: Target
    operation: str
    input: dict[str, Any]
    now: float

    @property
    def filters(self) -> dict[str, Any]:
        filters: dict[str, Any] = self.input.get("filters") or {}
        return filters


Handler = Callable[[Call], dict[str, Any]]

BUILT: dict[str, Handler] = {}


def operation(name: str) -> Callable[[Handler], Handler]:
    if name not in drs_model().operations:
        raise LookupError(f"The service model has no operation {name}")

    def register(handler: Handler) -> Handler:
        BUILT[name] = handler
        return handler

    return register
