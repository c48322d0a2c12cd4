"""The operation of Elastic Load Balancing that is built: the health of targets."""

from typing import Any

from drs_emulator.errors import Refused
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.target_group import TargetGroup
from drs_emulator.world.instance_health import Health, health_of

REASONS = {  # a reason of the reference for each state; a healthy target has none
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "unused": ("Target.NotRegistered", "Target is not registered to the target group"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unavailable": ("Target.HealthCheckDisabled", "Health checks are not enabled for this target"),
}
STOPPED = ("Target.InvalidState", "Target is in the stopped state")


@operation("DescribeTargetHealth", "elbv2")
def describe_target_health(call: Call) -> dict[str, Any]:
    """Of the asked targets, or of all. An asked target that is not registered is unused."""
    group = call.target.target_groups.get(call.input["TargetGroupArn"])
    if group is None:
        raise Refused("TargetGroupNotFound", "One or more target groups not found")
    registered = {
        each.id: health_of(call.world, each)
        for _, each in sorted(call.target.machines.items())
        if each.state != "TERMINATED" and (each.server_id in group.server_ids or each.id in group.instance_ids)
    }
    asked: list[dict[str, Any]] = call.input.get("Targets") or [{"Id": each} for each in registered]
    return {
        "TargetHealthDescriptions": [_describe(group, each, registered.get(each["Id"]), call.now) for each in asked]
    }


def _describe(group: TargetGroup, asked: dict[str, Any], health: Health | None, now: float) -> dict[str, Any]:
    state = _state(group, health, now)
    shown: dict[str, Any] = {"State": state}
    if state in REASONS:
        is_stopped = health is not None and health.instance.state == "STOPPED"
        shown["Reason"], shown["Description"] = STOPPED if is_stopped else REASONS[state]
    target = {"Id": asked["Id"], "Port": asked.get("Port", group.port)}
    return {"Target": target, "HealthCheckPort": str(group.port), "TargetHealth": shown}


def _state(group: TargetGroup, health: Health | None, now: float) -> str:
    if health is None or health.instance.state == "STOPPED":
        return "unused"
    if health.target_health:
        return health.target_health
    if health.check("instance", now) == "impaired" or health.check("system", now) == "impaired":
        return "unhealthy"
    boots = health.check("instance", now) != "ok" or now < health.passes_at + group.healthy_seconds
    return "initial" if boots else "healthy"
