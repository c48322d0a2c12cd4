"""Puts the launch settings of a server back to what they were before a run changed them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from aws_lambda_powertools import Logger

from recovery import clock
from recovery.domain.launch_profiles.wanted import CONFIGURATION_MEMBERS
from recovery.domain.target import Target
from recovery.drs import client as drs
from recovery.errors import DrsRefused, DrsWavesError
from recovery.launch_settings import messages
from recovery.launch_settings.owners import FUNCTION_SECONDS, Owners
from recovery.store.launches import settings_changes
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from recovery.target_errors import NotInTarget, TargetRefused
from recovery.target_services import launch_templates
from recovery.target_services.launch_templates import TemplateVersion

logger = Logger(child=True)


class Result(StrEnum):
    """What became of an attempt to put settings back.

    PUT_BACK: they are as before. FORGOTTEN: the row was removed as requested, and they stay. GONE: the server or its
    launch template does not exist any more. LEFT: a person has changed them, or what was there before is gone, so they
    stay. WAITS: try again later.
    """

    PUT_BACK = "PUT_BACK"
    FORGOTTEN = "FORGOTTEN"
    GONE = "GONE"
    LEFT = "LEFT"
    WAITS = "WAITS"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it, and why. Once `is_done`, the server has no row, and another run may change its settings."""

    result: Result
    reason: str = ""
    # The change, if operators have to hear of it.
    news: SettingsChange | None = None

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to put back: the row is removed."""
        return self.result in (Result.PUT_BACK, Result.FORGOTTEN, Result.GONE)


def put_back(
    change: SettingsChange, *, force: bool = False, keep: bool = False, owners: Owners | None = None
) -> Outcome:
    """Put the server's settings back, and remove the row of the change. A repeated call does the rest.

    Nothing is put back while a job may still launch with the settings: the outcome is WAITS then. What a person has
    changed since is not overwritten, unless `force`: the row is LEFT, and operators get one message. With `keep`, only
    the row is removed. `owners` saves reading the same run, batch and jobs for each server of a round.

    A batch calls this first if a server has a row of another batch, or one that is RESTORING. Raise the errors of DRS
    and EC2.
    """
    outcome = try_put_back(change, force=force, keep=keep, owners=owners or Owners(change.target))
    messages.send_settings_left([outcome.news] if outcome.news else [])
    return outcome


def try_put_back(change: SettingsChange, *, force: bool, keep: bool, owners: Owners) -> Outcome:
    """Do what `put_back` does, but leave the message to the caller: `news` of the outcome."""
    if keep:
        return Outcome(Result.FORGOTTEN) if settings_changes.remove(change) else _overtaken()
    if change.status is ChangeStatus.LEFT and not force:
        return Outcome(Result.LEFT, change.reason or "")
    if use := _find_use(change, owners):
        return Outcome(Result.WAITS, use)
    claimed = _claim(change)
    if claimed is None:
        return _overtaken()
    try:
        outcome = _restore(claimed, force=force)
    except DrsWavesError:
        _unclaim(claimed)
        raise
    if outcome.result is Result.WAITS:
        _unclaim(claimed)
    if outcome.result is Result.LEFT:
        return replace(outcome, news=_leave(change, claimed, outcome.reason))
    if outcome.is_done and not settings_changes.remove(claimed):
        return _overtaken()
    if outcome.result is Result.GONE:
        return replace(outcome, news=replace(claimed, reason=outcome.reason))
    return outcome


def note_problem(target: Target, server_id: str, problem: str | None) -> SettingsChange | None:
    """Record why the settings could not be put back; return the change if that is new, so that operators hear of it."""
    change = settings_changes.get_changes(target, [server_id]).get(server_id)
    if change is None or change.reason == problem:
        return None
    return settings_changes.write(replace(change, reason=problem), before=change)


def _overtaken() -> Outcome:
    return Outcome(Result.WAITS, "another function has changed the row")


def _find_use(change: SettingsChange, owners: Owners) -> str | None:
    """Why nothing may be put back now; None if it may be."""
    if change.status is not ChangeStatus.RESTORING:
        return owners.find_use(change)
    # A batch was over when its settings began to be put back, and starts no job while they are.
    since = clock.parse_iso(change.restoring_since) if change.restoring_since else 0.0
    return "another function is putting it back" if clock.now() - since < FUNCTION_SECONDS else None


def _claim(change: SettingsChange) -> SettingsChange | None:
    """The row as RESTORING, so that one function puts the settings back and no batch starts with them meanwhile."""
    return settings_changes.write(
        replace(change, status=ChangeStatus.RESTORING, restoring_since=clock.iso()), before=change
    )


def _unclaim(claimed: SettingsChange) -> None:
    """Give the claim up, so that another try can begin at once. The row stays RESTORING: a part may be put back."""
    settings_changes.write(replace(claimed, restoring_since=None), before=claimed)


def _leave(before: SettingsChange, claimed: SettingsChange, reason: str) -> SettingsChange | None:
    """Record that the settings stay; return the change unless operators know it."""
    left = replace(claimed, status=ChangeStatus.LEFT, reason=reason, restoring_since=None)
    return left if settings_changes.write(left, before=claimed) and before.reason != reason else None


def _restore(change: SettingsChange, *, force: bool) -> Outcome:
    default = launch_templates.get_version(change.target, change.template_id) if change.template_id else None
    if default is None:
        default, gone = _explain_missing(change)
        if gone:
            return _give_up(change, gone)
    may_restore = default is not None and (force or _is_own(change, default))
    if obstacle := _find_obstacle(change, default, may_restore=may_restore):
        return Outcome(Result.LEFT, obstacle)
    if not _restore_configuration(change, force=force):
        return Outcome(Result.GONE, "DRS does not know the source server any more")
    if may_restore and change.version_before is not None:
        return _restore_template(change)
    return Outcome(Result.PUT_BACK)


def _find_obstacle(change: SettingsChange, default: TemplateVersion | None, *, may_restore: bool) -> str | None:
    """Why the template has to stay as it is: a person has changed it, or what was there before is gone."""
    if default and not may_restore and (change.data is not None or change.version is not None):
        by = f", written by {default.created_by}" if default.created_by else ""
        return f"the default version of {change.template_id} is {default.number} now{by}"
    if may_restore and change.version_before is not None:
        before = launch_templates.get_version(change.target, str(change.template_id), change.version_before)
        if before is None:
            return f"version {change.version_before} of {change.template_id}, the default before, is deleted"
    return None


def _explain_missing(change: SettingsChange) -> tuple[TemplateVersion | None, str]:
    """What stands in for a default version that EC2 does not show; and why the template is given up, if it is gone.

    A template exists while one of its versions does, and then its default version may be set again.
    """
    if change.template_id is None:
        return None, ""
    if change.version_before is not None and (
        before := launch_templates.get_version(change.target, change.template_id, change.version_before)
    ):
        return before, ""
    return None, f"the launch template {change.template_id} does not exist any more"


def _give_up(change: SettingsChange, reason: str) -> Outcome:
    """Put the launch configuration back although the template is gone."""
    if not _restore_configuration(change, force=False):
        return Outcome(Result.GONE, "DRS does not know the source server any more")
    return Outcome(Result.GONE, reason)


def _is_own(change: SettingsChange, default: TemplateVersion) -> bool:
    """Whether the default version is the one before, that of the run, or one that DRS itself wrote."""
    if default.number in (change.version_before, change.version) or default.is_by_drs:
        return True
    if change.version is None and describes(default.description, change):
        return True
    return change.data is not None and default.fingerprint == change.data


def describe_version(change: SettingsChange) -> str:
    """The description of the version that a run makes, by which it is found again."""
    return f"drs-waves {change.owner.execution_id}: default before was {change.version_before}"


def describes(description: str, change: SettingsChange) -> bool:
    """Whether this is the description of a version that the run has made."""
    return description.startswith(f"drs-waves {change.owner.execution_id}:")


def _restore_configuration(change: SettingsChange, *, force: bool) -> bool:
    """Put back the members of the launch configuration that are still as the run set them; with `force`, all of them.

    Return False if DRS does not know the server. DRS may write a version of the template when it is called, so this
    comes before the template.
    """
    if not change.configuration_before:
        return True
    try:
        now = drs.get_launch_configuration(change.target, change.server_id)
    except DrsRefused:
        if drs.describe_source_servers(change.target, [change.server_id]):
            raise
        return False
    members = _members_to_restore(
        change, {name: getattr(now, CONFIGURATION_MEMBERS[name]) for name in change.configuration_before}, force=force
    )
    if members:
        drs.update_launch_configuration(change.target, change.server_id, members)
    return True


def _members_to_restore(change: SettingsChange, now: Mapping[str, Any], *, force: bool) -> dict[str, Any]:
    """What DRS did not say before is not known, and stays."""
    return {
        name: before
        for name, before in change.configuration_before.items()
        if before is not None and now[name] != before and (force or now[name] in (change.configuration.get(name), None))
    }


def _restore_template(change: SettingsChange) -> Outcome:
    """Make the version before the default one, see that it is, and delete the version of the run."""
    target, template_id, number = change.target, str(change.template_id), int(change.version_before or 0)
    try:
        # Also if it is the default one by what was read: EC2 shows a change after some seconds (its API reference,
        # "Eventual consistency"), and DRS may have written a version when the configuration was put back.
        launch_templates.set_default(target, template_id, number)
        default = launch_templates.get_version(target, template_id)
    except NotInTarget as error:  # deleted this moment: the next try finds what is left
        return Outcome(Result.WAITS, error.message)
    if default is None or default.number != number:
        return Outcome(Result.WAITS, f"EC2 does not show version {number} of {template_id} as the default one yet")
    if change.data_before and default.fingerprint != change.data_before:
        return Outcome(Result.LEFT, f"version {number} of {template_id} has other data than before")
    _delete_own_versions(change, default)
    return Outcome(Result.PUT_BACK)


def _delete_own_versions(change: SettingsChange, default: TemplateVersion) -> None:
    """Delete what the run has made, also a version whose number was never recorded. One that stays does no harm."""
    template_id, after = default.template_id, default.number
    numbers = {change.version} if change.version else set()
    if change.version is None and change.data is not None:
        found = launch_templates.list_versions_after(change.target, template_id, after)
        numbers = {each.number for each in found if describes(each.description, change)}
    try:
        if numbers - {default.number}:
            launch_templates.delete_versions(change.target, template_id, sorted(numbers - {default.number}))
    except (NotInTarget, TargetRefused) as error:
        logger.warning("version not deleted", extra={"template": template_id, "reason": error.message})
