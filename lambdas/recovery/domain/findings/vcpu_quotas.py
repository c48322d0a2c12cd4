"""The Service Quotas of vCPUs of running On-Demand instances, one for several families of instance types."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VcpuQuota:
    """A quota of the service `ec2`: its code, and its name without "Running On-Demand"."""

    code: str
    name: str


_STANDARD = VcpuQuota("L-1216C47A", "Standard (A, C, D, H, I, M, R, T, Z) instances")
_G = VcpuQuota("L-DB2E81BA", "G and VT instances")

# The first letters of a family, and the quota of its vCPUs (EC2 user guide, "On-Demand Instance quotas").
_BY_FAMILY = {
    "g": _G,
    "gr": _G,
    "vt": _G,
    "p": VcpuQuota("L-417A185B", "P instances"),
    "x": VcpuQuota("L-7295265B", "X instances"),
    "f": VcpuQuota("L-74FC7D96", "F instances"),
    "inf": VcpuQuota("L-1945791B", "Inf instances"),
    "dl": VcpuQuota("L-6E869C2A", "DL instances"),
    "trn": VcpuQuota("L-2C3B7624", "Trn instances"),
    "hpc": VcpuQuota("L-F7808C92", "HPC instances"),
    "u": VcpuQuota("L-43DA4232", "High Memory instances"),
}

# Storage of gp3 volumes, in TiB: what DRS launches with unless a template says otherwise (service `ebs`).
GP3_STORAGE = "L-7A658B76"


def quota_of(instance_type: str) -> VcpuQuota:
    """The quota that the vCPUs of the type count against; families that no other quota has are standard ones."""
    letters = re.match("[a-z]+", instance_type)
    return _BY_FAMILY.get(letters[0] if letters else "", _STANDARD)
