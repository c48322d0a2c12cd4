"""How a server is launched: its configuration, what runs on it afterwards, and the templates that new servers take.

Values are kept as the API writes them, for they only ever come from requests that were held against the model.
"""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.target_key import TargetKey

Values = dict[str, Any]

# What a server is launched with where no template says otherwise; the absent ones have no default that is known
LAUNCH_DEFAULTS: Values = {
    "launchDisposition": "STARTED",
    "targetInstanceTypeRightSizingMethod": "BASIC",
    "copyPrivateIp": False,
    "copyTags": True,
    "licensing": {"osByol": False},
    "postLaunchEnabled": False,
}
TEMPLATE_ONLY = {"exportBucketArn", "launchIntoSourceInstance"}
TEMPLATE_INSTANCE_TYPE = "c5.large"  # of the EC2 launch template, which right-sizing NONE leaves as it is


@dataclass(slots=True)
class LaunchConfiguration:
    """`actions` by their ids."""

    name: str
    ec2_template_id: str
    values: Values = field(default_factory=lambda: dict(LAUNCH_DEFAULTS))
    actions: dict[str, Values] = field(default_factory=dict)

    @property
    def copies_tags(self) -> bool:
        return bool(self.values["copyTags"])

    @property
    def copies_private_ip(self) -> bool:
        return bool(self.values["copyPrivateIp"])

    @property
    def starts(self) -> bool:
        return bool(self.values["launchDisposition"] == "STARTED")

    @property
    def right_sizes(self) -> bool:
        return bool(self.values["targetInstanceTypeRightSizingMethod"] != "NONE")

    def actions_to_run(self) -> list[Values]:
        """In their order; none unless post-launch actions are switched on."""
        if not self.values["postLaunchEnabled"]:
            return []
        return in_order([action for action in self.actions.values() if action["active"]])

    def to_api(self, server_id: str) -> Values:
        named = {"sourceServerID": server_id, "name": self.name, "ec2LaunchTemplateID": self.ec2_template_id}
        return named | self.values


def in_order(actions: list[Values]) -> list[Values]:
    return sorted(actions, key=lambda action: (action["order"], action["actionId"]))


@dataclass(slots=True)
class Template:
    """Of launch configurations (`lct-`) or of replication configurations (`rct-`)."""

    id: str
    target: TargetKey
    values: Values
    tags: dict[str, str] = field(default_factory=dict)
    actions: dict[str, Values] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """As in its ARN and, in camel case, before ID."""
        return "launch-configuration-template" if self.id.startswith("lct-") else "replication-configuration-template"

    @property
    def arn(self) -> str:
        return self.target.arn(self.kind, self.id)

    def to_api(self) -> Values:
        first, *rest = self.kind.split("-")
        id_name = first + "".join(word.title() for word in rest) + "ID"
        return {id_name: self.id, "arn": self.arn, "tags": dict(self.tags)} | self.values
