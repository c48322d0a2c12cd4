"""Reads what tests add beside source servers: EC2 instances that DRS did not launch, target groups, strange records."""

import re
from typing import Any

from drs_emulator.clock import iso
from drs_emulator.control.control_input import read_target_key, read_text
from drs_emulator.control.networks import read_placement
from drs_emulator.engine.ec2 import SimulatedEc2, SimulatedInstance
from drs_emulator.ids import new_id
from drs_emulator.records.managed_instance import ManagedInstance
from drs_emulator.records.strange_record import StrangeRecord
from drs_emulator.records.target_group import TargetGroup
from drs_emulator.settings import BadControlInput
from drs_emulator.shaping.strange_records import FILTERS, KINDS, ready_made
from drs_emulator.target_key import TargetKey
from drs_emulator.world.ec2.networks import place
from drs_emulator.world.world import World

Body = dict[str, Any]
STATES = ("pending", "running", "stopping", "stopped", "shutting-down")


def add_ec2_instance(world: World, body: Body) -> Body:
    """Raise BadControlInput, also if an engine has the instances."""
    key, tags = read_target_key(body), body.get("tags", {})
    instance_id = body.get("instanceId", new_id("i-"))
    state = body.get("state", "running")
    if not isinstance(instance_id, str) or not re.fullmatch(r"i-[0-9a-fA-F]{8,17}", instance_id):
        raise BadControlInput("instanceId: must be the id of an EC2 instance")
    if state not in STATES:
        raise BadControlInput(f"state: must be one of {', '.join(STATES)}")
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise BadControlInput("tags: must be an object of texts")
    with world.lock:
        ec2, target = _simulated(world), world.target(key)
        placement = read_placement(target, body, instance_id)
        if placement:
            place(target, instance_id, placement)
            added = ec2.add(key, instance_id, state, tags, placement.instance_type)
            added.private_ip = placement.private_ip
        else:
            added = ec2.add(key, instance_id, state, tags)
        shown = "RUNNING" if state == "running" else "STOPPED"
        machine = ManagedInstance(
            instance_id, key, world.clock.now(), private_ip=added.private_ip, tags=dict(tags), state=shown
        )
        target.machines[instance_id] = machine
        return _describe(key, added)


def list_ec2_instances(world: World) -> Body:
    """Return the instances of all targets. `overwritten` counts the launches into one."""
    ec2 = _simulated(world)
    with world.lock:
        return {"instances": [_describe(key, each) for key in sorted(world.targets) for each in ec2.all_of(key)]}


def _simulated(world: World) -> SimulatedEc2:
    if not isinstance(world.ec2, SimulatedEc2):
        raise BadControlInput("engine: has the EC2 instances; add and read them there")
    return world.ec2


def _describe(key: TargetKey, instance: SimulatedInstance) -> Body:
    return {
        "accountId": key.account,
        "region": key.region,
        "instanceId": instance.id,
        "state": instance.state,
        "tags": instance.tags,
        "overwritten": instance.overwritten,
    }


def add_target_group(world: World, body: Body) -> Body:
    """Add a target group, or replace the one of this name. Raise BadControlInput."""
    key = read_target_key(body)
    name = read_text(body, "name", r"[a-zA-Z0-9][a-zA-Z0-9-]{0,31}", "up to 32 letters, digits and hyphens")
    port, seconds = body.get("port", 80), body.get("healthySeconds", 30)
    members = body.get("sourceServerIds", []), body.get("instanceIds", [])
    if not isinstance(port, int) or not 1 <= port <= 65_535:
        raise BadControlInput("port: must be a port")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds < float("inf"):
        raise BadControlInput("healthySeconds: must be a number, 0 or more")
    for field, ids in zip(("sourceServerIds", "instanceIds"), members, strict=True):
        if not isinstance(ids, list) or not all(isinstance(each, str) for each in ids):
            raise BadControlInput(f"{field}: must be a list of ids")
    group = TargetGroup(name, key, port, list(members[0]), list(members[1]), seconds)
    with world.lock:
        world.target(key).target_groups[group.arn] = group
    return {"targetGroupArn": group.arn}


def add_strange_record(world: World, body: Body) -> Body:
    """Raise BadControlInput. The record is a kind, or an operation with a record of the caller."""
    key = read_target_key(body)
    if "kind" in body:
        if body["kind"] not in KINDS:
            raise BadControlInput(f"kind: must be one of {', '.join(KINDS)}")
        operation, record = ready_made(body["kind"], key, iso(world.clock.now()))
        if "of" in body:
            record.pop(next(iter(FILTERS[operation].values()), ""), None)
    else:
        operation, record = read_text(body, "operation", "|".join(FILTERS), f"one of {', '.join(FILTERS)}"), {}
    sent, without, always = body.get("record", {}), body.get("without", []), body.get("always", False)
    if not isinstance(sent, dict):
        raise BadControlInput("record: must be an object")
    if not isinstance(without, list) or not all(isinstance(name, str) for name in without):
        raise BadControlInput("without: must be a list of members")
    if not isinstance(always, bool):
        raise BadControlInput("always: must be true or false")
    of = read_text(body, "of", r"(s|i|drsjob)-\w+", "an id") if "of" in body else ""
    strange = StrangeRecord(new_id("strange-"), operation, record | sent, of, without, always)
    with world.lock:
        world.target(key).strange_records.append(strange)
    return {"id": strange.id, "record": strange.record}


def remove_strange_records(world: World) -> Body:
    with world.lock:
        removed = [each.id for target in world.targets.values() for each in target.strange_records]
        for target in world.targets.values():
            target.strange_records.clear()
    return {"deleted": removed}
