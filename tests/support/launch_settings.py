"""The launch settings of source servers as DRS and EC2 have them, to hold those of before against those of after."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

OWN = "drs-waves "
"""What the description of each version begins with that drs-waves creates."""
CHANGES = ("SERVER#", "RESERVATION#")
"""What the rows of the table target-changes begin with that say what has to be put back."""


def read_settings(drs: Any, ec2: Any, server_ids: Iterable[str]) -> dict[str, str]:
    """By server, as one text: its launch configuration, and the number, the data and the description of the default
    version of its launch template. The clients are of the servers' account and Region.
    """
    return {server_id: json.dumps(_read(drs, ec2, server_id), sort_keys=True, default=str) for server_id in server_ids}


def _read(drs: Any, ec2: Any, server_id: str) -> dict[str, Any]:
    configuration = drs.get_launch_configuration(sourceServerID=server_id)
    configuration.pop("ResponseMetadata", None)
    template = configuration["ec2LaunchTemplateID"]
    (default,) = list_versions(ec2, template, "$Default")
    kept = ("VersionNumber", "VersionDescription", "LaunchTemplateData", "CreatedBy", "CreateTime")
    return {"configuration": configuration, "template": {name: default.get(name) for name in kept}}


def list_versions(ec2: Any, template: str, *versions: str) -> list[Mapping[str, Any]]:
    """These versions of a launch template, or all."""
    asked = {"Versions": list(versions)} if versions else {}
    found: list[Mapping[str, Any]] = ec2.describe_launch_template_versions(LaunchTemplateId=template, **asked)[
        "LaunchTemplateVersions"
    ]
    return found


def template_of(drs: Any, server_id: str) -> str:
    """The id of the launch template of a server."""
    return str(drs.get_launch_configuration(sourceServerID=server_id)["ec2LaunchTemplateID"])


def list_own_versions(drs: Any, ec2: Any, server_ids: Iterable[str]) -> list[str]:
    """The descriptions of the versions of drs-waves that the templates of the servers have."""
    return [
        str(version["VersionDescription"])
        for server_id in server_ids
        for version in list_versions(ec2, template_of(drs, server_id))
        if str(version.get("VersionDescription", "")).startswith(OWN)
    ]


def change_as_a_person(ec2: Any, template: str, **data: Any) -> int:
    """Create a version from the default one with other data, make it the default, and return its number."""
    made = ec2.create_launch_template_version(
        LaunchTemplateId=template, SourceVersion="$Default", VersionDescription="by hand", LaunchTemplateData=data
    )
    number = int(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=str(number))
    return number
