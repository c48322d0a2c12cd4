"""Changes the launch settings of one server to what its profile asks for.

The row of the change is written first, so that whatever ends the function, the settings are put back. Each step may
have been done by an earlier try whose answer was lost, or that was killed: every try reads what is there, and does what
is left.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.batch import BatchRef
from recovery.domain.drs_shapes.launch_configurations import LaunchConfiguration
from recovery.domain.launch_profiles.profiles import LaunchProfile, RecoveryMode
from recovery.domain.launch_profiles.settings import LaunchSettings, fingerprint, read_place
from recovery.domain.launch_profiles.subnets import Subnet
from recovery.domain.launch_profiles.wanted import (
    CONFIGURATION_MEMBERS,
    ProfiledServer,
    ProfileRefused,
    WantedSettings,
    build_wanted,
)
from recovery.drs import client as drs
from recovery.errors import ServerBusy
from recovery.launch_settings import others, restore
from recovery.launch_settings.restore import Outcome, Result
from recovery.store.launches import settings_changes
from recovery.store.launches.applied_settings import AppliedServer
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import launch_templates
from recovery.target_services.launch_templates import OWN, TemplateVersion

logger = Logger(child=True)

# How long EC2 may show a launch template as it was. Its API reference ("Eventual consistency") names no figure; this is
# a minute and a margin.
VISIBLE_WITHIN_SECONDS = 90


# What DRS does if it does not say a member: a server without a recoveryMode is launched with a conversion. No document
# says so; FAST came later, as a choice.
UNSET: Mapping[str, Any] = {"recoveryMode": RecoveryMode.OPTIMAL.value}


class NotVisibleYet(Exception):
    """EC2 may show the template as it was before a change; the next round looks again."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A server and its profile, the batch that launches it, and the attempt, which began at `began_at`."""

    ref: BatchRef
    attempt: int
    began_at: float
    profile: LaunchProfile
    server: ProfiledServer
    subnets: Mapping[str, Subnet]

    def build(self, configuration: LaunchConfiguration, version: TemplateVersion) -> WantedSettings:
        """What the settings have to be. Raise ProfileRefused."""
        settings = LaunchSettings(configuration, version.number, version.data)
        return build_wanted(self.profile, settings, self.server, self.subnets)


def change_settings(wanted: Wanted, row: SettingsChange | None) -> AppliedServer:
    """Change the settings of the server to those wanted, unless they are so. `row` is its row, if it has one.

    Raise ProfileRefused, NotVisibleYet, ServerBusy while another batch needs its own settings of the server, and the
    errors of DRS and EC2.
    """
    row = _free(wanted, row) if row else None
    target, server_id = wanted.ref.target, wanted.server.server_id
    configuration = drs.get_launch_configuration(target, server_id)
    if configuration.template_id is None:
        raise ProfileRefused("DRS names no launch template of it, so its launch profile cannot be applied")
    default, newest = _read_default(wanted, configuration.template_id)
    if row is None:
        _require_visible(wanted, default)
    elif _is_of_person(default, row):
        raise ProfileRefused(describe_change(configuration.template_id, default.number))
    needed = wanted.build(configuration, default)
    if needed.configuration or needed.data != default.data:
        return _change(wanted, row, _Found(configuration, default, newest), needed)
    if row and row.status is ChangeStatus.CHANGING:  # an earlier try has done everything but this
        number = default.number if default.number != row.version_before else None
        _conclude(row, replace(row, status=ChangeStatus.CHANGED, version=number, data=default.fingerprint))
    return _describe(wanted, configuration, default, is_changed=row is not None)


def describe_change(template_id: str, number: int | None) -> str:
    """Why a server is not launched: its launch template is not as the run has left it."""
    now = f"its default version is {number}" if number else "it does not exist any more"
    return f"its launch template {template_id} was changed meanwhile: {now}, which is not the one for its profile"


