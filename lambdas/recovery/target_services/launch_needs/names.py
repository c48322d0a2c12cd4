"""Things that launch settings name: security groups, instance profiles and key pairs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget
from recovery.target_services import calls
from recovery.target_services.permissions import Permission

# A filter takes at most 200 values (EC2's API reference).
MAX_VALUES = 200


def find_security_groups(target: Target, group_ids: Iterable[str]) -> dict[str, str]:
    """The VPC of each of the security groups that exists, by group; one call for 200 groups.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    found = _find(target, "describe_security_groups", "SecurityGroups", "group-id", group_ids)
    return {each["GroupId"]: each.get("VpcId", "") for each in found}


def find_key_pairs(target: Target, names: Iterable[str]) -> frozenset[str]:
    """Those of the key pairs that the Region has. Raise TargetAccessDenied, TargetRefused, and transient errors."""
    found = _find(target, "describe_key_pairs", "KeyPairs", "key-name", names)
    return frozenset(each["KeyName"] for each in found)


def _find(target: Target, method: str, member: str, by: str, values: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """What the operation lists for 200 values of its filter `by` at a time; a filter may name what does not exist."""
    asked = sorted(set(values))
    for at in range(0, len(asked), MAX_VALUES):
        filters = [{"Name": by, "Values": asked[at : at + MAX_VALUES]}]
        for page in calls.read_pages(target, "ec2", method, permission=Permission.READINESS, Filters=filters):
            yield from page[member]


def find_instance_profiles(target: Target, names: Iterable[str]) -> frozenset[str]:
    """Those of the instance profiles that the account has; one call for each of them.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    return frozenset(name for name in sorted(set(names)) if _has_profile(target, name))


def _has_profile(target: Target, name: str) -> bool:
    try:
        calls.read(target, "iam", "get_instance_profile", permission=Permission.READINESS, InstanceProfileName=name)
    except NotInTarget:
        return False
    return True
