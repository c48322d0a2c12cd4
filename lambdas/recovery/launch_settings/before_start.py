"""Which servers of a batch must not be launched, because their settings are not those that their profiles ask for."""

from collections.abc import Mapping

from recovery.domain.batch import Batch
from recovery.domain.execution import Run
from recovery.domain.isolation.verdicts import SKIPPED, Place, find_refusal
from recovery.domain.launch_profiles.profiles import Isolation, LaunchProfile, ProfileOption
from recovery.domain.wave_steps.modes import RunMode
from recovery.errors import TargetAccessDenied
from recovery.isolation.prove import prove
from recovery.launch_settings import others
from recovery.launch_settings.changing import describe_change
from recovery.launch_settings.profiled import find_profiles
from recovery.store.launches import applied_settings, findings, settings_changes
from recovery.store.launches.applied_settings import AppliedServer
from recovery.store.launches.settings_changes import ChangeStatus, SettingsChange
from recovery.target_errors import SettingsNotApplied, TargetRefused
from recovery.target_services import launch_templates


def find_unsuitable(run: Run, batch: Batch) -> dict[str, str]:
    """Why each of these servers must not be launched; servers without a reason are left out.

    Raise SettingsNotApplied if the profiles were not applied for this attempt or others' settings are to be put back,
    ServerBusy while they cannot be, and the errors of EC2.
    """
    profiles = find_profiles(batch.ref, batch.server_ids)
    is_drill = batch.ref.mode.of_steps is RunMode.DRILL
    if run.profiles is ProfileOption.SKIP:
        others.require_own_settings(batch, batch.server_ids)
        return dict.fromkeys(_list_required(profiles), SKIPPED) if is_drill else {}
    others.require_own_settings(batch, set(batch.server_ids) - profiles.keys())
    return _judge(batch, profiles, is_drill=is_drill) if profiles else {}


def _judge(batch: Batch, profiles: Mapping[str, LaunchProfile], *, is_drill: bool) -> dict[str, str]:
    """Why each of the servers with a profile must not be launched."""
    of_attempt = _list_applied(batch)
    missing = profiles.keys() - of_attempt.keys()
    if missing and not batch.status.is_in_attempt:
        raise SettingsNotApplied(f"the launch profiles of {batch.ref.key} are not applied for this attempt yet")
    # Once StartRecovery was called, settings are not changed any more: a job may be launching with them.
    found = dict.fromkeys(missing, "its launch profile is not on record as applied for this attempt")
    servers = {server_id: of_attempt[server_id] for server_id in profiles if server_id not in missing}
    found |= {server_id: each.refused for server_id, each in servers.items() if each.refused}
    found |= _find_changed(batch, {each: server for each, server in servers.items() if each not in found})
    if is_drill:
        found |= _find_connected(batch, profiles, {each: servers[each] for each in servers if each not in found})
    return found


def _list_applied(batch: Batch) -> Mapping[str, AppliedServer]:
    """What was applied to each server for the batch's next job."""
    applied = applied_settings.get_applied(batch.ref)
    return applied.servers if applied and applied.attempt == batch.lease_attempt else {}


def _find_changed(batch: Batch, servers: Mapping[str, AppliedServer]) -> dict[str, str]:
    """The servers whose settings were changed since: by a person, or because they were put back."""
    target, found = batch.ref.target, dict[str, str]()
    changed = [server_id for server_id, each in servers.items() if each.is_changed]
    rows = settings_changes.get_changes(target, changed) if changed else {}
    template_ids = {each.template_id for each in servers.values() if each.template_id}
    try:
        shown = launch_templates.get_default_numbers(target, template_ids) if template_ids else {}
    except (TargetAccessDenied, TargetRefused) as error:  # the servers without a profile are launched all the same
        return dict.fromkeys(
            servers, f"EC2 does not show whether its launch template is as it has to be: {error.message}"
        )
    for server_id, each in servers.items():
        number = shown.get(each.template_id) if each.template_id else None
        if each.is_changed and not _is_held(batch, rows.get(server_id)):
            found[server_id] = "its launch settings were put back meanwhile, so it would not be launched by its profile"
        elif number != each.version:
            found[server_id] = describe_change(str(each.template_id), number)
    return found


def _list_required(profiles: Mapping[str, LaunchProfile]) -> dict[str, Isolation]:
    """The isolation that the profiles require, by server, where they require one."""
    of_profiles = {server_id: profile.isolation for server_id, profile in profiles.items()}
    return {server_id: each for server_id, each in of_profiles.items() if each and each.refuses}


def _is_held(batch: Batch, row: SettingsChange | None) -> bool:
    return row is not None and row.owner == batch.ref and row.status is ChangeStatus.CHANGED


def _find_connected(
    batch: Batch, profiles: Mapping[str, LaunchProfile], servers: Mapping[str, AppliedServer]
) -> dict[str, str]:
    """The servers of a drill whose network is not isolated as their profiles require.

    The networks are asked again, because people change them while a wave waits. The answers go on record.
    """
    required = {each: isolation for each, isolation in _list_required(profiles).items() if each in servers}
    places = {
        server_id: Place.list_for(servers[server_id].subnet_ids, servers[server_id].security_groups)
        for server_id in required
    }
    if not places:
        return {}
    vpcs = findings.get_source_vpcs(batch.ref.execution_id, batch.ref.target)
    proven = prove(batch.ref.target, {place for each in places.values() for place in each}, vpcs)
    findings.record_look(batch.ref, [proven[each].to_item() for each in sorted(proven)])
    reasons = {each: find_refusal(isolation, places[each], proven) for each, isolation in required.items()}
    return {server_id: reason for server_id, reason in reasons.items() if reason}