def _free(wanted: Wanted, row: SettingsChange) -> SettingsChange | None:
    """The row if it is of this batch. One of another batch, or one that is being put back, is put back first.

    What a person has changed since stays: this run starts from it, and puts it back. A recovery must not wait until
    an operator has decided about the settings of an earlier drill.
    """
    if row.owner == wanted.ref and row.status in (ChangeStatus.CHANGING, ChangeStatus.CHANGED):
        return row
    outcome = restore.put_back(row)
    if outcome.result is Result.LEFT:
        logger.warning("settings of a person taken as they are", extra={"server": row.server_id, "was": outcome.reason})
        outcome = _forget(row)
    if outcome.is_done:
        return None
    raise ServerBusy(f"{row.server_id} has launch settings of {row.owner.key} still: {outcome.reason}")


def _forget(row: SettingsChange) -> Outcome:
    """Remove the row of settings that stay, unless another batch has taken the server over since."""
    left = settings_changes.get_changes(row.target, [row.server_id]).get(row.server_id)
    if left is None:
        return Outcome(Result.FORGOTTEN)
    if left.status is not ChangeStatus.LEFT:
        return Outcome(Result.WAITS, f"{left.owner.key} has changed them meanwhile")
    return restore.put_back(left, keep=True)


def _read_default(wanted: Wanted, template_id: str) -> tuple[TemplateVersion, int]:
    """The default version, and the number of the newest one."""
    found = launch_templates.get_default_and_latest(wanted.ref.target, template_id)
    if found is None:
        raise ProfileRefused(f"its launch template {template_id}, or the default version of it, does not exist")
    return found


def _require_visible(wanted: Wanted, default: TemplateVersion) -> None:
    """Raise NotVisibleYet for a version of a run, although none has changed the server: it was just put back.

    If EC2 goes on showing it, it is the default one: an operator has chosen to keep it.
    """
    if default.description.startswith(OWN) and clock.now() - wanted.began_at < VISIBLE_WITHIN_SECONDS:
        raise NotVisibleYet


def _is_of_person(default: TemplateVersion, row: SettingsChange) -> bool:
    """Whether the default version is neither the one before, nor of this run, nor of DRS itself."""
    if default.number in (row.version_before, row.version) or default.is_by_drs:
        return False
    return not restore.describes(default.description, row)


@dataclass(frozen=True, slots=True)
class _Found:
    """The settings of a server as they were read; `newest` is the number of the newest version of the template."""

    configuration: LaunchConfiguration
    default: TemplateVersion
    newest: int


def _change(wanted: Wanted, row: SettingsChange | None, found: _Found, needed: WantedSettings) -> AppliedServer:
    target, configuration = wanted.ref.target, found.configuration
    earlier = row.version if row else None
    row = _write_unheld(wanted, _begin(wanted, row, found, needed), row)
    if needed.configuration:
        drs.update_launch_configuration(target, row.server_id, needed.configuration)
        configuration = needed.configure(configuration)
    row, version = _change_template(wanted, row, replace(found, configuration=configuration), needed)
    number = version.number if version.number != row.version_before else None
    changed = replace(row, status=ChangeStatus.CHANGED, version=number, data=version.fingerprint if number else None)
    _conclude(row, changed)
    if earlier and earlier not in (number, row.version_before):
        _delete(row, earlier)
    return _describe(wanted, configuration, version, is_changed=True)


def _change_template(
    wanted: Wanted, row: SettingsChange, found: _Found, needed: WantedSettings
) -> tuple[SettingsChange, TemplateVersion]:
    """Make a version with these data the default one, unless the default one has them; return the row and the version.

    Versions have consecutive numbers. So the number of the new one says whether another was made since the template was
    read: by DRS when the configuration was changed, or by a person. Only then the template is read again.
    """
    made = _create(row, needed) if needed.data != found.default.data else None
    is_first = made.number == found.newest + 1 if made else not needed.configuration
    if not is_first:
        default, _ = _read_default(wanted, found.default.template_id)
        if default.number not in (found.default.number, made.number if made else None):
            if made:
                _delete(row, made.number)
            if not needed.configuration and _is_of_person(default, row):
                _write(replace(row, data=None), row)  # the template is as the person wants it: nothing to put back
                raise ProfileRefused(describe_change(default.template_id, default.number))
            needed = wanted.build(found.configuration, default)
            row = _write(replace(row, data=_fingerprint_of_new(needed, default)), row)
            made = _create(row, needed) if needed.data != default.data else default
    if made is None:
        return row, found.default
    launch_templates.set_default(row.target, made.template_id, made.number)
    return row, made


