"""Launch settings of servers: what runs have changed, and what a launch profile would change."""

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from api.schemas.responses.base import Paged, Time
from recovery import clock
from recovery.domain.launch_profiles.profiles import Isolation
from recovery.domain.wave_steps.modes import RunMode
from recovery.launch_settings.of_run import ServerOfRun, SettingsState
from recovery.launch_settings.preview import SettingsPreview, ShownSettings
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange

Configuration = Annotated[dict[str, Any], Field(description="Members of the launch configuration, by DRS's names.")]


class ChangedSettings(TypedDict):
    """What a run has changed of a server's launch settings and has to put back."""

    accountId: str
    region: str
    sourceServerId: str
    status: Annotated[
        ChangeStatus,
        Field(
            description="CHANGING, then CHANGED; RESTORING while they are put back; LEFT if a person has changed them "
            "since, so they stay as they are."
        ),
    ]
    executionId: Annotated[str, Field(description="The run that changed them.")]
    wave: str
    batch: Annotated[int, Field(description="The batch of the wave, from 1.")]
    changedAt: Annotated[Time | None, Field(description="When the change began.")]
    reason: Annotated[str | None, Field(description="Why they are refused or left; null for others.")]
    launchTemplateId: Annotated[str | None, Field(description="The launch template of the server in EC2.")]
    versionBefore: Annotated[
        int | None, Field(description="The default version of the template before, which is put back.")
    ]
    version: Annotated[
        int | None, Field(description="The version that the run has made the default; null if it made none so far.")
    ]
    configurationBefore: Annotated[
        Configuration, Field(description="The changed members of the launch configuration, as they were before.")
    ]
    configuration: Annotated[Configuration, Field(description="The same members, as the run has set them.")]


class ChangedSettingsPage(Paged):
    """A page of changed settings."""

    launchSettings: Annotated[list[ChangedSettings], Field(description="By the ids of servers.")]


class RestoreStarted(TypedDict):
    """Settings that are being put back."""

    restore: Annotated[str, Field(description="The name of the execution of the machine restore-target.")]
    accountId: str
    region: str


class LaunchSettings(TypedDict):
    """How DRS launches a server. What is null is left to DRS or EC2."""

    subnetIds: Annotated[list[str], Field(description="The subnets of its network interfaces, the first one first.")]
    securityGroups: Annotated[list[str], Field(description="Its security groups.")]
    privateIp: Annotated[str | None, Field(description="Its private address; null for one that EC2 chooses.")]
    instanceType: Annotated[str | None, Field(description="Its instance type; null if DRS chooses it.")]
    instanceProfile: Annotated[str | None, Field(description="The name of its instance profile; null for none.")]
    tags: Annotated[dict[str, str], Field(description="The tags that its launch template gives to the instance.")]
    disposition: Annotated[str | None, Field(description="Whether DRS starts the instance: STARTED or STOPPED.")]
    recoveryMode: Annotated[str | None, Field(description="FAST without a conversion, or OPTIMAL.")]


class ProfiledSettings(TypedDict):
    """A server of the group: its launch settings now, and after its launch profile."""

    sourceServerId: str
    hostname: str | None
    hasProfile: Annotated[bool, Field(description="Whether the group has a launch profile for it in such a run.")]
    launchTemplateId: Annotated[str | None, Field(description="The launch template of the server in EC2.")]
    version: Annotated[int | None, Field(description="The default version of the template now.")]
    changedBy: Annotated[
        str | None, Field(description="The run that has changed the settings and has not put them back yet.")
    ]
    now: Annotated[LaunchSettings | None, Field(description="The settings now; null if they could not be read.")]
    wanted: Annotated[
        LaunchSettings | None,
        Field(description="The settings after the profile; null if there is none, or it is refused."),
    ]
    changes: Annotated[list[str], Field(description="The fields that differ between `now` and `wanted`.")]
    refused: Annotated[
        str | None,
        Field(description="Why the profile does not suit the server, so that no run launches it; else null."),
    ]
    unread: Annotated[str | None, Field(description="Why its settings could not be read; else null.")]


