"""Adds to the engine's answers what only the emulator knows: where the instances that it launched are.

An engine has no subnets of the emulator, so it shows its own default VPC and zone for each instance.
"""

from xml.etree import ElementTree

from drs_emulator.protocol.http_messages import Reply
from drs_emulator.world.target import Target

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
TAG = f"{{{NAMESPACE}}}"


def add_placements(reply: Reply, target: Target) -> Reply:
    """Return an answer of DescribeInstances with the VPC and the zone of each instance that DRS launched."""
    if reply.status != 200 or not target.ec2.placements:
        return reply
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.fromstring(reply.body)  # noqa: S314 (the engine is ours)
    for instance in root.iterfind(f".//{TAG}instancesSet/{TAG}item"):
        placement = target.ec2.placements.get(instance.findtext(f"{TAG}instanceId", ""))
        if placement is None:
            continue
        for path, value in (
            (f"{TAG}vpcId", placement.vpc_id),
            (f"{TAG}placement/{TAG}availabilityZone", placement.zone),
        ):
            for element in instance.iterfind(path):
                element.text = value
    body = b'<?xml version="1.0" encoding="UTF-8"?>' + ElementTree.tostring(root)
    return Reply(reply.status, reply.headers, body)
