"""Messages to operators about drills of schedules that did not begin: one about all of them that one look decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.aws import sns
from recovery.commands import format_command
from recovery.domain.drills.schedules import Appointment, Schedule
from recovery.domain.execution import Mode
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


def send_missed(missed: Sequence[Decided]) -> None:
    """Report drills whose appointment has passed without them, in one message; nothing if there are none."""
    advice = ["A drill that a person starts counts as well:", *_commands("run", missed)]
    _send("DRILLS_MISSED", "missed", advice, missed)


def send_skipped(skipped: Sequence[Decided]) -> None:
    """Report drills that were not begun because their plan was not ready, in one message; nothing if there are none."""
    checks = [format_command("findings", each.check_id) for _, each in skipped if each.check_id]
    advice = ["See what keeps the plan from being ready, and mend it:", *first_of(checks, MAX_LINES)]
    _send("DRILLS_SKIPPED", "skipped", advice, skipped)


def _send(kind: str, verb: str, advice: Sequence[str], decided: Sequence[Decided]) -> None:
    if not decided:
        return
    plans = {plan.plan_id: plan for plan, _ in decided}
    first = next(iter(plans.values()))
    more = f" and {plural(len(plans) - 1, 'more plan')}" if len(plans) > 1 else ""
    sns.publish(
        kind,
        f"{plural(len(decided), 'drill')} {verb}: {{plan}}{more}",
        {"plan": first.name},
        sns.format_facts(
            {
                "Kind": Mode.DRILL.value,
                "Plan": first.name if len(plans) == 1 else None,
                "Drills": first_of([_describe(plan, each) for plan, each in decided], MAX_LINES),
                "What happens": "nothing was launched; the schedule goes on with the next appointment",
                "What to do": [
                    *advice,
                    "See what is next:",
                    *first_of([format_command("schedule", "next", plan_id) for plan_id in plans], MAX_LINES),
                ],
                "Runbook": name_section(f"Drills of schedules were {verb}"),
            }
        ),
        **({"planId": first.plan_id} if len(plans) == 1 else {}),
    )


def _commands(command: str, chosen: Sequence[Decided]) -> list[str]:
    ids = dict.fromkeys(plan.plan_id for plan, _ in chosen)
    return first_of([format_command(command, plan_id) for plan_id in ids], MAX_LINES)


def _describe(plan: RecoveryPlan, each: Appointment) -> str:
    return f"{plan.name}, {each.at[:16].replace('T', ' ')} UTC: {each.reason}"
