"""The message to operators that the answer of a plan's readiness has changed."""

from collections.abc import Sequence

from recovery.commands import format_command
from recovery.domain.execution import Execution
from recovery.domain.findings.finding import Finding, Severity
from recovery.domain.standing.answers import AnswerChange
from recovery.observability import operator_messages
from recovery.wording import first_of, plural

# Findings that a message describes, and codes that it names.
MAX_FINDINGS, MAX_CODES = 10, 20


def send_changed(execution: Execution, change: AnswerChange, found: Sequence[Finding]) -> None:
    """Report that a run of the schedule has another answer than the one before. `found` are the run's findings."""
    run, now, before = execution.run, change.now, change.before
    hours = execution.plan.readiness_every_hours
    again = f"every {plural(hours, 'hour')}" if hours else "before each drill of its schedule"
    operator_messages.publish(
        run,
        "READINESS_CHANGED",
        now.status.value if before is None or before.status is not now.status else f"{now.status.value}, with changes",
        {
            "Answer": _describe_answers(change),
            "Result": now.reason,
            "New": _describe_new(change, found),
            "Gone": ", ".join(first_of(change.gone_codes, MAX_CODES)),
            "What to do": [
                format_command("findings", run.execution_id),
                "After the repair, check again:",
                format_command("readiness", run.plan_id),
            ]
            if now.codes or not now.is_ready
            else None,
            "Next": f"the plan is checked {again}, and a message follows each change",
            "Runbook": operator_messages.name_section("Readiness has changed"),
        },
        status=now.status.value,
    )


def describe_change(change: AnswerChange | None) -> dict[str, str | list[str] | None]:
    """What has changed, for the message about the end of a run that a person has started; nothing without news."""
    if change is None or change.before is None or not change.is_news:
        return {}
    return {
        "Before": f"{change.before.status.value} on {_minute(change.before.at)}",
        "New": ", ".join(first_of(change.new_codes, MAX_CODES)),
        "Gone": ", ".join(first_of(change.gone_codes, MAX_CODES)),
    }


def _minute(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"


def _describe_answers(change: AnswerChange) -> str:
    if change.before is None:
        return f"{change.now.status.value}, the first of this plan"
    return f"{change.now.status.value}, after {change.before.status.value} on {_minute(change.before.at)}"


def _describe_new(change: AnswerChange, found: Sequence[Finding]) -> list[str]:
    """A line for each finding with a code that is new: the evidence, and what to do about it."""
    new = [each for each in found if each.severity is Severity.BLOCKING and each.code in change.new_codes]
    return first_of([_describe_finding(each) for each in new], MAX_FINDINGS)


def _describe_finding(finding: Finding) -> str:
    servers = f" ({plural(len(finding.server_ids), 'server')})" if finding.server_ids else ""
    return f"{finding.code}{servers}: {'. '.join(filter(None, [finding.evidence, finding.remedy]))}"
