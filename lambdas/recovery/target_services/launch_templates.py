"""EC2's launch templates of source servers: their default versions, and versions of a run's own."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from recovery.domain.launch_profiles.settings import TemplateData, fingerprint
from recovery.domain.target import Target
from recovery.drs import assumed_roles
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import calls
from recovery.target_services.known_ids import ask_in_parts
from recovery.target_services.permissions import Permission

# DescribeLaunchTemplates takes at most 200 ids (EC2's API reference), and so does a page.
MAX_IDS = 200

# With more templates than this, all default versions of the target are listed.
MANY = 10

# What the description of a version begins with that a run has made.
OWN = "drs-waves "

# How the names of the functions end that change launch settings; a session of the target role has the name of one.
_CHANGERS = ("-apply-settings", "-restore-target")

MISSING, MISSING_VERSION = "InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateId.VersionNotFound"


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    """A version of a launch template. `created_by` is an ARN; DRS writes versions with its service-linked role."""

    template_id: str
    number: int
    data: TemplateData
    description: str = ""
    created_by: str = ""
    created_at: str = ""

    @classmethod
    def from_ec2(cls, item: Mapping[str, Any]) -> "TemplateVersion":
        """Read EC2's LaunchTemplateVersion shape."""
        created = item.get("CreateTime")
        return cls(
            template_id=item["LaunchTemplateId"],
            number=int(item["VersionNumber"]),
            data=item.get("LaunchTemplateData", {}),
            description=item.get("VersionDescription", ""),
            created_by=item.get("CreatedBy", ""),
            created_at=created.isoformat() if created else "",
        )

    @property
    def fingerprint(self) -> str:
        """A short text that two versions share only if their data are equal."""
        return fingerprint(self.data)

    @property
    def is_by_drs(self) -> bool:
        """Whether DRS itself wrote it: with its service-linked role (DRS user guide) or, as it works in EC2 elsewhere,
        in the name of the function that has changed the launch configuration, without a description of drs-waves.
        """
        if "AWSServiceRoleForElasticDisasterRecovery" in self.created_by:
            return True
        return self.created_by.endswith(_CHANGERS) and not self.description.startswith(OWN)


def get_default_numbers(target: Target, template_ids: Iterable[str]) -> dict[str, int]:
    """The number of the default version of each of these templates that exists; one call for 200 templates.

    Raise TargetAccessDenied, and errors that are transient.
    """
    found = ask_in_parts(template_ids, MAX_IDS, MISSING, lambda part: _read_defaults(target, part))
    return {template_id: number for template_id, number in found.items() if number is not None}


def _read_defaults(target: Target, part: Sequence[str]) -> dict[str, int]:
    pages = calls.read_pages(
        target, "ec2", "describe_launch_templates", permission=Permission.PROFILES, LaunchTemplateIds=list(part)
    )
    return {
        each["LaunchTemplateId"]: int(each["DefaultVersionNumber"])
        for page in pages
        for each in page["LaunchTemplates"]
    }


