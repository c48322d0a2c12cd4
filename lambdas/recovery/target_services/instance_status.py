"""EC2's status checks of instances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.known_ids import ask_in_parts
from recovery.target_services.permissions import Permission

# DescribeInstanceStatus takes at most 100 ids (EC2's API reference).
MAX_IDS = 100

_UNKNOWN_ID = "InvalidInstanceID.NotFound"

_NO_STATUS = "insufficient-data"


@dataclass(frozen=True, slots=True)
class InstanceStatus:
    """What EC2 says of an instance.

    `state` is EC2's: pending, running, stopping, stopped, shutting-down or terminated. Of the checks, each is ok,
    impaired, initializing, insufficient-data or not-applicable.
    """

    instance_id: str
    state: str
    system: str
    instance: str
    attached_ebs: str

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "InstanceStatus":
        """Read EC2's InstanceStatus shape. Older instance types have no check of their EBS volumes."""
        return cls(
            instance_id=item["InstanceId"],
            state=item.get("InstanceState", {}).get("Name", "pending"),
            system=item.get("SystemStatus", {}).get("Status", _NO_STATUS),
            instance=item.get("InstanceStatus", {}).get("Status", _NO_STATUS),
            attached_ebs=item.get("AttachedEbsStatus", {}).get("Status", "not-applicable"),
        )

    @property
    def checks(self) -> tuple[tuple[str, str], ...]:
        """The name and the status of each check."""
        return (("system", self.system), ("instance", self.instance), ("attached EBS", self.attached_ebs))

    @property
    def has_passed(self) -> bool:
        """Whether the instance runs and all its checks that apply are ok."""
        return self.state == "running" and all(status in ("ok", "not-applicable") for _, status in self.checks)


def describe(target: Target, instance_ids: Iterable[str]) -> dict[str, InstanceStatus | None]:
    """The status of each instance, and None for one that EC2 does not know, or not yet.

    One call for 100 instances, and another one if EC2 does not know some of them. Raise TargetAccessDenied, and errors
    that are transient.
    """
    return ask_in_parts(instance_ids, MAX_IDS, _UNKNOWN_ID, lambda part: _describe(target, part))


def _describe(target: Target, part: Sequence[str]) -> dict[str, InstanceStatus]:
    answer = calls.read(
        target,
        "ec2",
        "describe_instance_status",
        permission=Permission.CHECKS,
        InstanceIds=list(part),
        IncludeAllInstances=True,
    )
    return {item["InstanceId"]: InstanceStatus.from_ec2(item) for item in answer.get("InstanceStatuses", ())}