def _create(row: SettingsChange, needed: WantedSettings) -> TemplateVersion:
    return launch_templates.create_version(
        row.target, str(row.template_id), needed.data, restore.describe_version(row), _token(row, needed)
    )


def _delete(row: SettingsChange, number: int) -> None:
    """Delete the version of an earlier attempt. One that stays does no harm."""
    try:
        launch_templates.delete_versions(row.target, str(row.template_id), [number])
    except (NotInTarget, TargetRefused) as error:
        logger.warning("version not deleted", extra={"template": row.template_id, "reason": error.message})


def _begin(wanted: Wanted, row: SettingsChange | None, found: _Found, needed: WantedSettings) -> SettingsChange:
    """The row before the change. What was there before an earlier attempt of the batch is what was there before."""
    default = found.default
    now = {name: _read_member(found.configuration, name) for name in needed.configuration}
    begun = row or SettingsChange(
        target=wanted.ref.target,
        server_id=wanted.server.server_id,
        owner=wanted.ref,
        status=ChangeStatus.CHANGING,
        template_id=default.template_id,
        version_before=default.number,
        data_before=default.fingerprint,
    )
    return replace(
        begun,
        status=ChangeStatus.CHANGING,
        attempt=wanted.attempt,
        configuration_before={**now, **begun.configuration_before},
        configuration={**begun.configuration, **needed.configuration},
        version=None,
        data=_fingerprint_of_new(needed, default) or begun.data,
    )


def _read_member(configuration: LaunchConfiguration, name: str) -> Any:
    """The value to put back. Raise ProfileRefused if DRS does not say it."""
    value = getattr(configuration, CONFIGURATION_MEMBERS[name])
    if value is None and name not in UNSET:
        raise ProfileRefused(f"DRS does not say its {name}, so what a launch profile changes could not be put back")
    return UNSET[name] if value is None else value


def _fingerprint_of_new(needed: WantedSettings, default: TemplateVersion) -> str | None:
    """That of the version that has to be made; None if the default one will do."""
    return fingerprint(needed.data) if needed.data != default.data else None


def _write(row: SettingsChange, before: SettingsChange | None) -> SettingsChange:
    written = settings_changes.write(row, before)
    if written is None:
        raise ServerBusy(f"another function is changing the launch settings of {row.server_id}")
    return written


def _write_unheld(wanted: Wanted, row: SettingsChange, before: SettingsChange | None) -> SettingsChange:
    """Write the row, unless another batch is launching the server. A start that comes later finds the row."""
    written = _write(row, before)
    try:
        others.require_unheld(wanted.ref, row.server_id)
    except ServerBusy:
        if before is None:  # nothing is changed yet
            settings_changes.remove(written)
        raise
    return written


def _conclude(before: SettingsChange, row: SettingsChange) -> None:
    """Record that the settings are as wanted. If the row was removed meanwhile, they were put back too early."""
    if settings_changes.write(row, before) is None:
        settings_changes.write(row, None)  # without a row, nothing would put them back again
        raise ServerBusy(f"another function has put back the launch settings of {row.server_id} meanwhile")


def _token(row: SettingsChange, needed: WantedSettings) -> str:
    """The same for every try of this change, so that one version is made however often an answer is lost."""
    parts = (row.owner.key, row.attempt, row.server_id, row.version_before, fingerprint(needed.data))
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def _describe(
    wanted: Wanted, configuration: LaunchConfiguration, version: TemplateVersion, *, is_changed: bool
) -> AppliedServer:
    place = read_place(configuration, version.data, wanted.server.source_address)
    return AppliedServer(
        at=clock.now(),
        template_id=version.template_id,
        version=version.number,
        is_changed=is_changed,
        subnet_ids=place.subnet_ids if place.is_said else (),
        security_groups=tuple(sorted(place.security_groups)),
        private_ip=place.address,
    )
