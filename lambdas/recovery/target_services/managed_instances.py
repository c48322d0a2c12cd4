"""The agents of Systems Manager on instances."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.domain.target import Target
from recovery.target_services import calls
from recovery.target_services.known_ids import ask_in_parts
from recovery.target_services.permissions import Permission

# A filter of DescribeInstanceInformation takes 100 values, and a page has at most 50 instances (its model in botocore).
MAX_IDS = 50

_UNKNOWN_ID = "InvalidInstanceId"


@dataclass(frozen=True, slots=True)
class ManagedInstance:
    """An instance with an agent. `ping` is Online, ConnectionLost or Inactive; `platform` Linux, Windows or MacOS."""

    instance_id: str
    ping: str
    platform: str
    agent_version: str

    @classmethod
    def from_ssm(cls, item: Mapping[str, Any]) -> "ManagedInstance":
        """Read the InstanceInformation shape of Systems Manager."""
        return cls(
            instance_id=item["InstanceId"],
            ping=item.get("PingStatus", "Inactive"),
            platform=item.get("PlatformType", ""),
            agent_version=item.get("AgentVersion", ""),
        )

    @property
    def is_online(self) -> bool:
        """Whether the agent answered within the last minutes, so that commands reach it."""
        return self.ping == "Online"


def describe(target: Target, instance_ids: Iterable[str]) -> dict[str, ManagedInstance | None]:
    """The agent of each instance, and None for one whose agent has not registered.

    One call for 50 instances, and another one if Systems Manager refuses some of them. Raise TargetAccessDenied, and
    errors that are transient.
    """
    return ask_in_parts(instance_ids, MAX_IDS, _UNKNOWN_ID, lambda part: _describe(target, part))


def _describe(target: Target, part: Sequence[str]) -> dict[str, ManagedInstance]:
    pages = calls.read_pages(
        target,
        "ssm",
        "describe_instance_information",
        permission=Permission.CHECKS,
        Filters=[{"Key": "InstanceIds", "Values": list(part)}],
        MaxResults=MAX_IDS,
    )
    found = (ManagedInstance.from_ssm(item) for page in pages for item in page["InstanceInformationList"])
    return {each.instance_id: each for each in found}
