"""Keeps what a readiness run has answered on its plan."""

from recovery import clock
from recovery.catalog import standing
from recovery.domain.execution import Mode, Run
from recovery.domain.findings.finding import Finding
from recovery.domain.standing.answers import AnswerChange, AnswerStatus, ReadinessAnswer
from recovery.domain.verdicts import ExecutionVerdict
from recovery.store.launches import findings


def keep(run: Run, verdict: ExecutionVerdict) -> AnswerChange | None:
    """Keep the verdict on a readiness run as the last answer of its plan; return it with the one before.

    None if it is no answer, or is kept already, and if the plan has a later one or is gone.
    """
    status = AnswerStatus.of_run(verdict.status)
    if run.mode is not Mode.READINESS or status is None:
        return None
    found = list_findings(run.execution_id)
    ended_at = run.ended_at or clock.iso()
    answer = ReadinessAnswer.of_run(run.execution_id, status, ended_at, verdict.reason, found)
    return standing.record_answer(run.plan_id, answer)


def list_findings(execution_id: str) -> list[Finding]:
    """The findings of the run in all of its targets."""
    return [finding for target in findings.list_findings(execution_id) for finding in target.findings]