class ProfiledSettingsPage(Paged):
    """What the launch profile of a group would change, server by server."""

    groupId: str
    accountId: str
    region: str
    mode: Annotated[RunMode, Field(description="The kind of run.")]
    isolation: Annotated[
        Isolation | None,
        Field(description="What a drill requires of the networks; null if nothing, or for a recovery."),
    ]
    launchSettings: Annotated[list[ProfiledSettings], Field(description="The servers of this page.")]


class AppliedSettings(TypedDict):
    """A server of a run that has a launch profile: how it was launched, and what became of its launch settings."""

    sourceServerId: str
    accountId: str
    region: str
    wave: str
    batch: Annotated[int, Field(description="The batch of the wave, from 1.")]
    attempt: Annotated[int, Field(description="The attempt to launch it for which the profile was applied, from 1.")]
    appliedAt: Annotated[Time, Field(description="When its settings were as its profile wants them.")]
    state: Annotated[
        SettingsState,
        Field(
            description="UNCHANGED: its settings were so already. CHANGED: they are not put back yet. PUT_BACK: that "
            "is over. LEFT: a person has changed them since, so they stay. REFUSED: it was not launched."
        ),
    ]
    reason: Annotated[str | None, Field(description="Why they are left or refused; null for others.")]
    launchTemplateId: Annotated[str | None, Field(description="The launch template of the server in EC2.")]
    version: Annotated[int | None, Field(description="The default version of the template that DRS launched from.")]
    subnetIds: Annotated[list[str], Field(description="The subnets that it was to be launched into.")]
    securityGroups: Annotated[list[str], Field(description="Its security groups.")]
    privateIp: Annotated[str | None, Field(description="The private address that it was to have; null for any.")]


class AppliedSettingsPage(Paged):
    """A page of the servers of a run that have a launch profile."""

    launchSettings: Annotated[list[AppliedSettings], Field(description="Batch by batch.")]


def build_applied(server: ServerOfRun) -> AppliedSettings:
    """A server of a run with the settings of its last attempt."""
    applied = server.applied
    return {
        "sourceServerId": server.server_id,
        "accountId": server.ref.target.account_id,
        "region": server.ref.target.region,
        "wave": server.ref.wave,
        "batch": server.ref.number,
        "attempt": server.attempt,
        "appliedAt": clock.iso(applied.at),
        "state": server.state,
        "reason": server.reason,
        "launchTemplateId": applied.template_id,
        "version": applied.version,
        "subnetIds": list(applied.subnet_ids),
        "securityGroups": list(applied.security_groups),
        "privateIp": applied.private_ip,
    }


def build_change(change: SettingsChange) -> ChangedSettings:
    """A row of the `target-changes` table."""
    return {
        "accountId": change.target.account_id,
        "region": change.target.region,
        "sourceServerId": change.server_id,
        "status": change.status,
        "executionId": change.owner.execution_id,
        "wave": change.owner.wave,
        "batch": change.owner.number,
        "changedAt": change.changed_at,
        "reason": change.reason,
        "launchTemplateId": change.template_id,
        "versionBefore": change.version_before,
        "version": change.version,
        "configurationBefore": dict(change.configuration_before),
        "configuration": dict(change.configuration),
    }


def build_preview(found: SettingsPreview, change: SettingsChange | None) -> ProfiledSettings:
    """A server of a group; `change` is what a run has changed of its settings and not put back."""
    now, wanted = _build_settings(found.now), _build_settings(found.wanted)
    return {
        "sourceServerId": found.server_id,
        "hostname": found.hostname,
        "hasProfile": found.profile is not None,
        "launchTemplateId": found.template_id,
        "version": found.version,
        "changedBy": change.owner.execution_id if change else None,
        "now": now,
        "wanted": wanted,
        "changes": [name for name, value in now.items() if value != wanted[name]] if now and wanted else [],  # type: ignore[literal-required]
        "refused": found.refused,
        "unread": found.unread,
    }


def _build_settings(settings: ShownSettings | None) -> LaunchSettings | None:
    if settings is None:
        return None
    place, configuration = settings.place, settings.configuration
    return {
        "subnetIds": list(place.subnet_ids),
        "securityGroups": list(place.security_groups),
        "privateIp": place.address,
        "instanceType": place.instance_type,
        "instanceProfile": place.instance_profile,
        "tags": dict(place.tags),
        "disposition": configuration.disposition,
        "recoveryMode": configuration.recovery_mode,
    }
