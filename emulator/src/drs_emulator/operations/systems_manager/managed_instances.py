"""Operations of managed instances: which instances have an agent, and whether it answers."""

from typing import Any

from drs_emulator.errors import Invalid, Refused
from drs_emulator.operations.registry import Call, operation
from drs_emulator.operations.systems_manager.paging import paginate_ssm
from drs_emulator.world.instance_health import Health, health_of

AGENT_VERSION = "3.3.987.0"
DEFAULT_PAGE = 10  # the documented default of MaxResults


@operation("DescribeInstanceInformation", "ssm")
def describe_instance_information(call: Call) -> dict[str, Any]:
    """In order of id. Stopped and terminated instances are left out, and those whose agent never registered.

    The state of an agent is shown with the delay of the behaviour. Filters by tag cannot be combined with others.
    """
    asked = _read_filters(call)
    ids = asked.get("InstanceIds", [])
    if call.world.settings.behaviour.unknown_instances == "refused":
        refuse_unknown_instances(call, ids)
    seen_at = call.now - call.world.settings.behaviour.agent_report_seconds
    machines = call.target.machines
    named = sorted(machines.keys() & set(ids) if ids else machines)
    healths = (health_of(call.world, machines[each]) for each in named)
    shown = [each for each in healths if each.is_registered(seen_at) and _matches(each, asked, seen_at)]
    return paginate_ssm(
        call,
        shown,
        lambda each: each.instance.id,
        lambda each: _describe(each, seen_at),
        "InstanceInformationList",
        DEFAULT_PAGE,
    )


def refuse_unknown_instances(call: Call, ids: list[str]) -> None:
    """Raise Refused if the account does not have one of the instances."""
    machines = call.target.machines
    unknown = [each for each in ids if each not in machines or machines[each].state == "TERMINATED"]
    if unknown:
        raise Refused("InvalidInstanceId", _not_valid(call, unknown))


def _not_valid(call: Call, ids: list[str]) -> str:
    return f"Instances [[{', '.join(ids)}]] not in a valid state for account {call.target.key.account}"


def refuse_unmanaged(call: Call, ids: list[str]) -> None:
    """Raise Refused if an instance does not run, or has no agent. One whose agent is lost counts as managed."""
    machines = call.target.machines
    wrong = [
        each
        for each in ids
        if each not in machines or not health_of(call.world, machines[each]).is_registered(call.now)
    ]
    if wrong:
        raise Refused("InvalidInstanceId", _not_valid(call, wrong))


def _read_filters(call: Call) -> dict[str, list[str]]:
    filters, old = call.input.get("Filters") or [], call.input.get("InstanceInformationFilterList") or []
    if filters and old:
        raise Invalid("Filters and InstanceInformationFilterList cannot be used together")
    asked: dict[str, list[str]] = {each["Key"]: each["Values"] for each in filters}
    asked |= {each["key"]: each["valueSet"] for each in old}
    tags = [key for key in asked if key.startswith("tag")]
    if tags and len(tags) < len(asked):
        raise Refused("InvalidFilterKey", "Filters by tag cannot be combined with other filters.")
    return asked


def _matches(health: Health, asked: dict[str, list[str]], now: float) -> bool:
    instance = health.instance
    for key, values in asked.items():
        if key.startswith("tag:"):
            fits = instance.tags.get(key.removeprefix("tag:")) in values
        elif key == "tag-key":
            fits = bool(instance.tags.keys() & set(values))
        else:
            fits = _find_value(health, key, now) in values
        if not fits:
            return False
    return True


def _find_value(health: Health, key: str, now: float) -> str:
    """Raise Refused for a filter that is not built."""
    match key:
        case "InstanceIds":
            return health.instance.id
        case "PingStatus":
            return "Online" if health.is_online(now) else "ConnectionLost"
        case "PlatformTypes":
            return health.instance.platform
        case "AgentVersion":
            return AGENT_VERSION
        case "ResourceType":
            return "EC2Instance"
    raise Refused("InvalidFilterKey", f"The filter key {key} is not valid.")


def _describe(health: Health, now: float) -> dict[str, Any]:
    instance = health.instance
    shown: dict[str, Any] = {
        "InstanceId": instance.id,
        "PingStatus": _find_value(health, "PingStatus", now),
        "LastPingDateTime": health.last_ping(now),
        "AgentVersion": AGENT_VERSION,
        "IsLatestVersion": True,
        "PlatformType": instance.platform,
        "PlatformName": instance.os or "Linux",
        "ResourceType": "EC2Instance",
        "ComputerName": instance.hostname or f"ip-{instance.id[2:10]}.ec2.internal",
        "SourceId": instance.id,
        "SourceType": "AWS::EC2::Instance",
    }
    return shown | {"IPAddress": instance.private_ip} if instance.private_ip else shown
