"""The health of instances in a target group of a load balancer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# From the best to the worst. A target that is registered with several ports has the health of its worst one.
_STATES = ("healthy", "initial", "draining", "unavailable", "unhealthy.draining", "unused", "unhealthy")


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """What the load balancer says of a target: its state, the code of the reason, and what that means."""

    target_id: str
    state: str
    reason: str
    description: str

    @property
    def is_healthy(self) -> bool:
        """Whether the load balancer sends requests to it."""
        return self.state == "healthy"

    @classmethod
    def from_elb(cls, item: Mapping[str, Any]) -> "TargetHealth":
        """Read the TargetHealthDescription shape of Elastic Load Balancing."""
        health = item.get("TargetHealth", {})
        return cls(
            target_id=item["Target"]["Id"],
            state=health.get("State", "unavailable"),
            reason=health.get("Reason", ""),
            description=calls.shorten(health.get("Description")),
        )

    @property
    def rank(self) -> int:
        """0 is the best state. One that we do not know is the worst."""
        return _STATES.index(self.state) if self.state in _STATES else len(_STATES)


def describe(target: Target, target_group_arn: str, ids: Iterable[str]) -> dict[str, TargetHealth]:
    """The health of each id, an instance or an address; `unused` for one that is not registered. One call.

    All targets of the group are read, because a request that names them needs their ports. Raise NotInTarget for an
    unknown group, TargetAccessDenied, and errors that are transient.
    """
    answer = calls.read(
        target, "elbv2", "describe_target_health", permission=Permission.CHECKS, TargetGroupArn=target_group_arn
    )
    found: dict[str, TargetHealth] = {}
    for health in sorted(map(TargetHealth.from_elb, answer["TargetHealthDescriptions"]), key=lambda each: each.rank):
        found[health.target_id] = health
    return {each: found.get(each) or _not_registered(each) for each in ids}


def _not_registered(target_id: str) -> TargetHealth:
    return TargetHealth(target_id, "unused", "Target.NotRegistered", "The target group does not have the target.")
