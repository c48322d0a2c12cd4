"""Messages to operators about what a run has changed in targets and is not as before, and what it has reserved."""

from collections.abc import Sequence
from itertools import groupby

from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.execution import Mode, Run
from recovery.domain.target import Target
from recovery.observability.operator_messages import MAX_REASONS, name_section, publish
from recovery.store.launches.reservations import Reservation
from recovery.store.launches.settings_changes import SettingsChange
from recovery.wording import first_of, plural


def send_settings_left(changes: Sequence[SettingsChange]) -> None:
    """Report settings that were not put back, with the reason for each server: one message for each run and target."""
    by_run = sorted(changes, key=lambda change: (change.owner.execution_id, change.target.key, change.server_id))
    for (execution_id, target), each in groupby(by_run, lambda change: (change.owner.execution_id, change.target)):
        left, mode = list(each), Mode.of_run(execution_id).value
        reasons = [f"{change.server_id}: {change.reason}" for change in left]
        one = ("--server", left[0].server_id) if len(left) == 1 else ()
        place = ("--target", target.key)
        text = sns.format_facts(
            {
                "Kind": mode,
                "Execution": execution_id,
                "Target": target.key,
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
            f"launch settings of {plural(len(left), 'server')} in {{target}} not put back after a {mode}",
            {"target": target.key},
            text,
            target=target.key,
            executionId=execution_id,
        )


def send_capacity_reserved(run: Run, target: Target, reserved: Sequence[Reservation], problems: Sequence[str]) -> None:
    """Report what a run has reserved, which costs money, and what it could not reserve."""
    if not (reserved or problems):
        return
    kinds = [f"{each.count} of {each.instance_type} in {each.zone} ({each.reservation_id})" for each in reserved]
    publish(
        run,
        "CAPACITY_RESERVED" if not problems else "CAPACITY_NOT_RESERVED",
        "capacity reserved" if not problems else "not all capacity reserved",
        {
            "Target": target.key,
            "Reserved": "; ".join(first_of(kinds, MAX_REASONS)) or "nothing",
            "Not reserved": "; ".join(first_of(problems, MAX_REASONS)) or None,
            "What happens": "the run goes on; its reservations cost money until it ends, and 24 hours at most",
            "Runbook": name_section("Capacity is not reserved") if problems else None,
        },
    )
