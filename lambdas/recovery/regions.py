"""AWS's Regions: which exist, to which partition they belong, and which an account has to enable first."""

import difflib
from functools import lru_cache

from botocore.loaders import create_loader

# Every Region that AWS opened after March 2019 has to be enabled by each account ("opt-in Region", guide of AWS Account
# Management). These are older. Other partitions have no opt-in Regions.
_ENABLED_BY_DEFAULT = frozenset(
    {
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
        *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)


@lru_cache(maxsize=1)
def _partitions() -> dict[str, str]:
    """The partition of each Region that this version of botocore knows."""
    known = create_loader().load_data("partitions")["partitions"]
    return {region: each["id"] for each in known for region in each["regions"] if not region.endswith("-global")}


def find_partition(region: str) -> str | None:
    """The partition of a Region, such as `aws-us-gov`; None for a Region that does not exist."""
    return _partitions().get(region)


def suggest(region: str) -> str | None:
    """The Region whose name is most like this text; None when none is like it."""
    return next(iter(difflib.get_close_matches(region, sorted(_partitions()), n=1)), None)


def is_opt_in(region: str) -> bool:
    """Whether an account can use the Region only after it has enabled it."""
    return find_partition(region) == "aws" and region not in _ENABLED_BY_DEFAULT
