"""EC2's DescribeInstances with the filter instance-id, for simulated instances.

With an engine, callers use the engine's EC2. Without one, the emulator serves this one operation, because callers that
describe recovery instances in DRS describe them in EC2 next.
"""

import re
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from drs_emulator.clock import iso
from drs_emulator.engine.ec2 import SimulatedEc2, SimulatedInstance
from drs_emulator.ids import digest
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.target_key import TargetKey

OPERATION = "DescribeInstances"
_FILTER = re.compile(r"Filter\.(\d+)\.(Name|Value\.\d+)")
_XML = {"Content-Type": "text/xml;charset=UTF-8"}


def is_for_ec2(request: Request) -> bool:
    """EC2's query protocol posts forms to the root path, which DRS does not use."""
    return request.method == "POST" and request.path == "/"


def describe(ec2: SimulatedEc2, target: TargetKey, request: Request) -> Reply:
    """Describe the instances of the filter instance-id. Reject any other request."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    filters: dict[str, dict[str, list[str]]] = {}
    for name, value in form.items():
        if match := _FILTER.fullmatch(name):
            filters.setdefault(match[1], {}).setdefault(match[2].partition(".")[0], []).append(value)
    if form.get("Action") != OPERATION or [entry.get("Name") for entry in filters.values()] != [["instance-id"]]:
        return _reject("the emulator supports only DescribeInstances with the filter instance-id")
    (instance_filter,) = filters.values()
    items = "".join(
        _render_instance(target, instance) for instance in ec2.find(target, set(instance_filter.get("Value", ())))
    )
    body = (
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
    )
    return Reply(200, dict(_XML), body.encode())


def _render_instance(target: TargetKey, instance: SimulatedInstance) -> str:
    seed = digest(target)
    tags = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>" for key, value in instance.tags.items()
    )
    return (
        f"<item><reservationId>r-{instance.id[2:]}</reservationId><ownerId>{target.account}</ownerId><instancesSet>"
        f"<item><instanceId>{instance.id}</instanceId>"
        f"<instanceState><name>{instance.state}</name></instanceState>"
        f"<instanceType>{instance.type}</instanceType><launchTime>{iso(instance.launched_at)}</launchTime>"
        f"<privateIpAddress>{instance.private_ip}</privateIpAddress>"
        f"<subnetId>subnet-{seed[:17]}</subnetId><vpcId>vpc-{seed[:17]}</vpcId>"
        f"<groupSet><item><groupId>sg-{seed[:17]}</groupId><groupName>default</groupName></item></groupSet>"
        f"<iamInstanceProfile><arn>arn:aws:iam::{target.account}:instance-profile/"
        f"AWSElasticDisasterRecoveryRecoveryInstanceWithLaunchActionsRole</arn></iamInstanceProfile>"
        f"<tagSet>{tags}</tagSet></item></instancesSet></item>"
    )


def _reject(message: str) -> Reply:
    body = (
        f"<Response><Errors><Error><Code>InvalidAction</Code><Message>{message}</Message></Error></Errors></Response>"
    )
    return Reply(400, dict(_XML), body.encode())
