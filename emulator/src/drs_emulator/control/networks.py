"""Reads what tests change of an account's EC2: networks, launch templates, quotas, offerings and instance profiles."""

import ipaddress
from typing import Any

from drs_emulator.control.control_input import read_target_key, read_text
from drs_emulator.ids import new_id
from drs_emulator.operations.accounts.service_quotas import known_quotas
from drs_emulator.operations.ec2.networks import show
from drs_emulator.protocol.service_model import service_model
from drs_emulator.protocol.validation import find_problems
from drs_emulator.records.ec2.instance_types import find_type
from drs_emulator.records.ec2.placement import Placement
from drs_emulator.records.ec2.resources import KINDS, complete
from drs_emulator.settings import BadControlInput
from drs_emulator.simulation.placing import IAM_REGION
from drs_emulator.target_key import TargetKey
from drs_emulator.world.ec2.networks import cidr_of, find_address, resources_of
from drs_emulator.world.target import Target
from drs_emulator.world.world import World

Body = dict[str, Any]
REQUIRED = {  # members that the model does not require, and without which nothing else can use the resource
    "Subnet": ("VpcId", "CidrBlock"),
    "RouteTable": ("VpcId",),
    "NetworkAcl": ("VpcId",),
    "SecurityGroup": ("VpcId",),
    "CapacityReservation": ("InstanceType", "AvailabilityZone", "TotalInstanceCount"),
}
MAX_QUOTA = 1e12


def add_resource(world: World, body: Body) -> Body:
    """Add a resource of a network, or change the given members of one that exists. Raise BadControlInput."""
    key = read_target_key(body)
    kind, sent = body.get("kind"), body.get("resource")
    if kind not in KINDS:
        raise BadControlInput(f"kind: must be one of {', '.join(KINDS)}")
    if not isinstance(sent, dict):
        raise BadControlInput("resource: must be an object, as EC2 describes it")
    with world.lock:
        target = world.target(key)
        known = resources_of(target, kind)
        resource_id = sent.get(KINDS[kind].id) or new_id(KINDS[kind].prefix or "key-")
        changed = known.get(str(resource_id), {}) | sent | {KINDS[kind].id: resource_id}
        resource = complete(key, kind, changed)
        _check_resource(target, kind, resource)
        known[str(resource_id)] = resource
    return {"id": resource_id}


def _check_resource(target: Target, kind: str, resource: Body) -> None:
    for problem in find_problems(service_model("ec2").shape(kind), resource, strict=True):
        raise BadControlInput(f"resource.{problem}")
    for name in REQUIRED.get(kind, ()):
        if resource.get(name) is None:
            raise BadControlInput(f"resource.{name}: is required")
    if kind == "CapacityReservation":
        resource.setdefault("State", "active")
    if kind != "Subnet":
        return
    if resource["VpcId"] not in resources_of(target, "Vpc"):
        raise BadControlInput(f"resource.VpcId: there is no VPC {resource['VpcId']}; add it first")
    try:
        ipaddress.IPv4Network(resource["CidrBlock"])
    except ValueError as error:
        raise BadControlInput(f"resource.CidrBlock: {error}") from error


def list_resources(world: World) -> Body:
    """Return the resources of all accounts and Regions in use, as EC2 describes them."""
    with world.lock:
        return {
            "resources": [
                {"accountId": key.account, "region": key.region, "kind": kind, "id": name}
                | {"resource": show(world.targets[key], kind, resource)}
                for key in sorted(world.targets)
                for kind in KINDS
                for name, resource in sorted(resources_of(world.targets[key], kind).items())
            ]
        }


def remove_resource(world: World, resource_id: str) -> Body:
    """Remove a resource from every account and Region that has it, though others use it. Raise BadControlInput."""
    with world.lock:
        found = [
            known
            for target in world.targets.values()
            for kind in KINDS
            if resource_id in (known := resources_of(target, kind))
        ]
        for known in found:
            del known[resource_id]
    if not found:
        raise BadControlInput(f"id: there is no resource {resource_id}")
    return {"deleted": [resource_id]}


