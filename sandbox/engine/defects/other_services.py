"""EventBridge, EC2, EventBridge Scheduler and the global tables of DynamoDB."""

import json
import os
import time
from typing import Any

from ministack.core import iam_actions
from ministack.core.responses import get_region
from ministack.services import ec2, eventbridge
from ministack.services.cloudformation import changesets, provisioners

from sandbox.engine.patch import defect

_SCHEDULE_IN_DEFAULT = ":schedule/default/"
_RULE_OF_DEFAULT = ":rule/default/"
_GLOBAL_TABLE = "AWS::DynamoDB::GlobalTable"


@defect("MiniStack 1.5.33")
def accept_aws_events() -> None:
    """Accept events from `aws.drs`, which the DRS emulator sends as DRS does on AWS.

    MiniStack, like AWS, refuses a source that begins with `aws.` from a caller. It offers no other way in for a
    service that runs outside it. The product sends no events, so this hides no mistake of the product.
    """
    put_events = eventbridge._put_events

    def put_any(data: dict[str, Any], allow_aws_source: bool = True) -> Any:
        return put_events(data, allow_aws_source)

    eventbridge._put_events = put_any


@defect("MiniStack 1.5.33")
def filter_by_instance_id() -> None:
    """Apply the filter `instance-id` of DescribeInstances.

    MiniStack does not know the filter and returns every instance of the account and Region.
    """
    matches_filters = ec2._matches_filters

    def matches_id_as_well(instance: dict[str, Any], filters: dict[str, Any]) -> bool:
        wanted = filters.get("instance-id")
        return (not wanted or instance["InstanceId"] in wanted) and matches_filters(instance, filters)

    ec2._matches_filters = matches_id_as_well


@defect("MiniStack 1.5.33")
def launch_at_simulated_times() -> None:
    """Give instances launch times of the simulated clock in DRS_WAVES_CLOCK, `<speed>@<origin>`.

    MiniStack scales only the waits of Step Functions. Its launch times would be hours before the jobs that launched
    the instances.
    """
    speed, _, origin = os.environ.get("DRS_WAVES_CLOCK", "1@0").partition("@")

    def tell_simulated_time() -> str:
        seconds = float(origin) + (time.time() - float(origin)) * float(speed)
        return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))

    ec2._now_ts = tell_simulated_time


@defect("MiniStack 1.5.33")
def authorize_schedule_groups() -> None:
    """Check a request about a schedule against the ARN of the schedule in its own group.

    MiniStack uses the ARN that the schedule would have in the group `default`, so it denies what a policy for one
    group allows.
    """
    extract_resource_arn = iam_actions.extract_resource_arn

    def extract_with_group(service: str, method: str, path: str, *rest: Any, **more: Any) -> Any:
        arn = extract_resource_arn(service, method, path, *rest, **more)
        if service != "scheduler" or _SCHEDULE_IN_DEFAULT not in str(arn):
            return arn
        given = (*rest, *more.values())
        body = next((each for each in given if isinstance(each, bytes) and b'"GroupName"' in each), b"{}")
        group = json.loads(body).get("GroupName", "default")
        return arn.replace(_SCHEDULE_IN_DEFAULT, f":schedule/{group}/")

    iam_actions.extract_resource_arn = extract_with_group


@defect("MiniStack 1.5.33")
def authorize_descriptions_of_buses() -> None:
    """Check DescribeEventBus against the ARN of the bus.

    MiniStack takes the name for that of a rule of the default bus, so it denies what a policy for the bus allows.
    """
    extract_resource_arn = iam_actions.extract_resource_arn

    def extract_with_bus(service: str, method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
        arn = extract_resource_arn(service, method, path, headers, *rest)
        target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
        if service != "events" or not target.endswith(".DescribeEventBus"):
            return arn
        before, _, name = str(arn).partition(_RULE_OF_DEFAULT)
        return name if name.startswith("arn:") else f"{before}:event-bus/{name or 'default'}"

    iam_actions.extract_resource_arn = extract_with_bus


@defect("MiniStack 1.5.33")
def describe_buses_by_arn() -> None:
    """Let DescribeEventBus take the ARN of a bus, as on AWS. MiniStack takes only its name."""
    describe = eventbridge._describe_event_bus

    def describe_by_name(data: dict[str, Any]) -> Any:
        return describe({**data, "Name": data.get("Name", "default").rpartition(":event-bus/")[2]})

    eventbridge._describe_event_bus = describe_by_name


@defect("MiniStack 1.5.33")
def read_table_replicas() -> None:
    """Apply the deletion protection of a global table's replica in this Region, and let a stack import it.

    MiniStack ignores the replicas and their settings, and imports only tables of the type AWS::DynamoDB::Table. With
    or without this patch, it creates no copies in other Regions.
    """
    handlers = provisioners._RESOURCE_HANDLERS[_GLOBAL_TABLE]
    create, update = handlers["create"], handlers["update"]

    def with_own_replica(props: dict[str, Any]) -> dict[str, Any]:
        own = [each for each in props.get("Replicas") or () if each["Region"] == get_region()]
        protected = any(str(each.get("DeletionProtectionEnabled")).lower() == "true" for each in own)
        return {**props, "DeletionProtectionEnabled": protected}

    def create_protected(logical_id: str, props: dict[str, Any], stack: str) -> Any:
        return create(logical_id, with_own_replica(props), stack)

    def update_protected(name: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Any:
        return update(name, with_own_replica(old), with_own_replica(new), stack)

    handlers.update(create=create_protected, update=update_protected)
    handlers["import"] = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]["import"]
    changesets._IMPORT_LOOKUPS[_GLOBAL_TABLE] = changesets._IMPORT_LOOKUPS["AWS::DynamoDB::Table"]
