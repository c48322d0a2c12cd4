"""EC2's DescribeInstances by the filter instance-id, for an emulator that has no engine behind it.

With an engine, EC2 is the engine's. Without one the instances are made up, and so is what EC2 says of them: this is
the one operation that who asks DRS for recovery instances asks EC2 next.
"""

import re
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from drs_emulator.clock import iso
from drs_emulator.engine.ec2 import MadeUpEc2, MadeUpInstance
from drs_emulator.ids import digest
from drs_emulator.protocol.http_messages import Reply, Request
from drs_emulator.target_key import TargetKey

OPERATION = "DescribeInstances"
_FILTER = re.compile(r"Filter\.(\d+)\.(Name|Value\.\d+)")
_XML = {"Content-Type": "text/xml;charset=UTF-8"}


def is_for_ec2(request: Request) -> bool:
    """EC2's protocol posts forms to the root, where DRS has nothing."""
    return request.method == "POST" and request.path == "/"


def describe(ec2: MadeUpEc2, target: TargetKey, request: Request) -> Reply:
    """The instances that the filter instance-id names; anything else is refused."""
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    filters: dict[str, dict[str, list[str]]] = {}
    for name, value in form.items():
        if match := _FILTER.fullmatch(name):
            filters.setdefault(match[1], {}).setdefault(match[2].partition(".")[0], []).append(value)
    if form.get("Action") != OPERATION or [each.get("Name") for each in filters.values()] != [["instance-id"]]:
        return _refusal("the emulator has only DescribeInstances by the filter instance-id")
    (chosen,) = filters.values()
    items = "".join(_item(target, instance) for instance in ec2.instances(target, set(chosen.get("Value", ()))))
    body = (
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
    )
    return Reply(200, dict(_XML), body.encode())


def _item(target: TargetKey, instance: MadeUpInstance) -> str:
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


def _refusal(message: str) -> Reply:
    body = (
        f"<Response><Errors><Error><Code>InvalidAction</Code><Message>{message}</Message></Error></Errors></Response>"
    )
    return Reply(400, dict(_XML), body.encode())
