"""Launch configurations with their launch actions, and the templates for new servers.

Values have the API's form, because they come from requests that were validated against the model.
"""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.target_key import TargetKey

Values = dict[str, Any]

# The defaults without a template. Members that are absent here have no known default.
LAUNCH_DEFAULTS: Values = {
    "launchDisposition": "STARTED",
    "targetInstanceTypeRightSizingMethod": "BASIC",
    "copyPrivateIp": False,
    "copyTags": True,
    "licensing": {"osByol": False},
    "postLaunchEnabled": False,
}
TEMPLATE_ONLY = {"exportBucketArn", "launchIntoSourceInstance"}
TEMPLATE_INSTANCE_TYPE = "c5.large"  # of the EC2 launch template, which applies if right-sizing is NONE


@dataclass(slots=True)
class LaunchConfiguration:
    """How a server is launched. `actions` maps ids to launch actions."""

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

    @property
    def into_instance(self) -> str:
        """The existing EC2 instance that launches overwrite, or an empty string."""
        return str((self.values.get("launchIntoInstanceProperties") or {}).get("launchIntoEC2InstanceID") or "")

    def actions_to_run(self) -> list[Values]:
        """Return the active launch actions in their order, or none if post-launch actions are disabled."""
        if not self.values["postLaunchEnabled"]:
            return []
        return sort_actions([action for action in self.actions.values() if action["active"]])

    def to_api(self, server_id: str) -> Values:
        identity = {"sourceServerID": server_id, "name": self.name, "ec2LaunchTemplateID": self.ec2_template_id}
        return identity | self.values


def sort_actions(actions: list[Values]) -> list[Values]:
    return sorted(actions, key=lambda action: (action["order"], action["actionId"]))


@dataclass(slots=True)
class Template:
    """A template of launch configurations (`lct-`) or of replication configurations (`rct-`)."""

    id: str
    target: TargetKey
    values: Values
    tags: dict[str, str] = field(default_factory=dict)
    actions: dict[str, Values] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The resource type in its ARN. In camel_case case, with ID appended, it is the name of its id in the API."""
        return "launch-configuration-template" if self.id.startswith("lct-") else "replication-configuration-template"

    @property
    def arn(self) -> str:
        return self.target.arn(self.kind, self.id)

    def to_api(self) -> Values:
        first, *rest = self.kind.split("-")
        id_name = first + "".join(word.title() for word in rest) + "ID"
        return {id_name: self.id, "arn": self.arn, "tags": dict(self.tags)} | self.values
