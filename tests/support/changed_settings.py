"""Launch settings of source servers as a run changes them, and as they are."""

import json
from dataclasses import dataclass, replace
from typing import Any

from recovery.domain.batch import BatchRef
from recovery.domain.launch_profiles.settings import fingerprint
from recovery.domain.target import Target
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from tests.support.product import HUB, WEST, Product

TARGET = Target(HUB, WEST)
MEMBERS = ("copyPrivateIp", "launchDisposition", "recoveryMode", "targetInstanceTypeRightSizingMethod")
DRILL_TYPE = "m6i.large"


@dataclass(frozen=True, slots=True)
class Settings:
    """The launch settings of a server: number and data of the default version, and its launch configuration."""

    version: int
    data: str
    configuration: tuple[Any, ...]


def template_of(product: Product, server_id: str) -> str:
    """The id of the server's launch template."""
    configuration = product.emulator.client(HUB, WEST).get_launch_configuration(sourceServerID=server_id)
    return str(configuration["ec2LaunchTemplateID"])


def ec2(product: Product) -> Any:
    """A person with the console of EC2 in the target account."""
    return product.emulator.ec2_client(HUB, WEST)


def versions_of(product: Product, template_id: str) -> list[dict[str, Any]]:
    """All versions of a launch template, newest first."""
    found: list[dict[str, Any]] = ec2(product).describe_launch_template_versions(LaunchTemplateId=template_id)[
        "LaunchTemplateVersions"
    ]
    return found


def read_settings(product: Product, server_id: str) -> Settings:
    """The server's launch settings as they are now."""
    (default,) = [each for each in versions_of(product, template_of(product, server_id)) if each["DefaultVersion"]]
    data = json.dumps(default["LaunchTemplateData"], sort_keys=True)
    return Settings(default["VersionNumber"], data, read_configuration(product, server_id))


def read_configuration(product: Product, server_id: str) -> tuple[Any, ...]:
    """The members of its launch configuration that a profile may change."""
    now = product.emulator.client(HUB, WEST).get_launch_configuration(sourceServerID=server_id)
    return tuple(now.get(member) for member in MEMBERS)


def change_as_a_person(product: Product, server_id: str) -> int:
    """Make another version of the server's launch template and let it be the default one; return its number."""
    template_id = template_of(product, server_id)
    made = ec2(product).create_launch_template_version(
        LaunchTemplateId=template_id, SourceVersion="$Default", LaunchTemplateData={"InstanceType": "r6i.xlarge"}
    )["LaunchTemplateVersion"]["VersionNumber"]
    ec2(product).modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=str(made))
    return int(made)


def change_settings(
    product: Product, server_id: str, run: str, wave: str = "web", batch: int = 1, until: str = ""
) -> SettingsChange:
    """Change the settings of a server for a batch as a run does: the row, the configuration, a version, its default.

    With `until`, stop after that step: `row`, `configuration`, `version` or `default`.
    """
    drs, template_id = product.emulator.client(HUB, WEST), template_of(product, server_id)
    before = next(each for each in versions_of(product, template_id) if each["DefaultVersion"])
    now = drs.get_launch_configuration(sourceServerID=server_id)
    wanted = {"copyPrivateIp": not now["copyPrivateIp"], "targetInstanceTypeRightSizingMethod": "NONE"}
    change = SettingsChange(
        TARGET,
        server_id,
        BatchRef(run, wave, TARGET, batch),
        ChangeStatus.CHANGING,
        attempt=1,
        template_id=template_id,
        version_before=before["VersionNumber"],
        data_before=fingerprint(before["LaunchTemplateData"]),
        configuration_before={name: now[name] for name in wanted},
        configuration=wanted,
        data=fingerprint({**before["LaunchTemplateData"], "InstanceType": DRILL_TYPE}),
        changed_at=run and product.record(run)["requestedAt"],
        revision=1,
    )
    put_row(product, change)
    if until == "row":
        return change
    drs.update_launch_configuration(sourceServerID=server_id, **wanted)
    if until == "configuration":
        return change
    base = next(each for each in versions_of(product, template_id) if each["DefaultVersion"])
    data = {**base["LaunchTemplateData"], "InstanceType": DRILL_TYPE}
    made = ec2(product).create_launch_template_version(
        LaunchTemplateId=template_id,
        LaunchTemplateData=data,
        VersionDescription=f"drs-waves {run}: default before was {change.version_before}",
    )["LaunchTemplateVersion"]["VersionNumber"]
    if until == "version":
        return change
    ec2(product).modify_launch_template(LaunchTemplateId=template_id, DefaultVersion=str(made))
    if until == "default":
        return change
    changed = replace(change, status=ChangeStatus.CHANGED, version=made, data=fingerprint(data), revision=2)
    put_row(product, changed)
    return changed


def put_row(product: Product, change: SettingsChange) -> None:
    """Write the row of a change as it is."""
    product.put("TargetChanges", change.to_item())


def rows_left(product: Product) -> list[SettingsChange]:
    """The rows of changes that are not put back."""
    rows = [row for row in product.items("TargetChanges") if row["item"].startswith("SERVER#")]
    return [SettingsChange.from_item(row) for row in rows]


def wait_for_restores(product: Product, timeout: float = 60) -> list[str]:
    """Wait for every execution of restore-target that was started; return their statuses."""
    return [one.wait(timeout).status for one in product.engine.executions("restore-target")]


def restore(product: Product, **more: Any) -> dict[str, Any]:
    """Run restore-target as the API does, to its end."""
    machine = product.engine.machine_arn("restore-target")
    output: dict[str, Any] = product.engine.run(machine, {"accountId": HUB, "region": WEST, **more}).output
    return output
