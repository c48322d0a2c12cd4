"""EC2's networks of a target: the subnets that servers are launched into."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# A filter takes at most 200 values (EC2's API reference).
MAX_VALUES = 200

# The most entries of a page that each of these operations permits (botocore's ec2 model).
PAGE = 1_000


def describe_subnets(target: Target, subnet_ids: Iterable[str] | None) -> dict[str, Subnet]:
    """The subnets with these ids that EC2 knows, by id; all of the target for None. One call for 200 ids.

    It uses a filter, because one unknown id in `SubnetIds` makes EC2 refuse the whole call. Raise TargetAccessDenied,
    TargetRefused, and errors that are transient.
    """
    found = _find(target, "describe_subnets", "Subnets", "subnet-id", subnet_ids, Permission.PROFILES)
    return {subnet.subnet_id: subnet for subnet in map(Subnet.from_ec2, found)}


def _find(
    target: Target, method: str, member: str, by: str, values: Iterable[str] | None, permission: Permission
) -> Iterator[Mapping[str, Any]]:
    """What the operation lists for each part of the values of its filter `by`; everything for None."""
    ids = None if values is None else sorted(set(values))
    parts = [None] if ids is None else [ids[at : at + MAX_VALUES] for at in range(0, len(ids), MAX_VALUES)]
    for part in parts:
        filters = {} if part is None else {"Filters": [{"Name": by, "Values": part}]}
        pages = calls.read_pages(target, "ec2", method, permission=permission, MaxResults=PAGE, **filters)
        for page in pages:
            yield from page[member]
