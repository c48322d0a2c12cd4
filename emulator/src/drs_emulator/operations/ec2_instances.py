"""The status checks of instances, as EC2 shows them. The other operations of EC2 are in `ec2`.

They are served with an engine too, because the engine does not boot its instances.
"""

from collections.abc import Callable, Collection
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.errors import Refused
from drs_emulator.operations.pagination import ForeignToken, take_page
from drs_emulator.operations.registry import Call, operation
from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.world.instance_health import Health, health_of, is_shown_by_ec2

MAX_IDS, MAX_PAGE = 100, 1000
STATE_CODES = {"running": 16, "terminated": 48, "stopped": 80}
DETAILS = {"ok": "passed", "impaired": "failed"}
READERS: dict[str, Callable[[dict[str, Any]], str]] = {
    "instance-state-name": lambda shown: str(shown["InstanceState"]["Name"]),
    "instance-status.status": lambda shown: str(shown["InstanceStatus"]["Status"]),
    "system-status.status": lambda shown: str(shown["SystemStatus"]["Status"]),
    "attached-ebs-status.status": lambda shown: str(shown["AttachedEbsStatus"]["Status"]),
}


@operation("DescribeInstanceStatus", "ec2")
def describe_instance_status(call: Call) -> dict[str, Any]:
    """In order of id; only running instances unless IncludeAllInstances is true."""
    ids, size = _read_ids_and_size(call)
    machines, delay = call.target.machines, call.world.settings.behaviour.status_delay_seconds
    known = {key: machines[key] for key in sorted(machines) if _is_known(machines[key], call.now, delay)}
    _refuse_unknown(ids, known.keys())
    asked = [each for each in known.values() if not ids or each.id in ids]
    if not call.input.get("IncludeAllInstances"):
        asked = [each for each in asked if each.state == "RUNNING"]
    shown = (_describe_status(health_of(call.world, each), call.now, _zone(call, each)) for each in asked)
    matching = [each for each in shown if _matches(each, call.input.get("Filters") or [])]
    return _paginate(call, matching, size)


def _paginate(call: Call, shown: list[dict[str, Any]], size: int) -> dict[str, Any]:
    try:
        token = call.input.get("NextToken")
        items, token = take_page(call, shown, lambda each: str(each["InstanceId"]), size, token)
    except ForeignToken as error:
        raise Refused("InvalidNextToken", "The token is invalid") from error
    return {"InstanceStatuses": items} | ({"NextToken": token} if token else {})


def _is_known(instance: ManagedInstance, now: float, delay: float) -> bool:
    return now >= instance.launched_at + delay and is_shown_by_ec2(instance, now)


def _read_ids_and_size(call: Call) -> tuple[list[str], int]:
    """EC2 refuses more than 100 ids, and ids together with MaxResults."""
    ids: list[str] = call.input.get("InstanceIds") or []
    size = call.input.get("MaxResults")
    if ids and size is not None:
        raise Refused(
            "InvalidParameterCombination", "The parameter instancesSet cannot be used with the parameter maxResults"
        )
    if len(ids) > MAX_IDS:
        raise Refused("InvalidParameterValue", f"There can be {MAX_IDS} instance ids, not {len(ids)}")
    if size is not None and not 5 <= size <= MAX_PAGE:
        raise Refused("InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid.")
    return ids, size or MAX_PAGE


def _refuse_unknown(ids: list[str], known: Collection[str]) -> None:
    """One unknown id fails the whole call."""
    if unknown := sorted(each for each in ids if each not in known):
        ending = "IDs '%s' do not exist" if len(unknown) > 1 else "ID '%s' does not exist"
        raise Refused("InvalidInstanceID.NotFound", f"The instance {ending % ', '.join(unknown)}")


def _matches(shown: dict[str, Any], filters: list[dict[str, Any]]) -> bool:
    for each in filters:
        if each.get("Name") not in READERS:
            raise Refused("InvalidParameterValue", f"The filter '{each.get('Name')}' is invalid")
        if READERS[each["Name"]](shown) not in each.get("Values", []):
            return False
    return True


def _zone(call: Call, instance: ManagedInstance) -> str:
    placement = call.target.ec2.placements.get(instance.id)
    return placement.zone if placement else f"{instance.target.region}a"


def _describe_status(health: Health, now: float, zone: str) -> dict[str, Any]:
    instance = health.instance
    name = instance.state.lower()

    def summary(area: str) -> dict[str, Any]:
        status = health.check(area, now)
        if status == "not-applicable":
            return {"Status": status}
        detail: dict[str, Any] = {"Name": "reachability", "Status": DETAILS.get(status, status)}
        if status == "impaired":
            detail["ImpairedSince"] = iso(health.passes_at)
        return {"Status": status, "Details": [detail]}

    return {
        "AvailabilityZone": zone,
        "InstanceId": instance.id,
        "InstanceState": {"Code": STATE_CODES[name], "Name": name},
        "InstanceStatus": summary("instance"),
        "SystemStatus": summary("system"),
        "AttachedEbsStatus": summary("ebs"),
    }
