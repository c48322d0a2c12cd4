"""Operations of EC2 that say where instances are launched, and from what: templates, networks, types and capacity."""

from drs_emulator.operations.ec2 import capacity, instances, launch_templates, networks, template_versions, types

__all__ = ["capacity", "instances", "launch_templates", "networks", "template_versions", "types"]
