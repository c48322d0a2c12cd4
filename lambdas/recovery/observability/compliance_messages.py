"""The message of the week: which plans are overdue for a drill, due, or stale, and which servers are in no plan."""

from collections.abc import Sequence
from dataclasses import dataclass

from recovery.aws import sns
from recovery.commands import format_command
from recovery.observability.operator_messages import name_section
from recovery.wording import first_of, plural

# Lines of each kind.
MAX_LINES = 20


@dataclass(frozen=True, slots=True)
class WeekOfDrills:
    """What is said of a week, each text a line. `plans` counts those that have a drill policy."""

    week: str
    plans: int
    overdue: Sequence[str] = ()
    due: Sequence[str] = ()
    stale: Sequence[str] = ()
    unplanned: Sequence[str] = ()

    @property
    def has_news(self) -> bool:
        """Whether there is anything to do."""
        return any((self.overdue, self.due, self.stale, self.unplanned))


def send_week(week: WeekOfDrills) -> None:
    """Report what is overdue, due and stale. Raise ClientError, BotoCoreError."""
    counts = [
        f"{len(week.overdue)} overdue" if week.overdue else "",
        f"{len(week.due)} due within 14 days" if week.due else "",
        f"{len(week.stale)} stale" if week.stale else "",
        f"{plural(len(week.unplanned), 'server')} in no plan" if week.unplanned else "",
    ]
    said = ", ".join(filter(None, counts)) or f"{_all(week.plans)} compliant"
    sns.publish_or_raise(
        "COMPLIANCE",
        "drills in {week}: {said}",
        {"week": week.week, "said": said},
        sns.format_facts(
            {
                "Week": week.week,
                "Result": None if week.has_news else f"{_all(week.plans)} compliant",
                "Overdue": first_of(week.overdue, MAX_LINES),
                "Due within 14 days": first_of(week.due, MAX_LINES),
                "Stale": first_of(week.stale, MAX_LINES),
                "In no plan": first_of(week.unplanned, MAX_LINES),
                "See it": [format_command("compliance")],
                "Runbook": name_section("A plan is overdue for a drill") if week.overdue else None,
            }
        ),
    )


def _all(plans: int) -> str:
    return f"all {plans} plans are" if plans != 1 else "the only plan with a drill policy is"
