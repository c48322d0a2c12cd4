"""Messages to operators about launch settings that a run has changed and that are not as before."""

from collections.abc import Sequence
from itertools import groupby

from recovery.aws import sns
from recovery.commands import format_command
from recovery.observability.operator_messages import MAX_REASONS, name_section
from recovery.store.launches.settings_changes import SettingsChange
from recovery.wording import first_of, plural


def send_settings_left(changes: Sequence[SettingsChange]) -> None:
    """Report settings that were not put back, with the reason for each server: one message for each run and target."""
    by_run = sorted(changes, key=lambda change: (change.owner.execution_id, change.target.key, change.server_id))
    for (execution_id, target), each in groupby(by_run, lambda change: (change.owner.execution_id, change.target)):
        left = list(each)
        reasons = [f"{change.server_id}: {change.reason}" for change in left]
        one = ("--server", left[0].server_id) if len(left) == 1 else ()
        place = ("--target", target.key)
        text = sns.format_facts(
            {
                "Target": target.key,
                "Changed by": execution_id,
                "Servers": "; ".join(first_of(reasons, MAX_REASONS)),
                "What happens": "launches use them as they are; drs-waves overwrites no change of a person",
                "See them": format_command("profiles", "show", *place),
                "Put them back anyway": format_command("profiles", "restore", *one, *place, "--force"),
                "Let them stay": format_command("profiles", "restore", *one, *place, "--keep"),
                "Runbook": name_section("Launch settings are not put back"),
            }
        )
        sns.publish(
            "SETTINGS_LEFT",
            f"launch settings of {plural(len(left), 'server')} in {{target}} not put back",
            {"target": target.key},
            text,
            target=target.key,
            executionId=execution_id,
        )
