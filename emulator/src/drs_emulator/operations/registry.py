"""The registry of operations. `@operation("Name")` registers a function for an operation of the model of a service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drs_emulator.protocol.service_model import service_model
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

SERVICES = ("drs", "ssm", "ec2", "elbv2", "iam", "service-quotas")
BUILT_BY_SERVICE: dict[str, dict[str, Handler]] = {name: {} for name in SERVICES}
BUILT = BUILT_BY_SERVICE["drs"]


def operation(name: str, service: str = "drs") -> Callable[[Handler], Handler]:
    """Register a function for an operation. `service` is the name of the model in botocore."""
    if name not in service_model(service).operations:
        raise LookupError(f"The model of {service} has no operation {name}")

    def register(handler: Handler) -> Handler:
        BUILT_BY_SERVICE[service][name] = handler
        return handler

    return register
