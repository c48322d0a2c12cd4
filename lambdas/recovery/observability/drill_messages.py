"""Messages to operators about drills of schedules that did not begin: one about all of them that one look decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.drills.schedules import Appointment, AppointmentStatus, Schedule
from recovery.domain.plan import RecoveryPlan
from recovery.observability.operator_messages import name_section
from recovery.wording import first_of, plural

# Lines of a message; a look that comes after days can find many appointments.
MAX_LINES = 30

Decided = tuple[RecoveryPlan, Appointment]


@dataclass(frozen=True, slots=True)
class Untold:
    """A plan, and its schedule with appointments that operators have not been told of."""

    plan: RecoveryPlan
    schedule: Schedule


def send_decided(decided: Sequence[Decided]) -> None:
    """Report what was missed in one message, and what was skipped in another."""
    for status, kind, section in (
        (AppointmentStatus.MISSED, "DRILLS_MISSED", "Drills of schedules were missed"),
        (AppointmentStatus.SKIPPED, "DRILLS_SKIPPED", "Drills of schedules were skipped"),
    ):
        if chosen := [each for each in decided if each[1].status is status]:
            _send(kind, section, chosen)


def _send(kind: str, section: str, chosen: Sequence[Decided]) -> None:
    plans = {plan.plan_id: plan for plan, _ in chosen}
    verb = "missed" if kind == "DRILLS_MISSED" else "skipped"
    subject = f"{plural(len(chosen), 'drill')} {verb}: {{plan}}"
    first = next(iter(plans.values()))
    more = f" and {plural(len(plans) - 1, 'more plan')}" if len(plans) > 1 else ""
    sns.publish(
        kind,
        subject + more,
        {"plan": first.name},
        sns.format_facts(
            {
                "Drills": first_of([_describe(plan, each) for plan, each in chosen], MAX_LINES),
                "What happens": "nothing was launched; the schedule goes on with the next appointment",
                "What to do": [
                    *_advise(kind, chosen),
                    "See what is next:",
                    *first_of([format_command("schedule", "next", plan_id) for plan_id in plans], MAX_LINES),
                ],
                "Runbook": name_section(section),
            }
        ),
        **({"planId": first.plan_id} if len(plans) == 1 else {}),
    )


def _advise(kind: str, chosen: Sequence[Decided]) -> list[str]:
    if kind == "DRILLS_SKIPPED":
        checks = [format_command("findings", each.check_id) for _, each in chosen if each.check_id]
        return ["See what keeps the plan from being ready, and mend it:", *first_of(checks, MAX_LINES)]
    return ["A drill that a person starts counts as well:", *_commands("run", chosen)]


def _commands(command: str, chosen: Sequence[Decided]) -> list[str]:
    ids = dict.fromkeys(plan.plan_id for plan, _ in chosen)
    return first_of([format_command(command, plan_id) for plan_id in ids], MAX_LINES)


def _describe(plan: RecoveryPlan, each: Appointment) -> str:
    return f"{plan.name}, due {each.at[:16].replace('T', ' ')} UTC: {each.reason}"