def get_default_versions(target: Target, template_ids: Collection[str]) -> dict[str, TemplateVersion]:
    """The default version of each of these templates that has one, with few calls for many of them.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    if len(template_ids) > MANY:
        try:
            listed = _list_default_versions(target)
            return {each: listed[each] for each in template_ids if each in listed}
        except NotInTarget:  # a template without its default version refuses the list, and has to be found
            pass
    found = ((each, get_version(target, each)) for each in sorted(template_ids))
    return {template_id: version for template_id, version in found if version}


def _list_default_versions(target: Target) -> dict[str, TemplateVersion]:
    """The default version of every template of the target, by template; one call for 200 of them."""
    pages = calls.read_pages(
        target,
        "ec2",
        "describe_launch_template_versions",
        permission=Permission.READINESS,
        Versions=["$Default"],
        MaxResults=MAX_IDS,
    )
    versions = (TemplateVersion.from_ec2(item) for page in pages for item in page["LaunchTemplateVersions"])
    return {version.template_id: version for version in versions}


def get_version(target: Target, template_id: str, version: str | int = "$Default") -> TemplateVersion | None:
    """A version of the template, the default one unless it is named; None if the template or the version is gone.

    Raise TargetAccessDenied, TargetRefused, and errors that are transient.
    """
    try:
        answer = calls.read(
            target,
            "ec2",
            "describe_launch_template_versions",
            permission=Permission.PROFILES,
            LaunchTemplateId=template_id,
            Versions=[str(version)],
        )
    except NotInTarget:
        return None
    return next((TemplateVersion.from_ec2(item) for item in answer["LaunchTemplateVersions"]), None)


def get_default_and_latest(target: Target, template_id: str) -> tuple[TemplateVersion, int] | None:
    """The default version and the number of the newest one, in one call; None if the template or the version is gone.

    Raise what `get_version` raises.
    """
    try:
        answer = calls.read(
            target,
            "ec2",
            "describe_launch_template_versions",
            permission=Permission.PROFILES,
            LaunchTemplateId=template_id,
            Versions=["$Default", "$Latest"],
        )
    except NotInTarget:
        return None
    found = answer["LaunchTemplateVersions"]
    default = next((TemplateVersion.from_ec2(item) for item in found if item.get("DefaultVersion")), None)
    return (default, max(int(item["VersionNumber"]) for item in found)) if default else None


def list_versions_after(target: Target, template_id: str, number: int) -> list[TemplateVersion]:
    """Versions with a higher number. Raise NotInTarget, TargetAccessDenied, and errors that are transient."""
    pages = calls.read_pages(
        target,
        "ec2",
        "describe_launch_template_versions",
        permission=Permission.PROFILES,
        LaunchTemplateId=template_id,
        MinVersion=str(number + 1),
        MaxResults=MAX_IDS,
    )
    return [TemplateVersion.from_ec2(item) for page in pages for item in page["LaunchTemplateVersions"]]


def create_version(
    target: Target, template_id: str, data: TemplateData, description: str, token: str
) -> TemplateVersion:
    """Create a version with these data. A repeated call with the same `token` returns the first version.

    Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient.
    """
    answer = calls.change(
        target,
        "ec2",
        "create_launch_template_version",
        permission=Permission.PROFILES,
        LaunchTemplateId=template_id,
        VersionDescription=description[:255],
        LaunchTemplateData=_to_request(target, data),
        ClientToken=token,
    )
    return TemplateVersion.from_ec2(answer["LaunchTemplateVersion"])


def set_default(target: Target, template_id: str, number: int) -> None:
    """Make the version the default one. Raise NotInTarget, TargetRefused, TargetAccessDenied, and transient errors."""
    calls.change(
        target,
        "ec2",
        "modify_launch_template",
        permission=Permission.PROFILES,
        LaunchTemplateId=template_id,
        DefaultVersion=str(number),
    )


def delete_versions(target: Target, template_id: str, numbers: Sequence[int]) -> None:
    """Delete versions that are not the default one. Those that do not exist count as deleted.

    Raise NotInTarget, TargetRefused, TargetAccessDenied, and errors that are transient.
    """
    answer = calls.change(
        target,
        "ec2",
        "delete_launch_template_versions",
        permission=Permission.PROFILES,
        LaunchTemplateId=template_id,
        Versions=[str(number) for number in numbers],
    )
    for kept in answer.get("UnsuccessfullyDeletedLaunchTemplateVersions") or ():
        error = kept.get("ResponseError", {})
        if error.get("Code") != "launchTemplateVersionDoesNotExist":
            where = f"{template_id} version {kept.get('VersionNumber')} in {target.key}"
            raise TargetRefused(f"{where} was not deleted: {error.get('Message', '')}", code=str(error.get("Code")))


def _to_request(target: Target, data: TemplateData) -> Any:
    """The data without members that EC2 describes and does not take, such as the state of metadata options."""
    model = assumed_roles.get_client("ec2", target).meta.service_model
    return _keep_members(data, model.shape_for("RequestLaunchTemplateData"))


def _keep_members(value: Any, shape: Shape) -> Any:
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        known = shape.members
        return {name: _keep_members(each, known[name]) for name, each in value.items() if name in known}
    if isinstance(shape, ListShape) and isinstance(value, Sequence) and not isinstance(value, str):
        return [_keep_members(each, shape.member) for each in value]
    return value
