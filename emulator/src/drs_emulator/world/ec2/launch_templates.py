"""The launch template of each source server, which DRS makes and changes.

A new server has one. DRS launches from its default version; it may also write a version of its own, when the launch
configuration tells it to choose the type or to copy the private address.
"""

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from drs_emulator.records.ec2.launch_template import MANAGED_TAG, LaunchTemplate, TemplateVersion, Values
from drs_emulator.records.launch_configuration import TEMPLATE_INSTANCE_TYPE
from drs_emulator.records.source_server import SourceServer
from drs_emulator.world.target import Target

SERVICE_ROLE = "AWSServiceRoleForElasticDisasterRecovery"


def author_of(target: Target) -> str:
    return f"arn:aws:sts::{target.key.account}:assumed-role/{SERVICE_ROLE}/drs.amazonaws.com"


def make_templates(
    target: Target, servers: Iterable[SourceServer], data: Mapping[str, Values] = MappingProxyType({})
) -> None:
    """Make the launch templates of new source servers. `data`, by server, replace members of the default ones."""
    for server in servers:
        template_id = server.launch.ec2_template_id
        version = TemplateVersion(
            1, server.added_at, author_of(target), _default_data(server) | data.get(server.id, {})
        )
        target.ec2.templates[template_id] = LaunchTemplate(
            template_id,
            f"created-and-used-by-drs-{template_id[3:]}",
            server.added_at,
            author_of(target),
            {1: version},
            [(server.added_at, 1)],
            tags={MANAGED_TAG[0]: MANAGED_TAG[1], "Name": server.machine.hostname},
        )
    target.ec2.templates_are_made = True


def _default_data(server: SourceServer) -> Values:
    """Return what a new template has: no subnet, so DRS launches into a default subnet of the account."""
    volume = {"VolumeType": "gp3", "Iops": 3000, "Throughput": 125}
    return {
        "InstanceType": TEMPLATE_INSTANCE_TYPE,
        "NetworkInterfaces": [{"DeviceIndex": 0}],
        "BlockDeviceMappings": [{"DeviceName": disk.device, "Ebs": dict(volume)} for disk in server.machine.disks],
        "TagSpecifications": [
            {
                "ResourceType": "instance",
                "Tags": [{"Key": "AWSElasticDisasterRecoverySourceServerID", "Value": server.id}],
            }
        ],
    }


def write_settings(target: Target, server: SourceServer, now: float) -> None:
    """Write the type and the private address of the launch configuration into the template, as a new default version.

    The guide says that right-sizing updates the type on the template, and that the private address is copied to it.
    """
    template = target.ec2.templates.get(server.launch.ec2_template_id)
    if template is None:
        return
    data = copy.deepcopy(template.versions[template.default].data)
    if server.launch.right_sizes:
        data["InstanceType"] = server.instance_type
    interfaces = data.setdefault("NetworkInterfaces", [{"DeviceIndex": 0}])
    if server.launch.copies_private_ip:
        interfaces[0]["PrivateIpAddress"] = server.machine.ip
    elif interfaces[0].get("PrivateIpAddress") == server.machine.ip:
        del interfaces[0]["PrivateIpAddress"]
    if data != template.versions[template.default].data:
        version = template.add_version(data, now, author_of(target))
        template.set_default(version.number, now)
