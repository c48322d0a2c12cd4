"""Instance types: their size, their architecture, and the quota that their vCPUs count against.

The names of a family and a size say almost everything: `m5.2xlarge` has 8 vCPUs and 32 GiB. What is computed here is
right for the usual types; it leaves out what a launch does not need, such as the number of network interfaces.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from drs_emulator.protocol.service_model import service_model

SMALL = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4, "large": 8}  # GiB of a T type; all have 2 vCPUs
GIB_PER_VCPU = {"c": 2, "m": 4, "t": 4, "r": 8, "x": 16, "z": 8, "a": 2, "i": 8, "d": 8, "h": 8}
XEN = {
    "t1",
    "t2",
    "m1",
    "m2",
    "m3",
    "m4",
    "c1",
    "c3",
    "c4",
    "r3",
    "r4",
    "i2",
    "i3",
    "d2",
    "h1",
    "x1",
    "x1e",
    "g3",
    "p2",
}
QUOTAS = {  # the codes of "Running On-Demand ... instances", by the first letters of a family
    "standard": ("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    "g": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "vt": ("L-DB2E81BA", "Running On-Demand G and VT instances"),
    "p": ("L-417A185B", "Running On-Demand P instances"),
    "x": ("L-7295265B", "Running On-Demand X instances"),
    "f": ("L-74FC7D96", "Running On-Demand F instances"),
    "inf": ("L-1945791B", "Running On-Demand Inf instances"),
    "dl": ("L-6E869C2A", "Running On-Demand DL instances"),
    "trn": ("L-2C3B7624", "Running On-Demand Trn instances"),
    "hpc": ("L-F7808C92", "Running On-Demand HPC instances"),
    "u": ("L-43DA4232", "Running On-Demand High Memory instances"),
}
USUAL_FAMILIES = {
    "c4",
    "c5",
    "c6g",
    "c6i",
    "c7i",
    "m4",
    "m5",
    "m5a",
    "m6g",
    "m6i",
    "m7i",
    "r4",
    "r5",
    "r6g",
    "r6i",
    "r7i",
}
USUAL_FAMILIES |= {"t2", "t3", "t3a", "t4g", "x2idn", "g4dn"}
NAME = re.compile(r"([a-z]+)(\d*)([a-z0-9-]*)\.([a-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A type. `quota` is the code of the Service Quota of its vCPUs."""

    name: str
    vcpus: int
    mib: int
    architecture: str
    is_nitro: bool
    quota: str

    def to_api(self) -> dict[str, Any]:
        return {
            "InstanceType": self.name,
            "CurrentGeneration": self.is_nitro,
            "FreeTierEligible": False,
            "SupportedUsageClasses": ["on-demand", "spot"],
            "SupportedRootDeviceTypes": ["ebs"],
            "SupportedVirtualizationTypes": ["hvm"],
            "BareMetal": ".metal" in self.name,
            "Hypervisor": "nitro" if self.is_nitro else "xen",
            "ProcessorInfo": {"SupportedArchitectures": [self.architecture]},
            "VCpuInfo": {"DefaultVCpus": self.vcpus},
            "MemoryInfo": {"SizeInMiB": self.mib},
            "InstanceStorageSupported": False,
        }


@cache
def find_type(name: str) -> InstanceType | None:
    """Return the type, or None if the model of EC2 does not have it."""
    match = NAME.fullmatch(name)
    if match is None or name not in service_model("ec2").shape("InstanceType").enum:
        return None
    family, generation, attributes, size = match.groups()
    vcpus = _count_vcpus(size)
    gib = SMALL[size] if family == "t" and size in SMALL else vcpus * GIB_PER_VCPU.get(family[:1], 4)
    is_arm = "g" in attributes or (family, generation) == ("a", "1")
    prefix = family if family in QUOTAS else "standard"
    return InstanceType(
        name,
        vcpus,
        round(gib * 1024),
        "arm64" if is_arm else "x86_64",
        f"{family}{generation}{attributes}" not in XEN,
        QUOTAS[prefix][0],
    )


def _count_vcpus(size: str) -> int:
    if size in SMALL:
        return 2
    multiple = re.match(r"(?:metal-)?(\d+)xl", size)
    return 4 * int(multiple[1]) if multiple else 96 if size.startswith("metal") else 4


@cache
def usual_types() -> tuple[str, ...]:
    """Return the names of the types that an account is offered, in order."""
    known = service_model("ec2").shape("InstanceType").enum
    return tuple(sorted(name for name in known if name.split(".")[0] in USUAL_FAMILIES))
