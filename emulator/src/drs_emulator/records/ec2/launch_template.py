"""EC2 launch templates with their versions. Data have the API's form, because they come from validated requests."""

from dataclasses import dataclass, field
from typing import Any

from drs_emulator.clock import iso

Values = dict[str, Any]
MANAGED_TAG = ("AWSElasticDisasterRecoveryManaged", "drs.amazonaws.com")


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A version, which never changes. `created_at` is simulated time."""

    number: int
    created_at: float
    created_by: str
    data: Values
    description: str = ""


@dataclass(slots=True)
class LaunchTemplate:
    """A launch template. `defaults` are the changes of its default version: (time, number), oldest first.

    EC2 is eventually consistent, so a reader may see the template as it was some seconds ago: `delay`.
    """

    id: str
    name: str
    created_at: float
    created_by: str
    versions: dict[int, TemplateVersion]
    defaults: list[tuple[float, int]]
    versions_made: int = 1
    tags: dict[str, str] = field(default_factory=dict)

    def default_at(self, seen_at: float) -> int:
        """Return the number of the default version as a reader sees it who sees the state of `seen_at`."""
        return next((number for at, number in reversed(self.defaults) if at <= seen_at), self.defaults[0][1])

    def versions_at(self, seen_at: float) -> list[TemplateVersion]:
        """Return the versions that such a reader sees, oldest first. The oldest one is always seen."""
        known = [self.versions[number] for number in sorted(self.versions)]
        return [each for index, each in enumerate(known) if index == 0 or each.created_at <= seen_at]

    @property
    def default(self) -> int:
        return self.defaults[-1][1]

    @property
    def latest(self) -> int:
        return max(self.versions)

    def add_version(self, data: Values, at: float, by: str, description: str = "") -> TemplateVersion:
        self.versions_made += 1
        version = TemplateVersion(self.versions_made, at, by, data, description)
        self.versions[version.number] = version
        return version

    def set_default(self, number: int, at: float) -> None:
        """Keep only the last changes, which are those that a late reader can see."""
        self.defaults = [*self.defaults[-20:], (at, number)]

    def to_api(self, seen_at: float) -> Values:
        fields: Values = {
            "LaunchTemplateId": self.id,
            "LaunchTemplateName": self.name,
            "CreateTime": iso(self.created_at),
            "CreatedBy": self.created_by,
            "DefaultVersionNumber": self.default_at(seen_at),
            "LatestVersionNumber": self.versions_at(seen_at)[-1].number,
        }
        if self.tags:
            fields["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())]
        return fields

    def version_to_api(self, version: TemplateVersion, seen_at: float) -> Values:
        fields: Values = {
            "LaunchTemplateId": self.id,
            "LaunchTemplateName": self.name,
            "VersionNumber": version.number,
            "CreateTime": iso(version.created_at),
            "CreatedBy": version.created_by,
            "DefaultVersion": version.number == self.default_at(seen_at),
            "LaunchTemplateData": version.data,
        }
        return fields | ({"VersionDescription": version.description} if version.description else {})
