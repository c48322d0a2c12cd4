"""The message to operators that a person has rejected a drill."""

from recovery import clock
from recovery.commands import format_command
from recovery.domain.execution import Run
from recovery.observability import operator_messages

# The due date that the command for a finding has as an example.
_DAYS_TO_MEND = 30


def send_rejected(run: Run, by: str, comment: str) -> None:
    """Report that a run that has ended was rejected. A rejection that only gets another reason is not reported."""
    operator_messages.publish(
        run,
        "REJECTED",
        "rejected",
        {
            "Rejected by": by,
            "Reason": comment,
            "What happens": "the drill does not count for its plan, and the evidence is written again, with the verdict"
            if run.mode.value == "DRILL"
            else "the evidence is written again, with the verdict",
            "What to do": [
                "open a finding for what has to be done, with an owner and a date:",
                format_command("drill-findings", "open", run.execution_id, *_example(clock.now())),
                "then drill again:",
                format_command("run", run.plan_id),
            ],
            "Runbook": operator_messages.name_section("A drill was rejected"),
        },
    )


def _example(now: float) -> tuple[str, ...]:
    """The options of a finding, with words in capitals for what the reader knows."""
    return "--title", "WHAT", "--owner", "WHO", "--due", clock.iso(now + _DAYS_TO_MEND * 86_400)[:10]
