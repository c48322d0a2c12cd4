"""Things that launch settings name: security groups, instance profiles and key pairs."""

from collections.abc import Iterable

from recovery.domain.target import Target
from recovery.target_errors import NotInTarget
from recovery.target_services import calls
from recovery.target_services.permissions import Permission


def find_security_groups(target: Target, group_ids: Iterable[str]) -> dict[str, str]:
    """The VPC of each of the security groups that exists, by group; one call for 200 groups.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    pages = calls.read_filtered(
        target, "ec2", "describe_security_groups", permission=Permission.READINESS, by="group-id", values=group_ids
    )
    return {each["GroupId"]: each.get("VpcId", "") for page in pages for each in page["SecurityGroups"]}


def find_key_pairs(target: Target, names: Iterable[str]) -> frozenset[str]:
    """Those of the key pairs that the Region has. Raise TargetAccessDenied, TargetRefused, and transient errors."""
    pages = calls.read_filtered(
        target, "ec2", "describe_key_pairs", permission=Permission.READINESS, by="key-name", values=names, page=None
    )
    return frozenset(each["KeyName"] for page in pages for each in page["KeyPairs"])


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
