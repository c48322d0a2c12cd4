"""Prices of what a drill uses: On-Demand, Linux, shared tenancy, in one Region, in USD.

The table is kept by hand, so it needs no permission and no call, and it ages. It was written from memory and compared
with published prices in samples, not line by line: hold a figure against aws.amazon.com/ec2/pricing/on-demand or
aws.amazon.com/ebs/pricing before you rely on it. `PRICES_OF` says when, `REGION` where. An instance costs its family's
price of a vCPU times its vCPUs, which is how EC2 prices the sizes of a family; T types also differ by size.
"""

from collections.abc import Mapping
from types import MappingProxyType

PRICES_OF = "2026-06-30"
REGION = "us-east-1"
CURRENCY = "USD"

HOURS_PER_MONTH = 730
"""By which AWS converts prices of a month (ebs/pricing)."""

GP3_GIB_MONTH = 0.08

CONVERSION_TYPE = "m5.large"
"""DRS converts a server in an instance of its own. The type is DRS's choice, and its documentation names none."""

CONVERSION_HOURS = 0.25
"""A conversion of small Linux servers took up to 4 min in captured jobs, and Windows takes longer."""

DEFAULT_TYPE = "m5.large"
"""What a server without a known price is counted as."""

VCPU_HOUR: Mapping[str, float] = MappingProxyType(
    {
        "m4": 0.05, "m5": 0.048, "m5a": 0.043, "m5ad": 0.0515, "m5d": 0.0565, "m5dn": 0.068, "m5n": 0.0595,
        "m5zn": 0.0826, "m6a": 0.0432, "m6g": 0.0385, "m6gd": 0.0452, "m6i": 0.048, "m6id": 0.05933, "m6idn": 0.07956,
        "m6in": 0.06962, "m7a": 0.05796, "m7g": 0.0408, "m7gd": 0.0534, "m7i": 0.0504, "m7i-flex": 0.04788,
        "m8g": 0.04488,
        "c4": 0.05, "c5": 0.0425, "c5a": 0.0385, "c5ad": 0.043, "c5d": 0.048, "c5n": 0.054, "c6a": 0.03825,
        "c6g": 0.034, "c6gd": 0.0384, "c6gn": 0.0432, "c6i": 0.0425, "c6id": 0.0504, "c6in": 0.0567, "c7a": 0.05132,
        "c7g": 0.03625, "c7gd": 0.04535, "c7gn": 0.0624, "c7i": 0.044625, "c7i-flex": 0.04239, "c8g": 0.03988,
        "r4": 0.0665, "r5": 0.063, "r5a": 0.0565, "r5ad": 0.0655, "r5b": 0.0745, "r5d": 0.072, "r5dn": 0.0835,
        "r5n": 0.0745, "r6a": 0.0567, "r6g": 0.0504, "r6gd": 0.0576, "r6i": 0.063, "r6id": 0.0756, "r6idn": 0.09772,
        "r6in": 0.08718, "r7a": 0.07607, "r7g": 0.05355, "r7gd": 0.06805, "r7i": 0.06615, "r7iz": 0.093, "r8g": 0.05891,
        "i3": 0.078, "i3en": 0.113, "i4i": 0.0858, "x1": 0.1042, "x1e": 0.2085, "x2gd": 0.0835, "x2idn": 0.1042,
        "x2iedn": 0.2084, "x2iezn": 0.2085, "z1d": 0.093,
    }
)  # fmt: skip
"""The price of a vCPU for an hour, by family. A family with GPUs or of bare metal only is left out."""

T_SIZE_HOUR: Mapping[str, float] = MappingProxyType({"t2": 0.0464, "t3": 0.0416, "t3a": 0.0376, "t4g": 0.0336})
"""The price of the size `medium` for an hour, by family; each size costs about twice the one below it."""

_T_SIZES = {"nano": 0.125, "micro": 0.25, "small": 0.5, "medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8}
_SMALL = {"medium": 1, "large": 2, "xlarge": 4}


def find_price(instance_type: str, vcpus: int | None = None) -> float | None:
    """The price of an instance of the type for an hour; None where the table has none.

    `vcpus` are those that EC2 says the type has. Without them, they are read off the size.
    """
    family, _, size = instance_type.partition(".")
    if family in T_SIZE_HOUR:
        factor = _T_SIZES.get(size)
        return None if factor is None else T_SIZE_HOUR[family] * factor
    count = vcpus or _read_vcpus(size)
    return None if family not in VCPU_HOUR or count is None else VCPU_HOUR[family] * count


def _read_vcpus(size: str) -> int | None:
    """The vCPUs of a size: 4 of `xlarge`, 32 of `8xlarge`; None for one that does not say, such as `metal`."""
    if size in _SMALL:
        return _SMALL[size]
    number = size.removesuffix("xlarge")
    return int(number) * 4 if number.isdecimal() and size.endswith("xlarge") else None