def change_template(world: World, template_id: str, body: Body) -> Body:
    """Set the default version of a launch template, even to one that does not exist. Raise BadControlInput."""
    key, number = read_target_key(body), body.get("defaultVersion")
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BadControlInput("defaultVersion: must be a whole number, 1 or more")
    with world.lock:
        template = world.target(key).ec2.templates.get(template_id)
        if template is None:
            raise BadControlInput(f"id: there is no launch template {template_id} in this account and Region")
        template.set_default(number, world.clock.now())
        return {"defaultVersion": number}


def set_quota(world: World, body: Body) -> Body:
    """Raise BadControlInput. The quotas of DRS are settings."""
    key = read_target_key(body)
    service, code, value = body.get("serviceCode", "ec2"), body.get("quotaCode"), body.get("value")
    if service == "drs":
        raise BadControlInput("serviceCode: the quotas of drs are in the settings")
    if (service, code) not in known_quotas(world.settings.quotas):
        codes = ", ".join(sorted({each for name, each in known_quotas(world.settings.quotas) if name == service}))
        raise BadControlInput(f"quotaCode: must be one of {codes or 'the codes of ec2 and ebs'}")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < MAX_QUOTA:
        raise BadControlInput("value: must be a number, 0 or more")
    with world.lock:
        world.target(key).ec2.quotas[f"{service}/{code}"] = float(value)
    return {"serviceCode": service, "quotaCode": code, "value": float(value)}


def set_offering(world: World, body: Body) -> Body:
    """Say which zones offer an instance type; null is all of them. Raise BadControlInput."""
    key, name, zones = read_target_key(body), body.get("instanceType"), body.get("zones")
    if not isinstance(name, str) or find_type(name) is None:
        raise BadControlInput("instanceType: must be an instance type of EC2")
    if zones is not None and (not isinstance(zones, list) or not all(isinstance(each, str) for each in zones)):
        raise BadControlInput("zones: must be a list of zones, or null")
    with world.lock:
        offerings = world.target(key).ec2.offerings
        offerings.pop(name, None)
        if zones is not None:
            offerings[name] = sorted(zones)
    return {"instanceType": name, "zones": zones}


def add_profile(world: World, body: Body) -> Body:
    """Add an instance profile to an account. Raise BadControlInput."""
    account = read_text(body, "accountId", r"\d{12}", "12 digits")
    name = read_text(body, "name", r"[\w+=,.@-]{1,128}", "the name of an instance profile")
    with world.lock:
        world.target(TargetKey(account, IAM_REGION)).ec2.profiles.add(name)
    return {"name": name}


def remove_profile(world: World, name: str) -> Body:
    """Remove an instance profile from every account that has it. Raise BadControlInput."""
    with world.lock:
        having = [each.ec2.profiles for each in world.targets.values() if name in each.ec2.profiles]
        for profiles in having:
            profiles.discard(name)
    if not having:
        raise BadControlInput(f"name: no account has the instance profile {name}")
    return {"deleted": [name]}


def read_placement(target: Target, body: Body, instance_id: str) -> Placement | None:
    """Return where an added instance is to run, or None if the body does not say. Raise BadControlInput."""
    if not body.keys() & {"subnetId", "privateIpAddress", "instanceType"}:
        return None
    kind = body.get("instanceType", "m5.large")
    if not isinstance(kind, str) or find_type(kind) is None:
        raise BadControlInput("instanceType: must be an instance type of EC2")
    subnets = resources_of(target, "Subnet")
    name = body.get("subnetId") or next(iter(subnets), "")
    if name not in subnets:
        raise BadControlInput(f"subnetId: there is no subnet {name} in this account and Region")
    subnet = subnets[name]
    address = body.get("privateIpAddress") or find_address(target, subnet, instance_id)
    try:
        is_inside = ipaddress.IPv4Address(address) in cidr_of(subnet)
    except ValueError as error:
        raise BadControlInput(f"privateIpAddress: {error}") from error
    if not is_inside:
        raise BadControlInput(f"privateIpAddress: must be in {subnet['CidrBlock']}, the range of the subnet")
    zone = str(subnet["AvailabilityZone"])
    runs = body.get("state", "running") == "running"
    return Placement(str(name), str(subnet["VpcId"]), zone, kind, str(address), runs=runs)
