"""Messages to operators about launch settings that a run has changed and that are not as before."""

from recovery.aws import sns
from recovery.commands import format_command
from recovery.observability.operator_messages import name_section
from recovery.store.launches.settings_changes import SettingsChange


def send_settings_left(change: SettingsChange) -> None:
    """Report settings that stay as they are, because a person has changed them or what was there before is gone."""
    _send(
        change,
        "launch settings of {server} left as they are",
        {
            "Why": change.reason,
            "What happens": "drs-waves does not overwrite them, and launches use them as they are",
            "What to do": [
                "if they shall be as before the run:",
                _format_restore(change, "--force"),
                "if they shall stay:",
                _format_restore(change, "--keep"),
            ],
        },
    )


def send_settings_gone(change: SettingsChange, reason: str) -> None:
    """Report settings that cannot be put back, because the server or its launch template is gone."""
    _send(
        change,
        "launch settings of {server} not put back",
        {
            "Why": reason,
            "What happens": "nothing is left to put back; without a launch template, launches of the server fail",
        },
    )


def _format_restore(change: SettingsChange, option: str) -> str:
    target = change.target
    return format_command(
        "profiles",
        "restore",
        "--account",
        target.account_id,
        "--region",
        target.region,
        "--server",
        change.server_id,
        option,
    )


def _send(change: SettingsChange, subject: str, facts: dict[str, str | list[str] | None]) -> None:
    before = change.version_before
    text = sns.format_facts(
        {
            "Server": f"{change.server_id} in {change.target.key}",
            "Changed by": change.owner.execution_id,
            "Launch template": change.template_id,
            "Default version before": str(before) if before else None,
            **facts,
            "Runbook": name_section("Launch settings are not put back"),
        }
    )
    sns.publish(
        "SETTINGS_LEFT",
        subject,
        {"server": change.server_id},
        text,
        target=change.target.key,
        executionId=change.owner.execution_id,
    )
